"""A function on the far platform: its rules, and its log, which comes by mail."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from targets.clock import sleep
from targets.contract import DeploymentError, Endpoint, Order, Package, Witnessed
from targets.farland.deployment import FarDeployment
from targets.farland.lines import read_lines
from targets.farland.region import Region
from targets.rules.lambda_pool import PoolLimits
from tests.fakes.far.rules import Rules

REQUEST_ID = "x-far-request-id"
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

    @property
    def limits(self) -> PoolLimits:
        """What its pool obeys: as many starts as it likes."""
        return PoolLimits(round(self.keep_alive_s * 1e9), self.concurrency_limit, self.concurrency_limit)


class FunctionDeployment(FarDeployment):
    """One function, asked over HTTPS."""

    def __init__(self, region: Region, package: Package, order: Order) -> None:
        self._settings = order.settings_of(FarSettings)
        self._lines: list[str] = []
        super().__init__(region, package, order)
        self.endpoints = (self.endpoint(),)

    def rules(self, order: Order) -> dict[str, Any]:
        """All of the settings."""
        return {"rules": asdict(self._settings)}

    def endpoint(self) -> Endpoint:
        """Where it is invoked."""
        url = self.region.url(f"/invoke/{self.name}")
        return Endpoint(url, ca_file=self.region.ca_file, request_id_header=REQUEST_ID)

    def wake(self) -> None:
        """Do nothing: a request starts what it needs."""

    def scale_out(self) -> Endpoint:
        """DeploymentError always."""
        raise DeploymentError("the far platform starts units by itself, request by request: send more at once")

    def reset(self, ledger: Path | None) -> None:
        """Forget what was said of earlier requests as well."""
        self._lines = []
        super().reset(ledger)

    def settle(self, limit_s: float) -> None:
        """Wait as long as mail may take; what is not there then never comes."""
        sleep(min(limit_s, self._settings.latest_s + MAIL_MARGIN_S))

    def witnesses(self) -> Iterable[Witnessed]:
        """What its mail says of requests."""
        self._lines += self.call("GET", f"/log?after={len(self._lines)}")["lines"]
        return read_lines(self._lines).values()

    def describe(self) -> dict[str, Any]:
        """The rules in force."""
        return {**super().describe(), "rules": asdict(self._settings)}
