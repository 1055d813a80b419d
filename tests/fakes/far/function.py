"""One deployed function: carries requests, repeats a start that overran, writes its log and the truth."""

import re
from collections.abc import Mapping
from typing import Any

from targets.clock import now_ns
from tests.fakes.far.deployed import Deployed
from tests.fakes.far.mail import Mail
from tests.fakes.far.passage import MS, Passage
from tests.fakes.far.pool import Pool
from tests.fakes.far.queue import Queue
from tests.fakes.far.rules import Rules
from tests.fakes.far.sandbox import Ended, Sandbox, TooLate

DIED = b'{"errorType": "Runtime.ExitError", "errorMessage": "the runtime ended before it answered"}'
NUMBER = re.compile(rb'"request": (\d+)')
TIMED_OUT = b'{"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after %.2f seconds"}'


class Function(Deployed):
    """Units are started by requests."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        super().__init__(order)
        self.rules = Rules(**order["rules"])
        self.environment |= {
            "FROSTLINE_TIMEOUT_S": f"{self.rules.timeout_s:g}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        }
        self.mail = Mail(self.rules.post)
        self._memory_mb: int = order["memory_mb"]
        self.pool = Pool(self.rules, self.environment, self.truth)
        self.queue = Queue(self.rules.concurrency_limit, self.invoke)

    def renew(self, anew: bool) -> None:
        """End every sandbox; `anew`: count them from one."""
        self.pool.renew(self.environment, self.truth if anew else None)

    def close(self) -> None:
        """End every sandbox."""
        self.pool.close()
        self.queue.close()

    def invoke(self, body: bytes, request_id: str) -> bytes:
        """The answer of one request, which may be an error. Throttled beyond the concurrency limit."""
        sandbox, truth = self.pool.take(), self.pool.truth
        passage = Passage(request_id, sandbox.unit)
        try:
            return self._carry(sandbox, body, passage)
        finally:
            passage.ended_ns, passage.memory_mb = now_ns(), sandbox.peak_mb
            self.pool.put_back(sandbox)
            # What failed left no envelope: were its log lost as well, nobody could tell what the next request met.
            mailed = self.mail.send(passage.lines(self._memory_mb), surely=passage.failed)
            truth.bill(
                request_id=request_id,
                request=_number(body),
                unit=passage.unit,
                start_type=passage.start_type,
                billed_ns=passage.billed_ms * MS,
                memory_mb=passage.memory_mb,
                mailed=mailed,
            )

    def _carry(self, sandbox: Sandbox, body: bytes, passage: Passage) -> bytes:
        if sandbox.is_new:
            self._initialise(sandbox, passage)
        elif sandbox.asked == 0:
            passage.start_type, passage.init_ns = "proactive", sandbox.init_ns
        passage.begun_ns = now_ns()
        deadline_ns = passage.begun_ns + int(self.rules.timeout_s * 1e9)
        try:
            if not sandbox.running:
                passage.start_type = "reset" if sandbox.asked else "cold_reinit"
                passage.again_ns = sandbox.start(self.rules.timeout_s)
            return sandbox.ask(passage.request_id, deadline_ns, body)
        except Ended:
            passage.failed = True
            return DIED
        except TooLate:
            passage.failed = True
            sandbox.truth.write("timed_out", sandbox.unit)
            return TIMED_OUT % self.rules.timeout_s

    def _initialise(self, sandbox: Sandbox, passage: Passage) -> None:
        """The start of a new sandbox, before the invocation; one that overruns is cut off, and made again in it."""
        begun_ns = now_ns()
        try:
            passage.init_ns = sandbox.start(self.rules.init_timeout_s)
            passage.start_type = "cold"
        except (TooLate, Ended):
            sandbox.truth.write("init_timeout", sandbox.unit)
            passage.cut_ns = now_ns() - begun_ns


def _number(body: bytes) -> int | None:
    """Of a known-truth request; None for any other."""
    return int(found[1]) if (found := NUMBER.search(body)) else None
