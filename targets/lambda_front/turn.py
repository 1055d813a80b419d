"""One request's turn in a sandbox: the start of its runtime, the limit of its initialisation, its time-out."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from targets.clock import now_ns
from targets.events import EventLog
from targets.lambda_front.log_tail import Report
from targets.lambda_front.memory import glanced_at, watched
from targets.lambda_front.passage import Passage
from targets.lambda_front.sandbox import Reply, Sandbox, SandboxDied
from targets.settings import FunctionSettings

TIMED_OUT = "Sandbox.Timedout"


class Turns:
    """Carries requests through sandboxes that somebody else keeps: `is_kept` says whether that goes on."""

    def __init__(self, settings: FunctionSettings, log: EventLog, is_kept: Callable[[Sandbox], bool]) -> None:
        self.settings = settings
        self.log = log
        self._is_kept = is_kept

    async def start(self, sandbox: Sandbox) -> None:
        """Start the sandbox's runtime. SandboxDied when it cannot be."""
        if not self._is_kept(sandbox):  # the pool was closed meanwhile: nobody would remove what starts now
            raise SandboxDied("the front is ending")
        sandbox.init_ended.clear()
        sandbox.begun_ns = self.log.write("start", sandbox.name)
        await sandbox.start()

    async def ask(self, sandbox: Sandbox, body: bytes, passage: Passage) -> Reply:
        """Carry one request through it. SandboxDied when it is lost."""
        waited_spans = sandbox.spans_ns if sandbox.requests == 0 else {}
        is_reset = not sandbox.running  # the runtime ended with the request before: the same sandbox starts it again
        if is_reset:
            await self.start(sandbox)
            waited_spans = {"start": sandbox.spans_ns["start"]}
        sandbox.requests += 1
        initializes = not is_reset and not sandbox.init_ended.is_set()
        printed = await sandbox.printed_count() if passage.wants_log else 0
        asked_ns = now_ns()
        passage.facts.update(unit=sandbox.name, unit_request=sandbox.requests, asked_ns=asked_ns)
        with watched(sandbox) if passage.wants_log else glanced_at(sandbox):
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
            await self.start(sandbox)
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


def _status(reply: Reply) -> str | None:
    if reply.error is None:
        return None
    return "timeout" if reply.body.startswith(b'{"errorType": "%b"' % TIMED_OUT.encode()) else "error"
