"""A function behind a queue of the far platform: requests are accepted, and their ends collected."""

import base64
import threading
from collections.abc import Iterable

from targets.clock import now_ns, sleep
from targets.contract import Completion, DeploymentError, Endpoint, Order, Package
from targets.farland.deployment import POLL_S
from targets.farland.function import REQUEST_ID, FunctionDeployment
from targets.farland.region import Region


class QueueDeployment(FunctionDeployment):
    """The same behind a queue, over plain HTTP: requests are accepted, and their ends collected."""

    def __init__(self, region: Region, package: Package, order: Order) -> None:
        super().__init__(region, package, order)
        self._ends: list[Completion] = []
        """Collected, and not handed on yet."""
        self._collected = 0
        self._changed = threading.Condition()
        threading.Thread(target=self._collect, name="collector", daemon=True).start()

    def endpoint(self) -> Endpoint:
        """Where messages are put in."""
        return Endpoint(self.region.url(f"/queue/{self.name}", "http"), request_id_header=REQUEST_ID)

    def _collect(self) -> None:
        """Ask for ends, all the time: the moment at which one is told is when it is known here."""
        while not self._destroyed:
            try:
                told = self.region.call("GET", f"/queue/{self.name}?after={self._collected}")["ends"]
            except DeploymentError:  # it is removed
                return
            at_ns = now_ns()
            with self._changed:
                self._collected += len(told)
                self._ends += [
                    Completion(end["request_id"], at_ns, end["status"], base64.b64decode(end["body"])) for end in told
                ]
                self._changed.notify_all()

    def completions(self, limit_s: float) -> Iterable[Completion]:
        """Ends that were not handed on before, once none is to come or `limit_s` have passed."""
        deadline_ns = now_ns() + int(limit_s * 1e9)
        while (state := self.region.call("GET", f"/queue/{self.name}/state"))["open"] and now_ns() < deadline_ns:
            sleep(POLL_S)
        with self._changed:
            self._changed.wait_for(lambda: self._collected >= state["ended"], max(0.0, (deadline_ns - now_ns()) / 1e9))
            ends, self._ends = self._ends, []
        return ends
