"""Lambda without an engine: each sandbox is a process of the same serving code. No limits, no isolation."""

from collections.abc import Callable
from pathlib import Path

import psutil

from targets.contract import Deployment, DeploymentError, Event, FunctionSettings, Order, Package, Workload
from targets.local import gpus, processes
from targets.local.declarations import FUNCTION, PROCESSES, as_function
from targets.local.front_process import FunctionDeployment
from targets.local.resources import Usage, process_usage
from targets.ownership import start_time


class ProcessLambda:
    """Emulated, and without limits: a sandbox may use the whole machine."""

    name = "process-lambda"
    parts = FUNCTION
    capabilities = as_function(PROCESSES)
    settings = FunctionSettings

    def missing(self, accelerators: int = 0) -> str | None:
        """Why there are not so many GPUs; None where none is asked for: it needs nothing but Python."""
        return gpus.missing(accelerators)

    def refusal(self, order: Order) -> str | None:
        """Why there are fewer GPUs than the units that may live at once are to have; None when there are enough."""
        units = order.settings_of(FunctionSettings).concurrency_limit
        return gpus.refusal(order.sizing.accelerators, units, "concurrency_limit")

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Install the workload's packages into a folder, unless an identical one is there."""
        return processes.package(workload, model_dir, say)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start a front with an empty pool, which can hold no more sandboxes than there are GPUs for."""
        if why := self.refusal(order):
            raise DeploymentError(why)
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
