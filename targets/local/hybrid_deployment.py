"""A target of two parts as one deployment: a function edge that takes the requests, in front of a core for the heavy
step. Each is what it would be alone; the edge is told the core's addresses by its environment."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from targets.contract import DeploymentError, Endpoint, Order, UnitUsage
from targets.events import Event
from targets.local.front_process import FunctionDeployment
from targets.local.logged import Logged
from targets.local.service_deployment import ServiceDeployment
from targets.serving import stage
from targets.settings import HybridSettings
from targets.workloads.contract import CORE, EDGE

CORE_LIMIT_SHARE = 0.9
"""Of the edge's own time-out, so that it is the edge that says why there is no answer."""
CORE_UNIT = f"{CORE}-"
"""Before the name of a unit of the core, for the edge's have such names too."""
FACTS = {"image": "one for both parts: an edge that held no core's packages would be smaller and start sooner"}


class HybridDeployment(Logged):
    """The core is started first and answers; then the edge's front, with an empty pool.

    Cold is the edge alone: `make_cold` drops its pool, and the core goes on, warm as it is, for a service's replicas do
    not go away between requests as sandboxes do. So what a forced cold start measures is an edge's start with its
    connection to a core that answers; how long a core takes to start is its service's own question. `wake` has nothing
    to do, and `stand_by` has edges stand by. `reset` drops the pool and asks that each replica still lives. Usage and
    events are of both parts, those of the core under `core-` and the unit's name.
    """

    def __init__(
        self,
        order: Order,
        new_core: Callable[[Order], ServiceDeployment],
        new_edge: Callable[[Order], FunctionDeployment],
        resources: ExitStack | None = None,
    ) -> None:
        """`resources` are closed with the deployment, after both parts: a network, a client of the engine."""
        self.order = order
        with resources or ExitStack() as stack:
            self._core = new_core(core_order(order))
            stack.callback(self._core.destroy)
            self._edge = new_edge(edge_order(order, self._core.addresses))
            stack.callback(self._edge.destroy)
            self._resources = stack.pop_all()
        self.endpoints: tuple[Endpoint, ...] = self._edge.endpoints
        self.generation = self._edge.generation
        """The edge's."""

    def wake(self) -> None:
        """Do nothing: a request starts the edge that it needs, and the core is there."""

    def stand_by(self, idle_s: Sequence[float], first_s: float, body: bytes) -> int:
        """Have so many edges, as a function has sandboxes."""
        return self._edge.stand_by(idle_s, first_s, body)

    def make_cold(self) -> str:
        """Drop the edge's pool; the core goes on."""
        self.generation = self._edge.make_cold()
        return self.generation

    def reset(self, ledger: Path | None) -> None:
        """Drop the edge's pool. DeploymentError where a replica of the core has ended, which nothing restarts."""
        self.check_ledger(ledger)
        self.make_cold()
        if ended := self._core.ended():
            raise DeploymentError(f"replicas of the core have ended ({', '.join(ended)}): deploy anew")

    def scale_out(self) -> Endpoint:
        """DeploymentError always: the edge scales out request by request, and the core is of a fixed size."""
        return self._edge.scale_out()

    def usage(self) -> list[UnitUsage]:
        """Of both parts."""
        return [*self._edge.usage(), *(replace(use, unit=CORE_UNIT + use.unit) for use in self._core.usage())]

    def events(self) -> list[Event]:
        """Of both parts, the core's first."""
        return [*_of_core(self._core.events()), *self._edge.events()]

    def describe(self) -> dict[str, Any]:
        """Of both parts; the limit of an initialisation is the edge's."""
        edge, core = self._edge.describe(), self._core.describe()
        return {"init_timeout_s": edge["init_timeout_s"], EDGE: edge, CORE: core, **FACTS}

    def wait(self) -> str:
        """Wait until the edge's front ends without being told to; how it did, in words."""
        return self._edge.wait()

    def destroy(self) -> None:
        """Remove the edge, then the core, then what lies between them. Safe to call twice."""
        self._resources.close()


def core_order(order: Order) -> Order:
    """What the core is asked for: a service of its own size, which loads its part of the workload."""
    settings = order.settings_of(HybridSettings)
    return replace(
        order,
        sizing=order.sizings[CORE],
        settings=settings.core,
        sizings={},
        environment={**order.environment, stage.STAGE_VARIABLE: CORE},
        port=0,
    )


def edge_order(order: Order, addresses: Sequence[str]) -> Order:
    """What the edge is asked for: a function that knows where the core is, and how long to wait for it."""
    settings = order.settings_of(HybridSettings).edge
    own = {
        stage.STAGE_VARIABLE: EDGE,
        stage.CORES_VARIABLE: ",".join(addresses),
        stage.LIMIT_VARIABLE: f"{CORE_LIMIT_SHARE * settings.timeout_s:g}",
    }
    return replace(order, settings=settings, sizings={}, environment={**order.environment, **own})


def _of_core(events: Sequence[Event]) -> Iterator[Event]:
    for event in events:
        if "unit" in event:
            event = {**event, "unit": CORE_UNIT + event["unit"], "part": CORE}
        yield event
