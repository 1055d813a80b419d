"""One sandbox as the pool sees it: whatever runs the function, one request at a time."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from targets.clock import now_ns
from targets.contract import REFUSED, DeploymentError
from targets.events import EventFacts, EventKind, EventLog
from targets.local.gpus import Gpus, UnitGone
from targets.local.resources import Usage
from targets.serving import marks

GPU_LIMIT_S = 60.0
GPU_POLL_S = 0.005


@dataclass(frozen=True)
class Reply:
    """What the function answered: `error` is Lambda's X-Amz-Function-Error, None for a good answer."""

    body: bytes
    error: str | None = None


Step = Literal["load", "create", "start"]
END_OF_STEP: dict[Step, EventKind] = {"load": "loaded", "create": "created", "start": "started"}
"""The event that ends a step, by the one that begins it."""


class SandboxDied(Exception):
    """The sandbox ended while it held a request, or could not be started; the message says what is known."""

    kind = "Sandbox.Died"


class SandboxRefused(SandboxDied):
    """The engine or this machine did not make, start or keep it: no fault of the function."""

    kind = REFUSED


async def take_gpus(gpus: Gpus, name: str) -> list[str]:
    """The GPUs of a new sandbox: within the pool's limits they are there once the removal before has ended."""
    deadline = now_ns() + int(GPU_LIMIT_S * 1e9)
    while True:
        try:
            return gpus.take(name)
        except DeploymentError as error:
            if isinstance(error, UnitGone) or now_ns() > deadline:
                raise SandboxRefused(f"sandbox {name}: {error}") from error
        await asyncio.sleep(GPU_POLL_S)


class Sandbox(ABC):
    """Life of one sandbox: create, start, invoke ..., kill, remove. `name` stays the same through restarts."""

    def __init__(self, name: str, log: EventLog) -> None:
        self.name = name
        self.log = log
        self.requests = 0
        self.begun_ns = 0
        """When the present runtime was asked to start."""
        self.running = False
        self.spans_ns: dict[str, tuple[int, int]] = {}
        """Begin and end of the latest load of an image, create and start."""
        self.init_ended = asyncio.Event()
        self.init_ended_ns = 0
        """When the present runtime said that it had, once `init_ended` is set."""
        self.killed_usage = Usage()
        """What its killed runtimes used: what the kernel counted goes with them."""
        self.own_peak_bytes: int | None = None
        """The most memory of its own that `see_memory` saw; None where none could be seen."""
        self._loop = asyncio.get_running_loop()

    @abstractmethod
    async def create(self) -> None:
        """Make what `start` starts. SandboxDied when the engine refuses."""

    @abstractmethod
    async def start(self) -> None:
        """Start the runtime, also after `kill`; returns when it can take a request. SandboxDied when it cannot."""

    @abstractmethod
    async def invoke(self, body: bytes, request_id: str) -> Reply:
        """Carry one request. SandboxDied when it ends before it answers."""

    @abstractmethod
    async def kill(self) -> None:
        """End the runtime at once; the sandbox can be started again."""

    @abstractmethod
    async def remove(self) -> Usage:
        """End and delete it; returns what the kernel counted until then."""

    def log_step(self, name: Step, begun_ns: int) -> None:
        """Log that `name` (load, create, start) is done."""
        self.spans_ns[name] = (begun_ns, now_ns())
        self.log.write(END_OF_STEP[name], self.name, self.spans_ns[name][1], **self.facts())

    def facts(self) -> EventFacts:
        """What identifies it to the engine: a container id, a process id."""
        return {}

    def usage(self) -> Usage:
        """What the kernel counts for it until now; what cannot be known is None."""
        return self.killed_usage

    def see_memory(self) -> None:
        """Look at the memory of its own, files left out."""
        own_bytes = self.usage().own_memory_bytes
        if own_bytes is not None:
            self.own_peak_bytes = max(own_bytes, self.own_peak_bytes or 0)

    async def printed_count(self) -> int:
        """How much the function has printed: what `printed_since` is asked with later."""
        return 0

    async def printed_since(self, count: int, request_id: str) -> bytes:
        """The end of what it has printed from there on; empty where that is not at hand."""
        return b""

    async def look(self) -> None:
        """Take in the marks that it has told and that nobody has heard yet."""
        await asyncio.sleep(0)

    def hear(self, line: bytes) -> bool:
        """Take a line of the channel of its marks, from any thread, and log it. True when init has ended.

        What is no mark of this unit and of its present runtime is ignored."""
        mark = marks.accept(line, self.name, self.begun_ns)
        if mark:
            with suppress(RuntimeError):  # the loop has ended, and nobody is there to be told
                self._loop.call_soon_threadsafe(self._take_mark, *mark)
        return mark is not None and mark[0] == "init_end"

    def _take_mark(self, kind: marks.MarkKind, at_ns: int) -> None:
        if at_ns < self.begun_ns or self.init_ended.is_set():  # the last word of a runtime that was killed, or no news
            return
        self.log.write(kind, self.name, at_ns)
        if kind == "init_end":
            self.init_ended_ns = at_ns
            self.init_ended.set()
