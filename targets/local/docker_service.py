"""A container service on this machine: the image's HTTP entry point in 1..n limited containers."""

from contextlib import ExitStack, closing
from dataclasses import replace

import docker
import docker.errors
from docker.models.containers import Container

from targets.backing.container import back
from targets.clock import now_ns
from targets.contract import Deployment, DeploymentError, Order, Package
from targets.events import EventLog
from targets.local import containers
from targets.local.declarations import CONTAINERS, InContainers, Service, as_service, refuse
from targets.local.gpus import Gpus, gpu_facts
from targets.local.mark_file import MarkFile
from targets.local.resources import Cgroup, Usage, out_of_memory
from targets.local.service_deployment import Replica, ServiceDeployment
from targets.ownership import Owner, labels
from targets.packaging.archive import archive_image
from targets.packaging.engine import engine_errors, engine_words
from targets.packaging.image import SERVICE_COMMAND
from targets.packaging.own_image import own_image_refusal


class DockerService(InContainers, Service):
    """A real container service, on one host."""

    name = "docker-service"
    capabilities = as_service(CONTAINERS)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start the replicas; returns once each has answered."""
        refuse(self.refusal(order, more=0) or own_image_refusal(package, order))
        return deploy_service(package, order)


def deploy_service(package: Package, order: Order, network: str | None = None) -> ServiceDeployment:
    """Replicas that are containers of this network, with GPUs of their own."""
    own = Gpus(order.sizing.accelerators)
    with ExitStack() as stack:
        client = stack.enter_context(closing(containers.engine()))

        def new(name: str, log: EventLog, order: Order) -> Replica:
            return DockerReplica(name, log, client, package, order, own, backing.network or network)

        backing = back(client, package, order, stack)
        archive = archive_image(client, package.reference) if order.images_absent else None
        facts = {"limits": vars(order.sizing), "tmp": "on disk, not limited", "shared_memory": "64 MB"}
        return ServiceDeployment(new, backing, facts, archive, stack.pop_all())


class DockerReplica(Replica):
    """One container of the service."""

    def __init__(
        self,
        name: str,
        log: EventLog,
        client: docker.DockerClient,
        package: Package,
        order: Order,
        own: Gpus,
        network: str | None = None,
    ) -> None:
        super().__init__(name, log)
        if image := package.own_image:
            self.path, self.ready_path = image.path, image.ready_path
        self._port = image.port if image else containers.PORT
        self._command = (list(image.command) or None) if image else SERVICE_COMMAND
        self.gpus = own
        self.client = client
        self.package = package
        self.order = order
        self.network = network
        self.container: Container | None = None
        self._marks = MarkFile(log.folder, name)
        self._cgroup: Cgroup | None = None
        self._oom_killed = False
        self._own_peak_bytes: int | None = None

    def start(self) -> int:
        """Create the container, follow its marks, start it; returns its port."""
        return self.run(self._command, "svc", self._port, self.network)

    def run(self, command: list[str] | None, kind: str, port: int | None, network: str | None = None) -> int:
        """Start a container of serving code; returns the port that is published, 0 where none is."""
        environment = {**containers.serving_environment(self.package, self.order), "FROSTLINE_UNIT": self.name}
        environment |= {"PORT": str(self._port)} if self.package.own_image else {}
        published = 0
        own = self.gpus.take(self.name)
        try:
            container = containers.create(
                self.client,
                image=self.package.reference,
                command=command,
                name=f"frostline-{self.order.run_id}-{kind}-{self.name}",
                sizing=self.order.sizing,
                environment=environment,
                labels=labels(self.order.run_id, Owner.current()),
                marks=self._marks.path,
                ledger=str(self.order.ledger) if self.order.ledger else None,
                gpu_ids=own,
                port=port,
                network=network,
            )
            self.container = container
            self.log.write("created", self.name, container=container.id)
            self.begun_ns = self.log.write("start", self.name)
            self._marks.follow(self.hear)
            container.start()
            started_ns = now_ns()
            if port:
                published = containers.published_port(container, port)
                self.address = containers.address(container, port)
            else:
                container.reload()
            pid = container.attrs["State"]["Pid"]
            self._cgroup = Cgroup.find(pid)
        except (docker.errors.DockerException, OSError) as error:
            raise DeploymentError(f"replica {self.name}: the engine refused: {engine_words(error)}") from error
        self.log.write("started", self.name, started_ns, container=container.id, pid=pid, **gpu_facts(own))
        return published

    def end_reason(self) -> str | None:
        """Its exit code when the container has ended; None while it runs."""
        if self.container is None:
            return None
        with engine_errors(f"looking at replica {self.name}"):
            try:
                self.container.reload()
                if self.container.status in ("running", "created"):
                    return None
                state = self.container.attrs["State"]
                self._oom_killed = state["OOMKilled"]
            except docker.errors.NotFound:
                return "its container is gone: something else removed it"
        return (
            out_of_memory(self.order.sizing.memory_mb, self._own_peak_bytes)
            if self._oom_killed
            else f"exit code {state['ExitCode']}"
        )

    def look(self) -> None:
        """See how much memory it has: whether that ran out is told later."""
        self.usage()

    def last_words(self) -> str:
        """The last lines that the container printed."""
        with engine_errors(f"reading what replica {self.name} printed"):
            try:
                return containers.last_lines(self.container) if self.container else ""
            except docker.errors.NotFound:
                return ""

    def usage(self) -> Usage:
        """What its control group counts, which goes with the container; that memory ran out the engine still knows."""
        usage = self._cgroup.usage() if self._cgroup is not None else Usage()
        self._own_peak_bytes = max(filter(None, (self._own_peak_bytes, usage.own_memory_bytes)), default=None)
        return replace(usage, oom_killed=usage.oom_killed or self._oom_killed)

    def remove(self) -> None:
        """Delete the container."""
        with engine_errors(f"removing replica {self.name}"):
            gone = self.container is None or containers.remove(self.container)
        if gone:
            self._marks.leave()
            self.gpus.give_back(self.name)

    def is_gone(self) -> bool:
        """Whether the engine knows no such container any more."""
        with engine_errors(f"looking for replica {self.name}"):
            return self.container is None or containers.is_gone(self.client, str(self.container.id))


TARGET = DockerService()
