"""Anything that is deployed on the far platform."""

import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import targets
from targets.clock import now_ns, sleep
from targets.contract import GENERATION_VARIABLE, Completion, DeploymentError, Endpoint, Order, Package, UnitUsage
from targets.events import Event
from targets.farland.region import Region
from targets.ownership import Owner

POLL_S = 0.1
DEPLOY_LIMIT_S = 120.0


class FarDeployment(ABC):
    """What any deployment there is: no events, no memory that could be polled, a generation for a proof."""

    endpoints: tuple[Endpoint, ...] = ()

    def __init__(self, region: Region, package: Package, order: Order) -> None:
        if order.images_absent:
            raise DeploymentError("the far platform keeps its own images: leave `images: absent` out")
        self.region = region
        self.generation = secrets.token_hex(8)
        self._destroyed = False
        self.name: str = region.call("POST", "/deployments", **self._order(package, order))["name"]
        try:
            self._await_active()
        except BaseException:
            self.destroy()
            raise

    @abstractmethod
    def rules(self, order: Order) -> dict[str, Any]:
        """What of the deploy request the order's settings make."""

    def _order(self, package: Package, order: Order) -> dict[str, Any]:
        environment = {
            "FROSTLINE_WORKLOAD": package.workload,
            "FROSTLINE_CPUS": str(order.sizing.cpus),
            GENERATION_VARIABLE: self.generation,
            **({"FROSTLINE_MODEL_DIR": str(package.model_dir)} if package.model_dir else {}),
            **order.environment,
        }
        return {
            "environment": environment,
            "paths": [*map(str, targets.roots()), package.reference],
            "memory_mb": order.sizing.memory_mb,
            "ledger": _path(order.ledger),
            "tags": {"run": order.run_id, "owner": str(Owner.current())},
            **self.rules(order),
        }

    def _await_active(self) -> None:
        deadline_ns = now_ns() + int(DEPLOY_LIMIT_S * 1e9)
        while self.call("GET")["state"] != "active":
            if now_ns() > deadline_ns:
                raise DeploymentError(f"{self.name} was not active within {DEPLOY_LIMIT_S:.0f} s: run it again")
            sleep(POLL_S)

    def call(self, method: str, path: str = "", **body: Any) -> dict[str, Any]:
        """Ask the platform of this deployment."""
        return self.region.call(method, f"/deployments/{self.name}{path}", **body)

    def make_cold(self) -> str:
        """Give units another nonce; what was started with an earlier one never answers again."""
        return self._renew("/update")

    def reset(self, ledger: Path | None) -> None:
        """As when it was deployed, and with another folder for what the workload writes."""
        self._renew("/anew", ledger=_path(ledger))

    def _renew(self, operation: str, **more: str | None) -> str:
        generation = secrets.token_hex(8)
        self.call("POST", operation, environment={GENERATION_VARIABLE: generation}, **more)
        self.generation = generation
        return generation

    def usage(self) -> list[UnitUsage]:
        """DeploymentError always."""
        raise DeploymentError("the far platform cannot be asked for memory: what it tells, it tells later")

    def events(self) -> list[Event]:
        """None: it keeps its log to itself."""
        return []

    def completions(self, limit_s: float) -> Iterable[Completion]:
        """DeploymentError where replies come at once."""
        raise DeploymentError("each request is answered by its reply: deploy far-queue to collect answers later")

    def describe(self) -> dict[str, Any]:
        """Which platform, and under what name."""
        return {"platform": "far", "function": self.name}

    def destroy(self) -> None:
        """Remove it. Safe to call twice."""
        if not self._destroyed:
            self.call("DELETE")
            self._destroyed = True


def _path(folder: Path | None) -> str | None:
    return str(folder) if folder else None
