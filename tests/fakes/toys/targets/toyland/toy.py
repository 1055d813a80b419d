"""A target in one file: the model behind the standard library's HTTP server, one process, one inference at a time.

The same file runs in that process, where only the standard library is: the bench's own libraries are imported within.
"""

import hashlib
import json
import os
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import targets
from targets.contract import (
    GENERATION_VARIABLE,
    Capabilities,
    Deployment,
    DeploymentError,
    Endpoint,
    Order,
    Package,
    Part,
    StartFailed,
    UnitUsage,
)
from targets.events import Event
from targets.local.logged import Logged
from targets.serving import marks
from targets.workloads.contract import Workload

SECRET = b"toy"
REQUEST_ID = "x-toy-request-id"
POLL_S = 0.002


@dataclass(frozen=True)
class ToySettings:
    """How the toy behaves."""

    waiting: int = 128
    """Connections that may wait to be accepted."""

    def compress(self, factor: float) -> "ToySettings":
        """The same: nothing of it is a time."""
        return self

    def case(self) -> dict[str, float | str]:
        """The only setting there is."""
        return {"waiting": self.waiting}


class Toy:
    """A toy: the standard library's HTTP server around a model, in one process."""

    name = "toy"
    parts = (Part("process", "service", "fargate"),)
    settings = ToySettings
    capabilities = Capabilities(
        clock="shared", cold="renewed", usage="polled", events=False, emulated=False, isolated=False, deploy_s=1.0
    )

    def missing(self, accelerators: int = 0) -> str | None:
        """It has no GPU; all else it has wherever there is Python."""
        return "toy gives its process no GPU: set sizing.accelerators to 0" if accelerators else None

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """As for any process of this machine."""
        from targets.local import processes

        return processes.package(workload, model_dir, say)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start the process; returns once it has loaded the model."""
        return ToyDeployment(package, order)


class ToyDeployment(Logged):
    """One process at a time. Cold means another process, and its generation is the proof: there is no log."""

    def __init__(self, package: Package, order: Order) -> None:
        if order.images_absent:
            raise DeploymentError("toy starts from no image that could be absent: leave `images: absent` out")
        self.order = order
        self.endpoints: tuple[Endpoint, ...] = ()
        self.generation = secrets.token_hex(4)
        self._settings = order.settings_of(ToySettings)
        self._package = package
        self._started = 0
        self._process: Any = None
        self.wake()

    def wake(self) -> None:
        """Start the process, and wait until its start is over."""
        from targets.local import processes
        from targets.local.serving_process import ServingProcess

        self._started += 1
        ready = threading.Event()
        listener = socket.create_server(("127.0.0.1", 0), backlog=self._settings.waiting)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        own = {"FROSTLINE_UNIT": f"{self._started:04d}", GENERATION_VARIABLE: self.generation}
        environment = processes.serving_environment(self._package, self.order) | own
        # This file serves the model there, and what it imports is no part of what a workload does: all of ours is.
        environment["PYTHONPATH"] = os.pathsep.join([*map(str, targets.roots()), self._package.reference])
        self._process = ServingProcess(__name__, environment, listener, lambda line: _hear(line, ready))
        while not ready.wait(POLL_S):
            if self._process.status is not None:
                raise StartFailed(f"the toy's process ended with status {self._process.status} as it started")
        self.endpoints = (Endpoint(url, sender="toy-sender", request_id_header=REQUEST_ID),)

    def make_cold(self) -> str:
        """Kill the process and reap it."""
        self.destroy()
        self.generation = secrets.token_hex(4)
        return self.generation

    def reset(self, ledger: Path | None) -> None:
        """A new process."""
        self.check_ledger(ledger)
        self.make_cold()
        self.wake()

    def scale_out(self) -> Endpoint:
        """DeploymentError always."""
        raise DeploymentError("the toy is one process and no more: deploy another target to scale out")

    def usage(self) -> list[UnitUsage]:
        """What the kernel counts for the process."""
        from targets.local.tree_meter import TreeMeter

        if self._process is None:
            return []
        use = TreeMeter(self._process.pid).usage()
        return [UnitUsage(f"{self._started:04d}", use.memory_bytes, use.own_memory_bytes, use.cpu_ns)]

    def events(self) -> list[Event]:
        """None: it keeps no log."""
        return []

    def describe(self) -> dict[str, Any]:
        """Its settings."""
        return vars(self._settings)

    def destroy(self) -> None:
        """Kill the process. Safe to call twice."""
        self.endpoints = ()
        if self._process is not None:
            self._process.kill()
            self._process = None


def _hear(line: bytes, ready: threading.Event) -> None:
    if (mark := marks.parse(line)) and mark[0] == "init_end":
        ready.set()


def serve() -> None:
    """In the process: load the model, then answer for ever."""
    from targets.serving.core import Core, cpu_limit, error_body
    from targets.serving.leash import hold

    hold(int(os.environ["FROSTLINE_LEASH_FD"]))
    core, turn = Core(threads=cpu_limit()), threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            request_id = _name(self.headers, body)
            try:
                with turn:
                    status, answer = 200, core.answer(json.loads(body))
            except Exception as error:
                status, answer = 500, error_body(error)
            data = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(data)))
            self.send_header(REQUEST_ID, request_id)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: object) -> None:
            """Standard error is the user's."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler, bind_and_activate=False)
    server.socket = socket.socket(fileno=int(os.environ["FROSTLINE_SOCKET_FD"]))
    core.ready()
    server.serve_forever()


def _name(headers: Any, body: bytes) -> str:
    """The request's id, which says whether whoever sent it knew how to sign."""
    number = headers.get("x-toy-number", "")
    signed = hashlib.sha256(SECRET + number.encode() + body).hexdigest() == headers.get("x-toy-signature")
    return f"signed-{number}" if signed else f"unsigned-{secrets.token_hex(4)}"


TARGET = Toy()

if __name__ == "__main__":
    serve()
