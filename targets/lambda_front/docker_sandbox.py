"""A sandbox that is a container: the image's function entry point behind AWS's Runtime Interface Emulator."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import docker.errors
from docker.models.containers import Container

from targets.clock import now_ns
from targets.contract import GENERATION_VARIABLE, DeploymentError, Sizing, StartFailed
from targets.events import EventFacts, EventLog
from targets.lambda_front.emulator_words import KILLED, exit_error, is_whole, own_error, own_print, with_reason
from targets.lambda_front.sandbox import Reply, Sandbox, SandboxDied, SandboxRefused, take_gpus
from targets.lambda_front.upstream import HungUp, Upstream
from targets.local import containers
from targets.local.gpus import Gpus
from targets.local.mark_file import MarkFile
from targets.local.resources import Cgroup, Usage, out_of_memory
from targets.packaging.archive import ImageArchive
from targets.packaging.engine import engine_words
from targets.packaging.image import FUNCTION_COMMAND
from targets.settings import FunctionSettings

INVOKE_PATH = "/2015-03-31/functions/function/invocations"
POLL_S = 0.002
START_LIMIT_S = 60.0
LOOK_S = 1.0
"""How often the engine is asked whether a sandbox that does not listen yet has ended: seldom, for asking costs time."""
LOG_S = 0.02
LOG_LOOKS = 25
"""Most looks for the end of a request in the engine's log, LOG_S apart."""
LOG_LINES = 200
THREADS = 64


@dataclass(frozen=True)
class SandboxOrder:
    """What every sandbox of one pool is made from."""

    image: str
    prefix: str
    sizing: Sizing
    settings: FunctionSettings
    environment: dict[str, str]
    labels: dict[str, str]
    ledger: str | None = None
    archive: str | None = None
    """The image may be absent: it is then loaded from this file first."""
    command: list[str] | None = field(default_factory=lambda: FUNCTION_COMMAND)
    """None: the image's own."""
    listens: int = containers.PORT
    """The port of the emulator in it."""
    network: str | None = None
    """Of their deployment's own; None is the engine's usual one."""


class DockerSandboxes:
    """Makes sandboxes that share one engine connection and one set of threads."""

    def __init__(self, order: SandboxOrder, log: EventLog) -> None:
        self.order = order
        self.log = log
        self.client = containers.engine(pool_size=THREADS)
        self.gpus = Gpus(order.sizing.accelerators)
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="engine")

    def new(self, name: str, generation: str) -> Sandbox:
        """Make a sandbox whose container is not created yet."""
        return DockerSandbox(name, self.log, self, generation)


class DockerSandbox(Sandbox):
    """One container. The emulator starts the runtime inside the first request."""

    def __init__(self, name: str, log: EventLog, sandboxes: DockerSandboxes, generation: str) -> None:
        super().__init__(name, log)
        self.generation = generation
        self.sandboxes = sandboxes
        self.container: Container | None = None
        self._creation: asyncio.Task[Any] | None = None
        self.upstream: Upstream | None = None
        self._marks = MarkFile(log.folder, name)
        self._own_gpus: list[str] = []
        self._cgroup: Cgroup | None = None

    def facts(self) -> EventFacts:
        """The container's id and main process."""
        if self.container is None:
            return {}
        pid = self.container.attrs.get("State", {}).get("Pid") or None
        known: EventFacts = {"container": self.container.id, "pid": pid}
        return known | {"gpus": self._own_gpus} if self._own_gpus else known

    async def create(self) -> None:
        """Ask the engine for a container, after loading its image where that may be absent."""
        order = self.sandboxes.order
        self._own_gpus = await take_gpus(self.sandboxes.gpus, self.name)
        if order.archive is not None:
            begun_ns = self.log.write("load", self.name)
            await self._engine(ImageArchive(self.sandboxes.client, order.image, Path(order.archive)).load)
            self.log_step("load", begun_ns)
        begun_ns = now_ns()
        environment = {
            **order.environment,
            "FROSTLINE_UNIT": self.name,
            GENERATION_VARIABLE: self.generation,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(order.sizing.memory_mb),
            # The front keeps the function's time; the emulator's own limit would count initialisation as well.
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(int(order.settings.timeout_s + order.settings.init_timeout_s) + 60),
        }
        creation = self._engine(
            containers.create,
            self.sandboxes.client,
            image=order.image,
            command=order.command,
            name=f"{order.prefix}-{self.name}",
            sizing=order.sizing,
            environment=environment,
            labels=order.labels,
            marks=self._marks.path,
            ledger=order.ledger,
            gpu_ids=self._own_gpus,
            tmp_mb=order.settings.tmp_mb,
            shared_memory=False,  # Lambda has none
            port=order.listens,
            network=order.network,
        )
        self._creation = asyncio.ensure_future(creation)
        self.container = await asyncio.shield(self._creation)
        self.log_step("create", begun_ns)

    async def start(self) -> None:
        """Start the container and wait until the emulator listens."""
        begun_ns = now_ns()
        assert self.container is not None
        self._marks.follow(self.hear)
        await self._engine(self.container.start)
        started_ns = now_ns()
        port = await self._engine(containers.published_port, self.container, self.sandboxes.order.listens)
        self._cgroup = Cgroup.find(self.container.attrs["State"]["Pid"])
        self.log_step("start", begun_ns)
        self.spans_ns["start"] = (begun_ns, started_ns)
        await self._wait_until_listening(port)
        self.running = True

    async def invoke(self, body: bytes, request_id: str) -> Reply:
        """Post to the emulator. It answers 200 also for errors, so the body tells."""
        assert self.upstream is not None
        try:
            status, reply = await self.upstream.ask("POST", INVOKE_PATH, body)
        except HungUp as error:
            self.running = False
            raise SandboxDied(f"sandbox {self.name} ended in a request ({error}): {await self._why_ended()}") from error
        if status != 200 and not reply:  # the runtime ended as it initialised, of which the emulator says nothing
            why = self._out_of_memory() if self.usage().oom_killed else await self._last_words()
            reply = exit_error(request_id, why)
        if KILLED in reply and self.usage().oom_killed:
            reply = with_reason(reply, self._out_of_memory())
        is_error = status != 200 or reply.startswith((b'{"errorMessage"', b'{"errorType"', b"Task timed out"))
        return Reply(own_error(reply, request_id), "Unhandled") if is_error else Reply(reply)

    async def kill(self) -> None:
        """Kill the container; it stays and can be started again, in a new control group."""
        self.running = False
        self._marks.leave()
        self.killed_usage = self.usage()
        self._cgroup = None
        if self.upstream is not None:
            self.upstream.close()
        if self.container is not None:
            await self._engine(self.container.kill)

    async def remove(self) -> Usage:
        """Delete the container, after a last look at its control group."""
        self.running = False
        self._marks.leave()
        usage = self.usage()
        if self.upstream is not None:
            self.upstream.close()
        gone = True
        if self._creation is not None:  # the engine makes a container even when nobody waits for it any more
            await asyncio.wait({self._creation})
            if self._creation.exception() is None:
                gone = await self._engine(containers.remove, self._creation.result())
        if gone:
            self.sandboxes.gpus.give_back(self.name)
        return usage

    async def printed_since(self, count: int, request_id: str) -> bytes:
        """What is the function's own after the emulator's last START, as soon as the engine has all of it."""
        assert self.container is not None
        output = b""
        for _ in range(LOG_LOOKS):
            await asyncio.sleep(LOG_S)
            try:
                output = await self._engine(self.container.logs, tail=LOG_LINES)
            except SandboxDied:  # there is no log of it any more
                return b""
            if is_whole(output):
                break
        return own_print(output, request_id)

    async def look(self) -> None:
        """Its marks are looked at from time to time only."""
        self._marks.look(self.hear)
        await super().look()

    def usage(self) -> Usage:
        """What its control group counts, with those of its killed runtimes."""
        return self._cgroup.usage().after(self.killed_usage) if self._cgroup is not None else self.killed_usage

    async def _wait_until_listening(self, port: int) -> None:
        """Ask for a path that the emulator does not have: any HTTP answer means that it listens.

        The engine's port proxy accepts at once and hangs up until then. The invocation itself is sent exactly once.
        """
        deadline = now_ns() + int(START_LIMIT_S * 1e9)
        look = now_ns() + int(LOOK_S * 1e9)
        self.upstream = Upstream(port)
        while now_ns() < deadline:
            try:
                await self.upstream.ask("GET", "/", limit_s=(deadline - now_ns()) / 1e9)
            except HungUp:
                await asyncio.sleep(POLL_S)
            else:
                return
            if now_ns() > look:
                await self._check_alive()
                look = now_ns() + int(LOOK_S * 1e9)
        raise SandboxDied(
            f"sandbox {self.name} did not listen within {START_LIMIT_S:.0f} s: {await self._last_words()}"
        )

    async def _check_alive(self) -> None:
        assert self.container is not None
        await self._engine(self.container.reload)
        if self.container.status != "running":
            raise SandboxDied(f"sandbox {self.name} ended as it started: {await self._last_words()}")

    def _out_of_memory(self) -> str:
        return out_of_memory(self.sandboxes.order.sizing.memory_mb, self.own_peak_bytes)

    async def _why_ended(self) -> str:
        """That its memory ran out, by the engine's word; else what it printed last."""
        assert self.container is not None
        try:
            await self._engine(self.container.reload)
        except SandboxDied:
            return "its container is gone"
        return self._out_of_memory() if self.container.attrs["State"].get("OOMKilled") else await self._last_words()

    async def _last_words(self) -> str:
        """What the container printed last. Its output is not followed: the emulator prints three lines for each
        request, and reading them as they come would delay the requests."""
        assert self.container is not None
        try:
            output: bytes = await self._engine(self.container.logs, tail=5)
        except SandboxDied:
            return "its output is gone"
        return " / ".join(output.decode(errors="replace").split("\n"))[-500:] or "it printed nothing"

    async def _engine(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self.sandboxes.threads, lambda: call(*args, **options))
        except StartFailed as error:  # what was started ended by its own fault
            raise SandboxDied(f"sandbox {self.name}: {error}") from error
        except (docker.errors.DockerException, DeploymentError, OSError) as error:
            raise SandboxRefused(f"the engine refused: {engine_words(error)}") from error
