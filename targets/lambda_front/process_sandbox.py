"""A sandbox that is a plain process: the serving code's one-at-a-time loop on an inherited socket. No isolation."""

import asyncio
import json
import socket
from contextlib import suppress

import psutil

from targets.clock import now_ns
from targets.contract import GENERATION_VARIABLE, Sizing
from targets.events import EventFacts, EventLog
from targets.lambda_front.payload import REPLY_TOO_LARGE
from targets.lambda_front.sandbox import Reply, Sandbox, SandboxRefused, take_gpus
from targets.local import gpus
from targets.local.gpus import Gpus
from targets.local.last_words import exit_words
from targets.local.processes import OwnTmp
from targets.local.resources import Usage
from targets.local.serving_process import END_S, ServingProcess
from targets.ownership import start_time
from targets.serving.leash import adopt

READ_S = 0.01
"""How long a thread that reads what a process tells or prints is given to have read the last of it."""
LOOP = "targets.serving.process_loop"


class ProcessSandboxes:
    """Makes sandboxes that are processes with one environment, and with GPUs of their own."""

    def __init__(self, environment: dict[str, str], log: EventLog, sizing: Sizing) -> None:
        adopt()  # here, so that no start waits for it
        self.environment = environment
        self.log = log
        self.gpus = Gpus(sizing.accelerators)

    def new(self, name: str, generation: str) -> Sandbox:
        """Make a sandbox whose process is not started yet."""
        return ProcessSandbox(name, self.log, self.environment | {GENERATION_VARIABLE: generation}, self.gpus)


class ProcessSandbox(Sandbox):
    """One process, started anew after a crash under the same name."""

    def __init__(self, name: str, log: EventLog, environment: dict[str, str], own: Gpus) -> None:
        super().__init__(name, log)
        self.gpus = own
        self._own: list[str] = []
        self.environment = environment | {"FROSTLINE_UNIT": name}
        self._tmp = OwnTmp(log.folder)
        self.process: ServingProcess | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None

    def facts(self) -> EventFacts:
        """Its main process's id and start time, and the mark of all its processes."""
        if self.process is None:
            return {}
        known: EventFacts = {"pid": self.process.pid, "mark": self.process.mark}
        if self._own:
            known["gpus"] = self._own
        with suppress(psutil.Error, OSError):  # it has ended already
            known["process_started"] = start_time(self.process.pid)
        return known

    async def create(self) -> None:
        """Choose its GPUs and make its temporary folder: nothing else exists before the process does."""
        self._own = await take_gpus(self.gpus, self.name)
        self.environment |= gpus.variables(self._own) | self._tmp.make()

    async def start(self) -> None:
        """Start the process; it initialises while its first request waits in the socket."""
        begun_ns = now_ns()
        ours, theirs = socket.socketpair()
        try:
            self.process = ServingProcess(LOOP, self.environment, theirs, self.hear)
        except OSError as error:
            ours.close()
            raise SandboxRefused(f"the process could not be started: {error}") from error
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=2**24)
        self.running = True
        self.log_step("start", begun_ns)

    async def invoke(self, body: bytes, request_id: str) -> Reply:
        """One frame there, one frame back; a process that ends instead is a function error, as Lambda has it."""
        assert self._writer is not None and self.process is not None
        try:
            self._writer.write(len(body).to_bytes(4, "big") + body)
            size = int.from_bytes(await self._reader.readexactly(4), "big")
            reply = await self._reader.readexactly(size)
        except (OSError, asyncio.IncompleteReadError):
            message = f"the function's process {await self._end()}"
            return Reply(json.dumps({"errorType": "Runtime.ExitError", "errorMessage": message}).encode(), "Unhandled")
        if reply == b"+":
            return Reply(REPLY_TOO_LARGE, "Unhandled")
        if reply[:1] == b"x":  # it could not load its model, and ends: the next request starts it anew
            await self.kill()
        return Reply(reply[1:], "Unhandled" if reply[:1] in b"!x" else None)

    async def _end(self) -> str:
        """End what has hung up, in words."""
        assert self.process is not None
        self._count_last()
        status = await asyncio.get_running_loop().run_in_executor(None, self.process.wait, END_S)
        await self.kill()
        if status is None:
            return f"hung up and did not end within {END_S:g} s: the front killed it"
        return f"ended: {exit_words(status)}"

    def _count_last(self) -> None:
        """Take its last figures, for they go with it."""
        if self.running:
            self.killed_usage = self.usage()
        self.running = False

    async def kill(self) -> None:
        """Kill and reap the process and all that it has started."""
        self._count_last()
        if self._writer is not None:  # a start that is cut off has none yet
            self._writer.close()
        if self.process is not None:
            try:
                await asyncio.get_running_loop().run_in_executor(None, self.process.kill)
            except TimeoutError as error:
                raise SandboxRefused(f"sandbox {self.name} cannot be ended: {error}") from error

    async def remove(self) -> Usage:
        """Kill, after a last look at what it used."""
        await self.kill()
        await asyncio.get_running_loop().run_in_executor(None, self._tmp.remove)
        self.gpus.give_back(self.name)
        return self.killed_usage

    def usage(self) -> Usage:
        """What /proc says of its processes, with those before them that were killed."""
        if self.process is None or not self.running:
            return self.killed_usage
        return self.process.usage().after(self.killed_usage)

    async def look(self) -> None:
        """A reply may overtake the mark before it, which another thread reads."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READ_S):
                await self.init_ended.wait()

    async def printed_count(self) -> int:
        """In bytes, after a moment in which the last of the request before is read."""
        await asyncio.sleep(READ_S)
        return self.process.last_words.count if self.process else 0

    async def printed_since(self, count: int, request_id: str) -> bytes:
        """To either stream, after a moment in which the last of it is read."""
        await asyncio.sleep(READ_S)
        return self.process.last_words.since(count) if self.process else b""
