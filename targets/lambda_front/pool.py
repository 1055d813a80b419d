"""Lambda's rules over a set of sandboxes: reuse, scale-out, throttling, eviction, init limit and timeout."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import Literal

from targets.clock import now_ns
from targets.events import EventLog
from targets.lambda_front.log_tail import Report
from targets.lambda_front.memory import watched
from targets.lambda_front.passage import Passage
from targets.lambda_front.sandbox import Reply, Sandbox, SandboxDied
from targets.settings import FunctionSettings

START_WINDOW_NS = 10_000_000_000


TIMED_OUT = "Sandbox.Timedout"


class Throttled(Exception):
    """Lambda answers 429; the message says why, `reason` is AWS's word for it."""

    def __init__(self, message: str, reason: str = "ConcurrentInvocationLimitExceeded") -> None:
        super().__init__(message)
        self.reason = reason


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
            refusal = Throttled(f"all {self.settings.concurrency_limit} sandboxes are busy")
        elif len(self._starts) >= self.settings.starts_per_10_s:
            message = f"{self.settings.starts_per_10_s} sandboxes were started in the last 10 s"
            refusal = Throttled(message, "FunctionInvocationRateLimitExceeded")
        else:
            self._starts.append(now)
            return
        self.log.write("throttled", reason=str(refusal))
        raise refusal

    async def _start(self, sandbox: Sandbox) -> None:
        if sandbox.name not in self._all:  # the pool was closed meanwhile: nobody would remove what starts now
            raise SandboxDied("the front is ending")
        sandbox.init_ended.clear()
        sandbox.begun_ns = self.log.write("start", sandbox.name)
        await sandbox.start()

    async def _ask(self, sandbox: Sandbox, body: bytes, passage: Passage) -> Reply:
        waited_spans = sandbox.spans_ns if sandbox.requests == 0 else {}
        is_reset = not sandbox.running  # the runtime ended with the request before: the same sandbox starts it again
        if is_reset:
            await self._start(sandbox)
            waited_spans = {"start": sandbox.spans_ns["start"]}
        sandbox.requests += 1
        initializes = not is_reset and not sandbox.init_ended.is_set()
        printed = await sandbox.printed_count() if passage.wants_log else 0
        asked_ns = now_ns()
        passage.facts.update(unit=sandbox.name, unit_request=sandbox.requests, asked_ns=asked_ns)
        with watched(sandbox) if passage.wants_log else nullcontext():
            if initializes:
                reply, begun_ns = await self._invoke_first(sandbox, body, passage)
            else:  # what a runtime that starts again takes counts towards this request's limit, as on Lambda
                begun_ns = asked_ns
                invocation = sandbox.invoke(body, passage.request_id)
                reply = await self._await_within_timeout(sandbox, invocation, begun_ns, passage)
        answered_ns = now_ns()
        passage.facts.update(spans_ns=waited_spans, answered_ns=answered_ns)
        if passage.wants_log:
            passage.report = Report(
                answered_ns - begun_ns,
                begun_ns - asked_ns if initializes and begun_ns == sandbox.init_ended_ns else None,
                sandbox.own_peak_bytes,
                await sandbox.printed_since(printed, passage.request_id),
                _status(reply),
            )
        return reply

    async def _invoke_first(self, sandbox: Sandbox, body: bytes, passage: Passage) -> tuple[Reply, int]:
        """The runtime initialises inside this request; past the limit that is cut off and repeated, as on Lambda.

        Also returns since when the function's own time was counted.
        """
        begun_ns = now_ns()
        invocation = asyncio.ensure_future(sandbox.invoke(body, passage.request_id))
        init_end = asyncio.ensure_future(sandbox.init_ended.wait())
        # The init limit holds until init is seen to end, the function's own from there on; an answer without that sign
        # (a mark that came late) ends both.
        limit = self.settings.init_timeout_s
        await asyncio.wait({invocation, init_end}, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
        if not sandbox.init_ended.is_set():
            await sandbox.look()
        init_end.cancel()
        if sandbox.init_ended.is_set():
            begun_ns = sandbox.init_ended_ns
        elif not invocation.done():
            invocation.cancel()  # the repeated init counts towards the function's own time, as on Lambda
            self.log.write("init_timeout", sandbox.name)
            await sandbox.kill()
            await self._start(sandbox)
            begun_ns = now_ns()
            invocation = asyncio.ensure_future(sandbox.invoke(body, passage.request_id))
        return await self._await_within_timeout(sandbox, invocation, begun_ns, passage), begun_ns

    async def _await_within_timeout(
        self, sandbox: Sandbox, invocation: Awaitable[Reply], begun_ns: int, passage: Passage
    ) -> Reply:
        """The function's own time limit, counted from `begun_ns`."""
        left_s = self.settings.timeout_s - (now_ns() - begun_ns) / 1e9
        try:
            async with asyncio.timeout(left_s):
                return await invocation
        except TimeoutError:
            self.log.write("timed_out", sandbox.name)
            await sandbox.kill()
        message = f"RequestId: {passage.request_id} Error: Task timed out after {self.settings.timeout_s:.2f} seconds"
        return Reply(json.dumps({"errorType": TIMED_OUT, "errorMessage": message}).encode(), "Unhandled")

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


def _status(reply: Reply) -> str | None:
    if reply.error is None:
        return None
    return "timeout" if reply.body.startswith(b'{"errorType": "%b"' % TIMED_OUT.encode()) else "error"
