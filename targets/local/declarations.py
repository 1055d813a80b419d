"""What the targets of this machine have in common: two sides of the question, each in containers or as processes."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from targets.backing import container as backing_container
from targets.backing import process as backing_process
from targets.backing.contract import FACT, server_of
from targets.contract import (
    LAMBDA_REQUEST_BYTES,
    Capabilities,
    DeploymentError,
    Order,
    Package,
    Part,
    Shortage,
    Sizing,
)
from targets.local import containers, gpus, processes
from targets.local.allowance import available_cpus, available_memory_bytes
from targets.local.queue_intake import MOST_BODY_BYTES as QUEUE_REQUEST_BYTES
from targets.packaging.engine import engine_errors
from targets.packaging.image import build_image
from targets.packaging.own_image import own_image_package
from targets.serving.http_app import MOST_BODY_BYTES
from targets.settings import FunctionSettings, HybridSettings, QueueSettings, ServiceSettings
from targets.workloads.contract import CORE, EDGE, Imaged, Workload

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
MB = 2**20
CONTAINERS = replace(PROCESSES, isolated=True, engine=True, images_absent=True)


def as_service(capabilities: Capabilities) -> Capabilities:
    """Of replicas that the bench starts itself."""
    return replace(capabilities, scale_out=True, streams=True, deploy_s=2.5, most_request_bytes=MOST_BODY_BYTES)


def as_function(capabilities: Capabilities) -> Capabilities:
    """Of sandboxes behind the local Lambda."""
    return replace(capabilities, emulated=True, invoke_api=True, deploy_s=1.5, most_request_bytes=LAMBDA_REQUEST_BYTES)


def as_queue(capabilities: Capabilities) -> Capabilities:
    """Of workers behind a queue of their own."""
    return replace(capabilities, asynchronous=True, deploy_s=2.0, most_request_bytes=QUEUE_REQUEST_BYTES)


def as_hybrid(capabilities: Capabilities) -> Capabilities:
    """Of sandboxes before a core that goes on when they are made cold: so neither its image nor its files can be absent
    from this machine, and its containers are not gone."""
    edge = as_function(capabilities)
    return replace(edge, cold="renewed", page_cache=False, images_absent=False, deploy_s=4.0)


class Service(ABC):
    """A fixed number of replicas."""

    parts = (Part("service", "service", bought_as="fargate"),)
    settings = ServiceSettings
    capabilities: Capabilities

    def refusal(self, order: Order, more: int) -> str | None:
        """Why there are fewer GPUs than the replicas and `more` beside them are to have; None when there are enough."""
        units = order.settings_of(ServiceSettings).replicas + more
        return gpus.refusal(order.sizing.accelerators, units, "replicas")

    def shortages(self, order: Order, more: int) -> list[Shortage]:
        """What one replica is to have and this machine has not; where it is held to it, also memory of all at once."""
        units = order.settings_of(ServiceSettings).replicas + more if self.capabilities.isolated else 1
        return shortages(order.sizing, self.present(), units)

    @abstractmethod
    def present(self) -> Sizing:
        """All that units can have here. DeploymentError when nobody says."""


class BehindQueue(ABC):
    """Workers that come and go with what waits in a queue. They are bought while they live, from none on."""

    parts = (Part("worker", "service", bought_as="fargate_tasks"),)
    settings = QueueSettings
    capabilities: Capabilities

    def refusal(self, order: Order, more: int) -> str | None:
        """Why its image cannot be absent, or there are fewer GPUs than the most workers at once are to have."""
        if order.images_absent:
            return "a worker's image cannot be absent, for the rule starts it and no request: leave images absent out"
        units = order.settings_of(QueueSettings).max_workers + more
        return gpus.refusal(order.sizing.accelerators, units, "max_workers")

    def shortages(self, order: Order, more: int) -> list[Shortage]:
        """What one worker is to have and this machine has not; where it is held to it, memory of the most at once."""
        units = order.settings_of(QueueSettings).max_workers + more if self.capabilities.isolated else 1
        return shortages(order.sizing, self.present(), units)

    @abstractmethod
    def present(self) -> Sizing:
        """All that units can have here. DeploymentError when nobody says."""


class Function(ABC):
    """Sandboxes behind a front of their own."""

    parts = (Part("function", "function", bought_as="aws_lambda"),)
    settings = FunctionSettings

    def refusal(self, order: Order, more: int) -> str | None:
        """Why there are fewer GPUs than the most sandboxes at once are to have; None when there are enough."""
        units = order.settings_of(FunctionSettings).concurrency_limit + more
        return gpus.refusal(order.sizing.accelerators, units, "concurrency_limit")

    def shortages(self, order: Order, more: int) -> list[Shortage]:
        """What one sandbox is to have and this machine has not: how many run at once, the requests decide."""
        return shortages(order.sizing, self.present(), 1)

    @abstractmethod
    def present(self) -> Sizing:
        """All that units can have here. DeploymentError when nobody says."""


class Hybrid(ABC):
    """Sandboxes behind a front of their own, which take the requests, before a core of a fixed number of replicas."""

    parts = (Part(EDGE, "function", bought_as="aws_lambda"), Part(CORE, "service", bought_as="fargate"))
    settings = HybridSettings
    capabilities: Capabilities

    def refusal(self, order: Order, more: int) -> str | None:
        """Why there are fewer GPUs than the core's replicas are to have; None when there are enough."""
        units = order.settings_of(HybridSettings).replicas + more
        return gpus.refusal(order.sizings[CORE].accelerators, units, "replicas")

    def shortages(self, order: Order, more: int) -> list[Shortage]:
        """What one sandbox is to have and this machine has not, and what the core is to have, as of a service."""
        units = order.settings_of(HybridSettings).replicas + more if self.capabilities.isolated else 1
        core = shortages(order.sizings[CORE], self.present(), units)
        return [*shortages(order.sizing, self.present(), 1), *(replace(each, part=CORE) for each in core)]

    @abstractmethod
    def present(self) -> Sizing:
        """All that units can have here. DeploymentError when nobody says."""


def shortages(unit: Sizing, present: Sizing, units: int) -> list[Shortage]:
    """What of `unit` is more than there is; where one would fit, what all of them have of memory."""
    found = []
    if unit.cpus > present.cpus:
        found.append(Shortage("cpus", unit.cpus, present.cpus))
    if unit.memory_mb > present.memory_mb:
        found.append(Shortage("memory_mb", unit.memory_mb, present.memory_mb))
    elif units * unit.memory_mb > present.memory_mb:
        found.append(Shortage("memory_mb", unit.memory_mb, present.memory_mb, units))
    return found


class InContainers:
    """Units are containers of this machine's engine."""

    def missing(self, accelerators: int = 0) -> str | None:
        """Why no engine answers here that can give a unit so many GPUs, and the fix; None when one does."""
        return containers.missing(accelerators)

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Build the workload's image, unless an identical one is there."""
        with closing(containers.engine()) as client:
            if isinstance(workload, Imaged):
                return own_image_package(client, workload, workload.own_image)
            package = build_image(client, workload, model_dir, say)
        if (server := server_of(workload)) is None:
            return package
        return replace(package, facts=package.facts | {FACT: backing_container.prepare(server, say)})

    def present(self) -> Sizing:
        """The CPUs and the memory of the engine's machine."""
        with closing(containers.engine()) as client, engine_errors("asking for the size of its machine"):
            facts = containers.engine_facts(client)
        return Sizing(int(facts["memory_bytes"]) // MB, float(facts["cpus"]))


class AsProcesses:
    """Units are plain processes of this machine."""

    def missing(self, accelerators: int = 0) -> str | None:
        """Why there are not so many GPUs; None where none is asked for: it needs nothing but Python."""
        return gpus.missing(accelerators)

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Install the workload's packages into a folder, unless an identical one is there."""
        if isinstance(workload, Imaged):
            raise DeploymentError(
                f"workload {workload.name} is an image of yours, and a process has none: measure it on docker-service "
                "and docker-lambda, with a Docker engine"
            )
        if (server := server_of(workload)) is None:
            return processes.package(workload, model_dir, say)
        refuse(backing_process.missing(server))
        package = processes.package(workload, model_dir, say)
        return replace(package, facts=package.facts | {FACT: {"server": server.name}})

    def present(self) -> Sizing:
        """The CPUs and the memory that this process and its children can have."""
        return Sizing(available_memory_bytes() // MB, available_cpus())


def refuse(why: str | None) -> None:
    """DeploymentError with the reason why what is ordered cannot be held here; nothing where there is none."""
    if why:
        raise DeploymentError(why)
