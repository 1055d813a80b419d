"""One deployed function: carries requests, repeats a start that overran, writes its log and the truth."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from targets.clock import now_ns
from tests.fakes.far.clock import VARIABLE
from tests.fakes.far.mail import Mail
from tests.fakes.far.passage import MS, Passage
from tests.fakes.far.pool import Pool
from tests.fakes.far.rules import Rules
from tests.fakes.far.sandbox import Ended, Sandbox, TooLate
from tests.fakes.far.truth import Truth

ROOT = Path(__file__).parents[3]
INHERITED = ("PATH", "LANG", "TMPDIR", "HOME", "LD_LIBRARY_PATH", VARIABLE)
DIED = b'{"errorType": "Runtime.ExitError", "errorMessage": "the runtime ended before it answered"}'
TIMED_OUT = b'{"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out after %.2f seconds"}'


class Function:
    """What was deployed under one name; `order` is what the deploy request said, tags and all."""

    def __init__(self, order: Mapping[str, Any]) -> None:
        self.tags: dict[str, str] = order["tags"]
        self.rules = Rules(**order["rules"])
        self.mail = Mail(self.rules.post)
        self._memory_mb: int = order["memory_mb"]
        self._environment = self._basic_environment(order["paths"]) | order["environment"]
        self._set_ledger(order["ledger"])
        self.pool = Pool(self.rules, dict(self._environment), Truth(order["ledger"]))

    def _basic_environment(self, paths: list[str]) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            "PYTHONPATH": os.pathsep.join([str(ROOT), *paths]),
            "PYTHONUNBUFFERED": "1",
            "AWS_LAMBDA_FUNCTION_TIMEOUT": f"{self.rules.timeout_s:g}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        }

    def _set_ledger(self, ledger: str | None) -> None:
        self._environment["FROSTLINE_LEDGER"] = ledger or ""

    def update(self, environment: dict[str, str]) -> None:
        """Change its environment: nothing that was started before answers again."""
        self._environment |= environment
        self.pool.renew(dict(self._environment))

    def begin_anew(self, environment: dict[str, str], ledger: str | None) -> None:
        """The same, and everything is as when it was deployed, with another folder for the truth."""
        self._environment |= environment
        self._set_ledger(ledger)
        self.pool.renew(dict(self._environment), Truth(ledger))

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
