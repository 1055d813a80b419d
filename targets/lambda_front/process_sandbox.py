"""A sandbox that is a plain process: the serving code's one-at-a-time loop on an inherited socket. No isolation."""

import asyncio
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from typing import IO

from targets.clock import now_ns
from targets.events import EventLog
from targets.lambda_front.sandbox import Reply, Sandbox, SandboxDied
from targets.resources import Usage, process_usage

DIED = b'{"errorType": "Runtime.ExitError", "errorMessage": "the function\'s process ended with status %d"}'


class ProcessSandboxes:
    """Makes sandboxes of one kind: a command line and an environment."""

    def __init__(self, command: list[str], environment: dict[str, str], log: EventLog) -> None:
        self.command = command
        self.environment = environment
        self.log = log

    def new(self, name: str) -> Sandbox:
        """A sandbox that is not started yet."""
        return ProcessSandbox(name, self.log, self)


class ProcessSandbox(Sandbox):
    """One process, started anew after a crash under the same name."""

    def __init__(self, name: str, log: EventLog, makers: ProcessSandboxes) -> None:
        super().__init__(name, log)
        self.makers = makers
        self.process: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter | None = None
        self._leash = -1

    def facts(self) -> dict[str, object]:
        """The process id."""
        return {"pid": self.process.pid} if self.process else {}

    async def create(self) -> None:
        """Nothing exists before the process does."""

    async def start(self) -> None:
        """Start the process; it initialises while its first request waits in the socket."""
        begun = now_ns()
        ours, theirs = socket.socketpair()
        held, self._leash = os.pipe()
        environment = {**self.makers.environment, "FROSTLINE_UNIT": self.name}
        command = [*self.makers.command, str(theirs.fileno()), str(held)]
        try:
            self.process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                pass_fds=(theirs.fileno(), held),
                start_new_session=True,
            )
        except OSError as error:
            raise SandboxDied(f"sandbox {self.name}: the process could not be started: {error}") from error
        finally:
            theirs.close()
            os.close(held)
        assert self.process.stdout is not None
        threading.Thread(target=_listen, args=(self.process.stdout, self.heard), daemon=True).start()
        self._reader, self._writer = await asyncio.open_connection(sock=ours, limit=2**24)
        self.running = True
        self.span("start", begun)

    async def invoke(self, body: bytes) -> Reply:
        """One frame there, one frame back; a process that ends instead is a function error, as Lambda has it."""
        assert self._writer is not None
        try:
            self._writer.write(len(body).to_bytes(4, "big") + body)
            size = int.from_bytes(await self._reader.readexactly(4), "big")
            reply = await self._reader.readexactly(size)
        except (OSError, asyncio.IncompleteReadError):
            await self.kill()
            assert self.process is not None
            return Reply(DIED % (self.process.returncode or 0), "Unhandled")
        return Reply(reply[1:], "Unhandled" if reply[:1] == b"!" else None)

    async def kill(self) -> None:
        """Kill and reap the process."""
        self.running = False
        if self.process is None or self._leash < 0:
            return
        if self._writer is not None:  # a start that is cut off has none yet
            self._writer.close()
        self.process.kill()
        await asyncio.get_running_loop().run_in_executor(None, self.process.wait)
        if self._leash >= 0:  # a request that was lost by this kill comes here as well
            os.close(self._leash)
            self._leash = -1

    async def remove(self) -> Usage:
        """Kill, after a last look at what it used."""
        usage = process_usage(self.process.pid) if self.process and self.running else Usage()
        await self.kill()
        return usage


def _listen(output: IO[bytes], heard: Callable[[bytes], None]) -> None:
    with output:
        for line in output:
            heard(line)
