"""What the targets of this machine have in common: two sides of the question, each in containers or as processes."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from targets.contract import LAMBDA_REQUEST_BYTES, Capabilities, DeploymentError, Order, Package, Part
from targets.local import containers, gpus, processes
from targets.packaging.image import build_image
from targets.serving.http_app import MOST_BODY_BYTES
from targets.settings import FunctionSettings, ServiceSettings
from targets.workloads.contract import Workload

PROCESSES = Capabilities(
    clock="shared",
    cold="removed",
    usage="polled",
    events=True,
    emulated=False,
    isolated=False,
    page_cache=True,
    accelerator=True,
)
"""A unit that is sized with GPUs has them for itself while it lives; more units at once than they do for are refused.
One that is sized with none sees all of this machine's: processes see the whole of it."""
CONTAINERS = replace(PROCESSES, isolated=True, engine=True, images_absent=True)


def as_service(capabilities: Capabilities) -> Capabilities:
    """Of replicas that the bench starts itself."""
    return replace(capabilities, scale_out=True, streams=True, deploy_s=2.5, most_request_bytes=MOST_BODY_BYTES)


def as_function(capabilities: Capabilities) -> Capabilities:
    """Of sandboxes behind the local Lambda."""
    return replace(capabilities, emulated=True, invoke_api=True, deploy_s=1.5, most_request_bytes=LAMBDA_REQUEST_BYTES)


class Service:
    """A fixed number of replicas."""

    parts = (Part("service", "service", bought_as="fargate"),)
    settings = ServiceSettings

    def refusal(self, order: Order, more: int) -> str | None:
        """Why there are fewer GPUs than the replicas and `more` beside them are to have; None when there are enough."""
        units = order.settings_of(ServiceSettings).replicas + more
        return gpus.refusal(order.sizing.accelerators, units, "replicas")


class Function:
    """Sandboxes behind a front of their own."""

    parts = (Part("function", "function", bought_as="aws_lambda"),)
    settings = FunctionSettings

    def refusal(self, order: Order, more: int) -> str | None:
        """Why there are fewer GPUs than the most sandboxes at once are to have; None when there are enough."""
        units = order.settings_of(FunctionSettings).concurrency_limit + more
        return gpus.refusal(order.sizing.accelerators, units, "concurrency_limit")


class InContainers:
    """Units are containers of this machine's engine."""

    def missing(self, accelerators: int = 0) -> str | None:
        """Why no engine answers here that can give a unit so many GPUs, and the fix; None when one does."""
        return containers.missing(accelerators)

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Build the workload's image, unless an identical one is there."""
        with closing(containers.engine()) as client:
            return build_image(client, workload, model_dir, say)


class AsProcesses:
    """Units are plain processes of this machine."""

    def missing(self, accelerators: int = 0) -> str | None:
        """Why there are not so many GPUs; None where none is asked for: it needs nothing but Python."""
        return gpus.missing(accelerators)

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Install the workload's packages into a folder, unless an identical one is there."""
        return processes.package(workload, model_dir, say)


def refuse(why: str | None) -> None:
    """DeploymentError with the reason why what is ordered cannot be held here; nothing where there is none."""
    if why:
        raise DeploymentError(why)
