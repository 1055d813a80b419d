"""One replica of a far service."""

import http.client
import socket
import threading
import time

from targets.events import EventLog
from targets.local.serving_process import ServingProcess
from targets.serving import marks
from tests.fakes.far.memory import peak_bytes

SERVER = "tests.fakes.far.server"
POLL_S = 0.02
LIMIT_S = 120


class Replica:
    """A process on a socket of its own; "pending" until it answers, "stopped" once it has ended."""

    def __init__(self, unit: str, environment: dict[str, str], truth: EventLog) -> None:
        self.unit = unit
        self.state = "pending"
        self.peak_bytes: int | None = None
        """The most memory that it was seen to have used, in total."""
        self.truth = truth
        self._environment = {**environment, "FROSTLINE_UNIT": unit}
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = listener.getsockname()[1]
        truth.write("start", unit)
        self._process = ServingProcess(SERVER, self._environment, listener, self._hear)
        truth.write("started", unit, pid=self._process.pid)
        threading.Thread(target=self._await_answer, daemon=True).start()

    def _await_answer(self) -> None:
        while self._process.status is None:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT_S)
            try:
                connection.request("GET", "/")
                if connection.getresponse().status == 200:
                    self.state = "running"
                    return
            except (OSError, http.client.HTTPException):
                time.sleep(POLL_S)
            finally:
                connection.close()
        self.state = "stopped"

    def note_peak(self) -> None:
        """Look at its memory; what has ended by itself keeps what was seen before."""
        self.peak_bytes = peak_bytes(self._process.pid) or self.peak_bytes

    def retire(self) -> None:
        """End it."""
        self.note_peak()
        self._process.kill()
        self.state = "stopped"
        self.truth.write("removed", self.unit)

    def _hear(self, line: bytes) -> None:
        if mark := marks.parse(line):
            self.truth.write(mark[0], self.unit, mark[1])
