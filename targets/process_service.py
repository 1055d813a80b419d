"""A service without an engine: each replica is a process of the same serving code. No limits, no isolation."""

import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

from targets import processes
from targets.contract import Deployment, DeploymentError, Kind, Order, Package, Workload
from targets.events import EventLog
from targets.resources import Usage, process_usage
from targets.service_deployment import Replica, ServiceDeployment


class ProcessService:
    """A service of plain processes: a replica may use the whole machine."""

    name = "process-service"
    kind: Kind = "service"
    emulated = False
    isolated = False
    local = True

    def missing(self) -> str | None:
        """Needs nothing but Python."""
        return None

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Install the workload's packages into a folder, unless an identical one is there."""
        return processes.package(workload, model_dir, say)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start the replicas; returns once each has answered."""

        def new(name: str, log: EventLog) -> Replica:
            return ProcessReplica(name, log, package, order)

        return ServiceDeployment(new, order, {"limits": None})


class ProcessReplica(Replica):
    """One process, listening on a socket that we opened: no port is guessed, none is polled."""

    def __init__(self, name: str, log: EventLog, package: Package, order: Order) -> None:
        super().__init__(name, log)
        self.package = package
        self.order = order
        self._process: subprocess.Popen[bytes] | None = None
        self._leash = -1

    def start(self) -> int:
        """Open the socket, start the process on it."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        held, self._leash = os.pipe()
        environment = {
            **processes.serving_environment(self.package, self.order),
            "FROSTLINE_UNIT": self.name,
            "FROSTLINE_SOCKET_FD": str(listener.fileno()),
            "FROSTLINE_LEASH_FD": str(held),
        }
        self.log.write("start", self.name)
        try:
            self._process = subprocess.Popen(
                [processes.interpreter(), "-s", "-m", "targets.serving.http_app"],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                pass_fds=(listener.fileno(), held),
                start_new_session=True,
            )
        except OSError as error:
            raise DeploymentError(f"replica {self.name}: the process could not be started: {error}") from error
        finally:
            port: int = listener.getsockname()[1]
            listener.close()
            os.close(held)
        self.log.write("started", self.name, pid=self._process.pid)
        threading.Thread(target=self._listen, daemon=True).start()
        return port

    def ended(self) -> str | None:
        """Its exit status."""
        status = self._process.poll() if self._process else None
        return None if status is None else f"exit status {status}"

    def usage(self) -> Usage:
        """From /proc."""
        return process_usage(self._process.pid) if self._process else Usage()

    def remove(self) -> None:
        """Kill and reap."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1

    def _listen(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        with self._process.stdout as output:
            for line in output:
                self.heard(line)


TARGET = ProcessService()
