"""Lambda's rules over a set of sandboxes: reuse, scale-out, throttling, eviction, init limit and timeout."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from targets.clock import now_ns
from targets.events import EventLog
from targets.lambda_front.sandbox import Reply, Sandbox, SandboxDied
from targets.settings import FunctionSettings

START_WINDOW_NS = 10_000_000_000


class Throttled(Exception):
    """Lambda answers 429; the message is the reason."""


@dataclass
class Passage:
    """What happened to one request on its way: goes into the reply's timeline header."""

    received_ns: int
    facts: dict[str, Any] = field(default_factory=dict)


class Pool:
    """One request per sandbox; a request that starts a sandbox waits for that one; the most recently used is reused."""

    def __init__(
        self, settings: FunctionSettings, log: EventLog, new: Callable[[str, str], Sandbox], generation: str = ""
    ) -> None:
        self.settings = settings
        self.log = log
        self.generation = generation
        """What sandboxes that are made from now on echo in their answers."""
        self._new = new
        self._idle: list[Sandbox] = []
        self._all: dict[str, Sandbox] = {}
        self._evictions: dict[str, asyncio.TimerHandle] = {}
        self._starts: deque[int] = deque()
        self._count = 0
        self._removals: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def size(self) -> int:
        """Sandboxes that exist, busy or idle."""
        return len(self._all)

    async def invoke(self, body: bytes, passage: Passage) -> Reply:
        """Carry one request. Throttled when no sandbox is free and none may be started; SandboxDied when it is lost."""
        if self._closed:  # a client's open connection still brings requests, and each would start a sandbox
            raise SandboxDied("the front is ending")
        sandbox = self._take() or await self._scale_out(passage)
        try:
            reply = await self._ask(sandbox, body, passage)
        except BaseException:
            self._drop(sandbox, "died")
            raise
        self._put_back(sandbox)
        return reply

    async def drop_all(self) -> int:
        """Remove every idle sandbox and wait until all are gone; returns how many. The next request is cold."""
        count = len(self._idle)
        while self._idle:
            self._drop(self._idle[0], "evicted")
        while self._removals:
            await asyncio.wait(self._removals)
        return count

    async def close(self) -> None:
        """Remove everything, busy or not, and start nothing more."""
        self._closed = True
        for sandbox in list(self._all.values()):
            self._drop(sandbox, "evicted")
        while self._removals:
            await asyncio.wait(self._removals)

    def _take(self) -> Sandbox | None:
        # The last one put back: the others age towards their eviction, as on Lambda, instead of all being kept alive.
        if not self._idle:
            return None
        sandbox = self._idle.pop()
        self._evictions.pop(sandbox.name).cancel()
        return sandbox

    async def _scale_out(self, passage: Passage) -> Sandbox:
        # Nothing is awaited between the limits and the entry: requests that come at once see each other's sandboxes.
        self._check_limits()
        self._count += 1
        sandbox = self._new(f"{self._count:04d}", self.generation)
        self._all[sandbox.name] = sandbox
        self.log.write("create", sandbox.name, for_request=True)
        try:
            await sandbox.create()
            await self._start(sandbox)
        except BaseException:
            self._drop(sandbox, "died")
            raise
        passage.facts["started_for_request"] = True
        return sandbox

    def _check_limits(self) -> None:
        now = now_ns()
        while self._starts and self._starts[0] < now - START_WINDOW_NS:
            self._starts.popleft()
        if len(self._all) >= self.settings.concurrency_limit:
            reason = f"all {self.settings.concurrency_limit} sandboxes are busy"
        elif len(self._starts) >= self.settings.starts_per_10_s:
            reason = f"{self.settings.starts_per_10_s} sandboxes were started in the last 10 s"
        else:
            self._starts.append(now)
            return
        self.log.write("throttled", reason=reason)
        raise Throttled(reason)

    async def _start(self, sandbox: Sandbox) -> None:
        if sandbox.name not in self._all:  # the pool was closed meanwhile: nobody would remove what starts now
            raise SandboxDied("the front is ending")
        sandbox.init_ended.clear()
        sandbox.begun_ns = self.log.write("start", sandbox.name)
        await sandbox.start()

    async def _ask(self, sandbox: Sandbox, body: bytes, passage: Passage) -> Reply:
        waited_spans = sandbox.spans_ns if sandbox.requests == 0 else {}
        if not sandbox.running:  # the runtime ended with the request before: a reset, in the same sandbox
            await self._start(sandbox)
            waited_spans = {"start": sandbox.spans_ns["start"]}
        sandbox.requests += 1
        passage.facts.update(unit=sandbox.name, unit_request=sandbox.requests, asked_ns=now_ns())
        if not sandbox.init_ended.is_set():
            reply = await self._invoke_first(sandbox, body)
        else:
            reply = await self._await_within_timeout(sandbox, sandbox.invoke(body))
        passage.facts.update(spans_ns=waited_spans, answered_ns=now_ns())
        return reply

    async def _invoke_first(self, sandbox: Sandbox, body: bytes) -> Reply:
        """The runtime initialises inside this request; past the limit that is cut off and repeated, as on Lambda."""
        invocation = asyncio.ensure_future(sandbox.invoke(body))
        init_end = asyncio.ensure_future(sandbox.init_ended.wait())
        # The init limit holds until init is seen to end, the function's own from there on; an answer without that sign
        # (a mark that came late) ends both.
        limit = self.settings.init_timeout_s
        await asyncio.wait({invocation, init_end}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if not invocation.done() and not init_end.done():
            invocation.cancel()  # the repeated init counts towards the function's own time, as on Lambda
            self.log.write("init_timeout", sandbox.name)
            await sandbox.kill()
            await self._start(sandbox)
            invocation = asyncio.ensure_future(sandbox.invoke(body))
        init_end.cancel()
        return await self._await_within_timeout(sandbox, invocation)

    async def _await_within_timeout(self, sandbox: Sandbox, invocation: Awaitable[Reply]) -> Reply:
        """The function's own time limit. The handler has not begun before init ended, so it is counted from here."""
        try:
            async with asyncio.timeout(self.settings.timeout_s):
                return await invocation
        except TimeoutError:
            self.log.write("timed_out", sandbox.name)
            await sandbox.kill()
        message = f"Task timed out after {self.settings.timeout_s:.2f} seconds"
        return Reply(b'{"errorType": "Sandbox.Timedout", "errorMessage": "%b"}' % message.encode(), "Unhandled")

    def _put_back(self, sandbox: Sandbox) -> None:
        # A sandbox whose runtime was killed or crashed goes back as well: its next request starts it anew, a reset.
        if sandbox.name not in self._all:
            return
        self._idle.append(sandbox)
        loop = asyncio.get_running_loop()
        self._evictions[sandbox.name] = loop.call_later(self.settings.keep_alive_s, self._drop, sandbox, "evicted")

    def _drop(self, sandbox: Sandbox, why: Literal["died", "evicted"]) -> None:
        if self._all.pop(sandbox.name, None) is None:
            return
        if sandbox in self._idle:
            self._idle.remove(sandbox)
        if timer := self._evictions.pop(sandbox.name, None):
            timer.cancel()
        self.log.write(why, sandbox.name)
        removal = asyncio.ensure_future(self._remove(sandbox))
        self._removals.add(removal)
        removal.add_done_callback(self._removals.discard)

    async def _remove(self, sandbox: Sandbox) -> None:
        try:
            usage = await sandbox.remove()
        except SandboxDied as error:
            self.log.write("removed", sandbox.name, error=str(error))
        else:
            self.log.write("removed", sandbox.name, **vars(usage))
