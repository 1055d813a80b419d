"""Workers behind a queue on this machine: the image's queue entry point in limited containers, and Redis in another."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import partial
from pathlib import Path

from targets.backing import container as backing
from targets.backing.contract import Running, why_unbacked
from targets.backing.redis import SERVER
from targets.contract import Deployment, DeploymentError, Order, Package
from targets.events import EventLog
from targets.local import containers
from targets.local.crew import Worker
from targets.local.declarations import CONTAINERS, BehindQueue, InContainers, as_queue, refuse
from targets.local.docker_service import DockerReplica
from targets.local.gpus import Gpus
from targets.packaging.engine import engine_errors
from targets.packaging.image import QUEUE_COMMAND
from targets.workloads.contract import Imaged, Workload

IMAGE_FACT = "queue_image"


class DockerQueue(InContainers, BehindQueue):
    """A real queue and its workers, on one host."""

    name = "docker-queue"
    capabilities = replace(as_queue(CONTAINERS), images_absent=False)

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Build the workload's image and have the queue's. DeploymentError for an image of the user's."""
        if isinstance(workload, Imaged):
            raise DeploymentError(
                f"workload {workload.name} is an image of yours, which takes no requests from a queue: measure it "
                "on docker-service and docker-lambda"
            )
        refuse(why_unbacked(workload, self.name))
        package = super().package(workload, model_dir, say)
        return replace(package, facts=package.facts | {IMAGE_FACT: backing.prepare(SERVER, say)})

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start the queue, and as many workers as there are to be always."""
        from targets.local.queue_deployment import QueueDeployment  # here, because it imports Redis's client

        refuse(self.refusal(order, more=0))
        own = Gpus(order.sizing.accelerators)
        with ExitStack() as stack:
            client = stack.enter_context(closing(containers.engine()))

            def new(name: str, log: EventLog, order: Order, queue: Running) -> Worker:
                worker = DockerWorker(name, log, client, package, order, own)
                worker.network = queue.network
                return worker

            start = partial(backing.start, SERVER, client, package.facts[IMAGE_FACT], order.run_id)
            facts = {"limits": vars(order.sizing), "tmp": "on disk, not limited", "shared_memory": "64 MB"}
            return QueueDeployment(start, new, order, facts, stack.pop_all())


class DockerWorker(DockerReplica, Worker):
    """One container, on the queue's own network; nothing of it is published."""

    network: str | None = None

    def start(self) -> int:
        """Start it; 0, for it has no port."""
        return self.run(QUEUE_COMMAND, "worker", port=None, network=self.network)

    def ask_to_end(self) -> None:
        """SIGTERM."""
        if self.container is not None:
            with engine_errors(f"ending worker {self.name}"):
                containers.ask_to_end(self.container)


TARGET = DockerQueue()
