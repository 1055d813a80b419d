"""A service on the far platform: replicas behind a balancer, which is all that is seen of them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from targets.clock import now_ns, sleep
from targets.contract import Endpoint, Order, Package, StartFailed, Witnessed
from targets.farland.deployment import POLL_S, FarDeployment
from targets.farland.region import Region
from targets.settings import ServiceSettings

READY_LIMIT_S = 120.0


class ServiceDeployment(FarDeployment):
    """Asked over HTTPS, at one address for all replicas."""

    def __init__(self, region: Region, package: Package, order: Order) -> None:
        self._replicas = order.settings_of(ServiceSettings).replicas
        super().__init__(region, package, order)
        self.endpoints = (self._endpoint(),)
        try:
            self._await_running()
        except BaseException:
            self.destroy()
            raise

    def rules(self, order: Order) -> dict[str, Any]:
        """How many replicas."""
        return {"replicas": self._replicas}

    def _endpoint(self, unit: str = "") -> Endpoint:
        url = self.region.url(f"/serve/{self.name}" + (f"/{unit}" if unit else ""))
        return Endpoint(url, ca_file=self.region.ca_file)

    def _await_running(self) -> None:
        deadline_ns = now_ns() + int(READY_LIMIT_S * 1e9)
        while set(states := self.call("GET", "/units")["units"].values()) != {"running"}:
            if "stopped" in states or now_ns() > deadline_ns:
                raise StartFailed(f"replicas of {self.name} do not answer: {', '.join(states)}")
            sleep(POLL_S / 5)

    def wake(self) -> None:
        """Start one replica after make_cold, because a request is coming."""
        self._add()

    def _add(self) -> str:
        (unit,) = self.call("POST", "/units", count=1, for_request=True)["units"]
        self._await_running()
        return str(unit)

    def reset(self, ledger: Path | None) -> None:
        """And wait until every replica answers."""
        super().reset(ledger)
        self._await_running()

    def scale_out(self) -> Endpoint:
        """Start one more; its own address."""
        return self._endpoint(self._add())

    def settle(self, limit_s: float) -> None:
        """Do nothing: of single requests nothing is told, and of units at once."""

    def witnesses(self) -> Iterable[Witnessed]:
        """The memory of each unit."""
        told: dict[str, int] = self.call("GET", "/memory")["units"]
        return [Witnessed(unit=unit, memory_used_bytes=peak) for unit, peak in told.items()]

    def describe(self) -> dict[str, Any]:
        """Replicas, and how requests are spread over them."""
        return {**super().describe(), "replicas": self._replicas, "spread": "in turn, by the platform's balancer"}
