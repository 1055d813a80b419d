"""Lambda without an engine: each sandbox is a process of the same serving code. No limits, no isolation."""

import psutil

from targets.contract import Deployment, Order, Package
from targets.events import Event
from targets.local import processes
from targets.local.declarations import PROCESSES, AsProcesses, Function, as_function, refuse
from targets.local.front_process import FunctionDeployment
from targets.local.resources import Usage, process_usage
from targets.ownership import start_time
from targets.settings import FunctionSettings


class ProcessLambda(Function, AsProcesses):
    """Emulated, and without limits: a sandbox may use the whole machine."""

    name = "process-lambda"
    capabilities = as_function(PROCESSES)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start a front with an empty pool, which can hold no more sandboxes than there are GPUs for."""
        refuse(self.refusal(order, more=0))
        settings = {
            "kind": "process",
            "name": package.workload,
            "function": vars(order.settings_of(FunctionSettings)),
            "environment": processes.serving_environment(package, order),
            "sizing": vars(order.sizing),
        }
        return FunctionDeployment(settings, order, _usage, _is_gone)


def _usage(started: Event) -> Usage:
    return process_usage(_pid(started))


def _pid(started: Event) -> int:
    pid = started["pid"]
    assert pid is not None, "a process is always seen from here"
    return pid


def _is_gone(started: Event) -> bool:
    """By pid and start time, for the kernel gives a pid again; without a start time it had ended when it was logged."""
    try:
        return start_time(_pid(started)) != started.get("process_started")
    except (psutil.Error, OSError):
        return True


TARGET = ProcessLambda()
