"""Lambda without an engine: each sandbox is a process of the same serving code. No limits, no isolation."""

from contextlib import ExitStack

import psutil

from targets.backing.process import back
from targets.contract import Deployment, Order, Package
from targets.events import Event
from targets.local import processes
from targets.local.declarations import PROCESSES, AsProcesses, Function, as_function, refuse
from targets.local.front_process import FunctionDeployment
from targets.local.process_tree import marked
from targets.local.resources import Usage
from targets.local.tree_meter import TreeMeter
from targets.ownership import start_time
from targets.settings import FunctionSettings


class ProcessLambda(AsProcesses, Function):
    """Emulated, and without limits: a sandbox may use the whole machine."""

    name = "process-lambda"
    capabilities = as_function(PROCESSES)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start a front with an empty pool, which can hold no more sandboxes than there are GPUs for."""
        refuse(self.refusal(order, more=0))
        return deploy_function(package, order)


def deploy_function(package: Package, order: Order) -> FunctionDeployment:
    """A front whose sandboxes are processes."""
    with ExitStack() as stack:
        backing = back(package, order, stack)
        settings = {
            "kind": "process",
            "name": package.workload,
            "function": vars(order.settings_of(FunctionSettings)),
            "environment": processes.serving_environment(package, backing.order),
            "sizing": vars(order.sizing),
        }
        resources = stack.pop_all()
    return FunctionDeployment(settings, backing, Meters().usage, _is_gone, processes.FACTS, resources=resources)


class Meters:
    """One for each start of a sandbox, because the peak of a tree is what the looks before saw."""

    def __init__(self) -> None:
        self._meters: dict[str, tuple[int, TreeMeter]] = {}

    def usage(self, started: Event) -> Usage:
        """What the sandbox uses now, with everything that it has started."""
        unit, at_ns = started["unit"], started["at_ns"]
        if unit not in self._meters or self._meters[unit][0] != at_ns:
            self._meters[unit] = at_ns, TreeMeter(_pid(started))
        return self._meters[unit][1].usage()


def _pid(started: Event) -> int:
    pid = started["pid"]
    assert pid is not None, "a process is always seen from here"
    return pid


def _is_gone(started: Event) -> bool:
    """Its main process by pid and start time, for the kernel gives a pid again, and all that came of it by its mark.

    Without a start time the main process had ended when it was logged."""
    try:
        if start_time(_pid(started)) == started.get("process_started"):
            return False
    except (psutil.Error, OSError):
        pass
    return "mark" not in started or not marked(started["mark"])


TARGET = ProcessLambda()
