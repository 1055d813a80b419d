"""A function on the far platform, as a deployment: no events, a generation for a proof, a log that comes by mail."""

import base64
import secrets
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import targets
from targets.clock import now_ns, sleep
from targets.contract import (
    GENERATION_VARIABLE,
    Completion,
    DeploymentError,
    Endpoint,
    Event,
    Order,
    Package,
    UnitUsage,
    Witnessed,
)
from targets.farland.lines import read_lines
from targets.farland.region import Region
from targets.ownership import Owner
from tests.fakes.far.rules import Rules

REQUEST_ID = "x-far-request-id"
POLL_S = 0.1
DEPLOY_LIMIT_S = 120.0
MAIL_MARGIN_S = 0.3


@dataclass(frozen=True)
class FarSettings(Rules):
    """The platform's rules, as an experiment may set them."""

    def compress(self, factor: float) -> "FarSettings":
        """Idle sandboxes are kept for modelled seconds."""
        return replace(self, keep_alive_s=self.keep_alive_s / factor)

    def case(self) -> dict[str, float | str]:
        """Keep-alive in real seconds, and the most requests at once."""
        return {"keep_alive_s": self.keep_alive_s, "concurrency": self.concurrency_limit}


class FarDeployment:
    """One function, asked over HTTPS."""

    def __init__(self, region: Region, package: Package, order: Order) -> None:
        if order.images_absent:
            raise DeploymentError("the far platform keeps its own images: leave `images: absent` out")
        self._region = region
        self._settings = order.settings_of(FarSettings)
        self.generation = secrets.token_hex(8)
        self._lines: list[str] = []
        self._destroyed = False
        self._name: str = region.call("POST", "/deployments", **self._order(package, order))["name"]
        try:
            self._await_active()
        except BaseException:
            self.destroy()
            raise
        self.endpoints = (self._endpoint(),)

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
            "rules": asdict(self._settings),
            "ledger": _path(order.ledger),
            "tags": {"run": order.run_id, "owner": str(Owner.current())},
        }

    def _await_active(self) -> None:
        deadline_ns = now_ns() + int(DEPLOY_LIMIT_S * 1e9)
        while self._region.call("GET", f"/deployments/{self._name}")["state"] != "active":
            if now_ns() > deadline_ns:
                raise DeploymentError(f"{self._name} was not active within {DEPLOY_LIMIT_S:.0f} s: run it again")
            sleep(POLL_S)

    def _endpoint(self) -> Endpoint:
        url = self._region.url(f"/invoke/{self._name}")
        return Endpoint(url, ca_file=self._region.ca_file, request_id_header=REQUEST_ID)

    def wake(self) -> None:
        """Do nothing: a request starts what it needs."""

    def make_cold(self) -> str:
        """Give the function another nonce; what was started with an earlier one never answers again."""
        return self._renew("update")

    def reset(self, ledger: Path | None) -> None:
        """As when it was deployed, and with another folder for what the workload writes."""
        self._lines = []
        self._renew("anew", ledger=_path(ledger))

    def _renew(self, operation: str, **more: str | None) -> str:
        generation = secrets.token_hex(8)
        environment = {GENERATION_VARIABLE: generation}
        self._region.call("POST", f"/deployments/{self._name}/{operation}", environment=environment, **more)
        self.generation = generation
        return generation

    def scale_out(self) -> Endpoint:
        """DeploymentError always."""
        raise DeploymentError("the far platform starts units by itself, request by request: send more at once")

    def usage(self) -> list[UnitUsage]:
        """DeploymentError always."""
        raise DeploymentError("the far platform tells memory with each request alone: read witnesses() after them")

    def events(self) -> list[Event]:
        """None: it keeps its log to itself."""
        return []

    def settle(self, limit_s: float) -> None:
        """Wait as long as mail may take; what is not there then never comes."""
        sleep(min(limit_s, self._settings.latest_s + MAIL_MARGIN_S))

    def witnesses(self) -> Iterable[Witnessed]:
        """What its mail says of requests."""
        path = f"/deployments/{self._name}/log?after={len(self._lines)}"
        self._lines += self._region.call("GET", path)["lines"]
        return read_lines(self._lines).values()

    def completions(self, limit_s: float) -> Iterable[Completion]:
        """DeploymentError always."""
        raise DeploymentError("far-function answers each request itself: deploy far-queue to collect answers later")

    def describe(self) -> dict[str, Any]:
        """The rules in force."""
        return {"platform": "far", "function": self._name, "rules": asdict(self._settings)}

    def destroy(self) -> None:
        """Remove it. Safe to call twice."""
        if not self._destroyed:
            self._region.call("DELETE", f"/deployments/{self._name}")
            self._destroyed = True


class FarQueue(FarDeployment):
    """The same behind a queue, over plain HTTP: requests are accepted, and their ends collected."""

    def __init__(self, region: Region, package: Package, order: Order) -> None:
        super().__init__(region, package, order)
        self._ends: list[Completion] = []
        """Collected, and not handed on yet."""
        self._collected = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._collect, name="collector", daemon=True).start()

    def _endpoint(self) -> Endpoint:
        return Endpoint(self._region.url(f"/queue/{self._name}", "http"), request_id_header=REQUEST_ID)

    def _collect(self) -> None:
        """Ask for ends, all the time: the moment at which one is told is when it is known here."""
        while not self._destroyed:
            try:
                told = self._region.call("GET", f"/queue/{self._name}?after={self._collected}")["ends"]
            except DeploymentError:  # it is removed
                return
            at_ns = now_ns()
            with self._changed:
                self._collected += len(told)
                self._ends += [
                    Completion(end["request_id"], at_ns, end["status"], base64.b64decode(end["body"])) for end in told
                ]
                self._changed.notify_all()

    def settle(self, limit_s: float) -> None:
        """Wait until everything is carried out, and then for the mail."""
        begun_ns = now_ns()
        self._await_ends(limit_s)
        super().settle(max(0.0, limit_s - (now_ns() - begun_ns) / 1e9))

    def completions(self, limit_s: float) -> Iterable[Completion]:
        """Ends that were not handed on before, once none is to come or `limit_s` have passed."""
        self._await_ends(limit_s)
        with self._changed:
            ends, self._ends = self._ends, []
        return ends

    def _await_ends(self, limit_s: float) -> None:
        deadline_ns = now_ns() + int(limit_s * 1e9)
        while (state := self._region.call("GET", f"/queue/{self._name}/state"))["open"] and now_ns() < deadline_ns:
            sleep(POLL_S)
        with self._changed:
            self._changed.wait_for(lambda: self._collected >= state["ended"], max(0.0, (deadline_ns - now_ns()) / 1e9))


def _path(folder: Path | None) -> str | None:
    return str(folder) if folder else None
