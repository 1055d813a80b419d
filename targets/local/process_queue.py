"""Workers behind a queue without an engine: each is a process of the same serving code. No limits, no isolation."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from targets.backing import process as backing
from targets.backing.contract import Running, why_unbacked
from targets.backing.redis import SERVER
from targets.contract import Deployment, Order, Package
from targets.events import EventLog
from targets.local import processes
from targets.local.crew import Worker
from targets.local.declarations import PROCESSES, AsProcesses, BehindQueue, as_queue, refuse
from targets.local.gpus import Gpus
from targets.local.process_service import ProcessReplica
from targets.workloads.contract import Workload

LOOP = "targets.serving.queue_loop"


class ProcessQueue(AsProcesses, BehindQueue):
    """Redis is a process as well, and must be installed."""

    name = "process-queue"
    capabilities = as_queue(PROCESSES)

    def missing(self, accelerators: int = 0) -> str | None:
        """Why Redis cannot be started here, or there are not so many GPUs, and the fix."""
        return backing.missing(SERVER) or super().missing(accelerators)

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Install the workload's packages. DeploymentError for a workload that needs another server."""
        refuse(why_unbacked(workload, self.name))
        return super().package(workload, model_dir, say)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start the queue, and as many workers as there are to be always."""
        from targets.local.queue_deployment import QueueDeployment  # here, because it imports Redis's client

        refuse(self.refusal(order, more=0))
        own = Gpus(order.sizing.accelerators)

        def new(name: str, log: EventLog, order: Order, queue: Running) -> Worker:
            return ProcessWorker(name, log, package, order, own)

        start = partial(backing.start, SERVER, order.run_id)
        return QueueDeployment(start, new, order, processes.FACTS, ExitStack())


class ProcessWorker(ProcessReplica, Worker):
    """One process, which listens nowhere."""

    def start(self) -> int:
        """Start it; 0, for it has no port."""
        self.run(LOOP, None)
        return 0

    def ask_to_end(self) -> None:
        """SIGTERM."""
        if self.process is not None:
            self.process.ask_to_end()


TARGET = ProcessQueue()
