"""A service without an engine: each replica is a process of the same serving code. No limits, no isolation."""

import socket
from contextlib import ExitStack

from targets.backing.process import back
from targets.contract import Deployment, DeploymentError, Order, Package
from targets.events import EventLog
from targets.local import gpus, processes
from targets.local.declarations import PROCESSES, AsProcesses, Service, as_service, refuse
from targets.local.gpus import Gpus
from targets.local.last_words import exit_words
from targets.local.resources import Usage
from targets.local.service_deployment import Replica, ServiceDeployment
from targets.local.serving_process import ServingProcess

SERVER = "targets.serving.http_app"


class ProcessService(AsProcesses, Service):
    """A service of plain processes: a replica may use the whole machine."""

    name = "process-service"
    capabilities = as_service(PROCESSES)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start the replicas; returns once each has answered."""
        refuse(self.refusal(order, more=0))
        return deploy_service(package, order)


def deploy_service(package: Package, order: Order) -> ServiceDeployment:
    """Replicas that are processes, with GPUs of their own."""
    own = Gpus(order.sizing.accelerators)

    def new(name: str, log: EventLog, order: Order) -> Replica:
        return ProcessReplica(name, log, package, order, own)

    with ExitStack() as stack:
        backing = back(package, order, stack)
        return ServiceDeployment(new, backing, processes.FACTS, resources=stack.pop_all())


class ProcessReplica(Replica):
    """One process, listening on a socket that we opened: no port is guessed, none is polled."""

    def __init__(self, name: str, log: EventLog, package: Package, order: Order, own: Gpus) -> None:
        super().__init__(name, log)
        self.gpus = own
        self.environment = processes.serving_environment(package, order) | {"FROSTLINE_UNIT": name}
        self._tmp = processes.OwnTmp(log.folder)
        self.process: ServingProcess | None = None

    def start(self) -> int:
        """Open the socket and start the process on it, with GPUs of its own; returns its port."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        port: int = listener.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        self.run(SERVER, listener)
        return port

    def run(self, module: str, listener: socket.socket | None) -> None:
        """Start a process of serving code, on a socket where it has one."""
        own = self.gpus.take(self.name)
        environment = self.environment | gpus.variables(own) | self._tmp.make()
        self.begun_ns = self.log.write("start", self.name)
        try:
            self.process = ServingProcess(module, environment, listener, self.hear)
        except OSError as error:
            raise DeploymentError(f"replica {self.name}: the process could not be started: {error}") from error
        self.log.write("started", self.name, pid=self.process.pid, **gpus.gpu_facts(own))

    def end_reason(self) -> str | None:
        """Its exit status in words when the process has ended; None while it runs."""
        status = self.process.status if self.process else None
        return None if status is None else exit_words(status)

    def last_words(self) -> str:
        """The end of what it has printed."""
        return self.process.last_words.text() if self.process else ""

    def usage(self) -> Usage:
        """What /proc says of the process and of all that it has started."""
        return self.process.usage() if self.process else Usage()

    def remove(self) -> None:
        """Kill and reap the process and all that it has started."""
        if self.process is not None:
            try:
                self.process.kill()
            except TimeoutError as error:
                raise DeploymentError(f"replica {self.name} cannot be removed: {error}") from error
        self._tmp.remove()
        self.gpus.give_back(self.name)

    def is_gone(self) -> bool:
        """Whether nothing of it lives, by the kernel's word."""
        return self.process is None or self.process.is_gone()


TARGET = ProcessService()
