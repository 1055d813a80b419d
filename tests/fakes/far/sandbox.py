"""One sandbox as the far platform sees it: a process that it starts, asks, and starts again after a crash."""

import json
import socket
from contextlib import suppress

from targets.clock import now_ns
from targets.events import EventLog
from targets.local.serving_process import ServingProcess
from targets.serving import marks
from tests.fakes.far.memory import peak_bytes
from tests.fakes.far.runtime import read_frame, write_frame

RUNTIME = "tests.fakes.far.runtime"
MB = 1024 * 1024


class TooLate(Exception):
    """The runtime took longer than it may, and was killed."""


class Ended(Exception):
    """The runtime ended by itself."""


class Sandbox:
    """Asked by one thread at a time. `unit` stays the same through restarts."""

    def __init__(self, unit: str, environment: dict[str, str], truth: EventLog) -> None:
        self.unit = unit
        self.truth = truth
        self.init_ns: int | None = None
        """How long its start took that no request waited for."""
        self.usable_ns = 0
        """From when on it may be asked."""
        self.idle_ns = 0
        """Since when it has nothing to do."""
        self.asked = 0
        self.running = False
        self.retired = False
        """Killed for good: it must not be started again."""
        self._environment = {
            **environment,
            "FROSTLINE_UNIT": unit,
            "AWS_LAMBDA_LOG_STREAM_NAME": f"far/[$LATEST]{unit}",
        }
        self._process: ServingProcess | None = None
        self._connection: socket.socket | None = None

    def start(self, limit_s: float) -> int:
        """Start the runtime and wait until it has initialised; returns how long that took in ns. TooLate or Ended."""
        self._connection, theirs = socket.socketpair()
        begun_ns = self.truth.write("start", self.unit)
        self._process = ServingProcess(RUNTIME, self._environment, theirs, self._hear)
        self.truth.write("started", self.unit, pid=self._process.pid)
        self.running = True
        if self.retired:  # while it was being started
            self.kill()
        self._receive(limit_s)
        return now_ns() - begun_ns

    def ask(self, request_id: str, deadline_ns: int, body: bytes) -> bytes:
        """The runtime's answer. TooLate or Ended: then it is not running."""
        self.asked += 1
        assert self._connection is not None
        head = json.dumps({"request_id": request_id, "deadline_ns": deadline_ns}).encode()
        with suppress(OSError):  # it ended while it was idle, which is met below
            write_frame(self._connection, head + b"\n" + body)
        return self._receive((deadline_ns - now_ns()) / 1e9)

    def _receive(self, limit_s: float) -> bytes:
        assert self._connection is not None
        try:
            self._connection.settimeout(max(0.001, limit_s))
            return read_frame(self._connection)
        except OSError as error:
            self.kill()
            raise TooLate if isinstance(error, TimeoutError) else Ended from error

    @property
    def is_new(self) -> bool:
        """Whether it was never started."""
        return self._process is None

    @property
    def peak_mb(self) -> int | None:
        """The most memory that its process has used, in whole MB; None when it has ended."""
        peak = peak_bytes(self._process.pid) if self._process else None
        return None if peak is None else -(-peak // MB)

    def kill(self) -> None:
        """End the runtime at once, from any thread; whoever waits for it sees it end. It can be started again."""
        self.running = False
        if self._process is not None:
            self._process.kill()

    def retire(self) -> None:
        """End it for good."""
        self.retired = True
        self.truth.write("evicted", self.unit)
        self.kill()
        self.truth.write("removed", self.unit)

    def _hear(self, line: bytes) -> None:
        if mark := marks.parse(line):
            self.truth.write(mark[0], self.unit, mark[1])
