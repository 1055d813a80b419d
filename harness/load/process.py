"""The run's side of the load process: starts it, hands it plans, reads what it left. Imports no locust."""

import contextlib
import io
import itertools
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import TrialError
from harness.load.failures import end_of, failure_from, lack_of
from harness.load.limits import MOST_ARRIVALS, bodies_problem, load_problems
from harness.load.patience import Patience, of_all
from harness.load.replies import Body, Pair, Replies, Reply, Spool
from harness.load.senders import SenderFailed, endpoint_problems
from harness.load.stripes import RECORD_TYPE, Records, begin_of, complete, disown_answers, read_stripe, reserve
from harness.load.wire import UNKNOWN_GAP, Fate, LoadPlan, WorkerReport, unheard
from loadprofiles.contract import fingerprint
from targets.descriptors import most_descriptors
from targets.local import own_children
from targets.ownership import work_folder

Progress = Callable[[int], None]
LOOK_S = 0.5
"""So often it is asked whether a load process that says nothing is still worth waiting for."""


@dataclass(frozen=True)
class Arrival:
    """One request that was sent outside the load process, at a forced start or to an added replica; 0 as in RECORD."""

    index: int
    scheduled_ns: int
    fate: Fate
    sent_ns: int = 0
    first_byte_ns: int = 0
    done_ns: int = 0
    status: int = 0
    in_flight: int = 0
    fresh: int = False
    """As an exchange has it."""
    resent: bool = False
    error: str = ""
    reply: Reply | None = None
    head: bytes = b""
    """The reply's body up to its tail."""
    connect_ns: int = 0
    tls_ns: int = 0
    first_chunk_ns: int = 0
    last_chunk_ns: int = 0
    chunk_gap_p50_ns: int = UNKNOWN_GAP
    chunk_gap_p95_ns: int = UNKNOWN_GAP
    chunks: int = 0
    reply_bytes: int = 0
    body_bytes: int = 0
    generation: str = ""
    """What its answer must echo to prove the start that was forced; "" where that is no proof."""


@dataclass(frozen=True)
class Sent:
    """Every arrival of a trial and what came of it, in order; stamps are absolute, 0 where there is none."""

    begin_ns: int
    records: Records
    errors: list[str]
    """By record: its error text, "" when there is none."""
    replies: Replies
    """Only what had a body, the kept header or an id; to be closed by whoever has read them."""
    workers: list[WorkerReport] = field(default_factory=list)
    """Empty where no schedule was carried out."""
    problems: list[str] = field(default_factory=list)
    """What kept requests from being sent and was not the target's fault."""
    generations: Mapping[int, str] = field(default_factory=dict)
    """By index: what the answer to a forced start must echo, where only that is proof."""

    @classmethod
    def of(cls, begin_ns: int, arrivals: Sequence[Arrival], problems: Sequence[str] = ()) -> "Sent":
        """What was sent one by one, in the form of a schedule that was sent."""
        records = np.zeros(len(arrivals), RECORD_TYPE)
        for name in RECORD_TYPE.names or ():
            if name not in ("started_ns", "error", "padding"):
                records[name] = [getattr(arrival, name) for arrival in arrivals]
        replies, heads = io.BytesIO(), io.BytesIO()
        spool = Spool(replies, heads)
        for arrival in arrivals:
            if (reply := arrival.reply) is not None:
                body = Body.of(arrival.head + reply.tail)
                spool.keep(arrival.index, reply.header, reply.request_id.encode("latin-1"), reply.streamed, body)
        kept, errors = Replies([Pair(replies, heads)]), [arrival.error for arrival in arrivals]
        generations = {arrival.index: arrival.generation for arrival in arrivals if arrival.generation}
        return cls(begin_ns, records, errors, kept, problems=list(problems), generations=generations)

    def join(self, other: "Sent") -> "Sent":
        """These arrivals, then those that were sent beside them."""
        records = np.concatenate([self.records, other.records])
        return replace(
            self,
            records=records,
            errors=self.errors + other.errors,
            replies=self.replies.join(other.replies),
            problems=self.problems + other.problems,
        )


class LoadProcess:
    """One load process for a whole run; its start-up costs a second, and would fall into every trial."""

    def __init__(self, workers: int = 1, environment: dict[str, str] | None = None) -> None:
        """TrialError where it cannot be started."""
        self.workers = workers
        self._environment = {**os.environ, **(environment or {})}
        self._leash, self._is_spent = -1, False
        try:
            self.folder = work_folder("load")
            self._start()
        except OSError as error:
            raise TrialError(f"the load process could not be started: {lack_of(error)}") from error

    def carry_out(self, plan: LoadPlan, offsets: Any, bodies: list[bytes], progress: Progress) -> Sent:
        """Send a schedule and wait until every request has ended; `progress` hears how many have. Raises TrialError,
        which is SenderFailed where an endpoint cannot be sent to: its sender failed, or its host has no address."""
        if len(offsets) > MOST_ARRIVALS:
            raise TrialError(f"{len(offsets):,} requests are more than a schedule holds: at most {MOST_ARRIVALS:,}")
        if problem := bodies_problem([len(body) for body in bodies]):
            raise TrialError(problem)
        if problems := load_problems(plan.cap, plan.prewarm, len(plan.endpoints), most_descriptors()):
            raise TrialError("\n".join(problems))
        if problems := [line for endpoint in plan.endpoints for line in endpoint_problems(endpoint)]:
            raise SenderFailed("\n".join(problems))
        self._renew()
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        plan = replace(plan, folder=str(folder), sha256=fingerprint(offsets))
        try:
            plan.write(offsets, bodies)
            with reserve(plan, len(offsets), self.workers):
                return read_sent(plan, self._send_order(plan, progress), len(offsets))
        except OSError as error:
            raise TrialError(f"the load process cannot be given its plan: {lack_of(error)}") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def muster(self) -> None:
        """Have all workers there, before what they are to ask is; those of this machine come with their process."""

    def close(self) -> None:
        """End the load process at once, also in the midst of a schedule. Safe to call twice."""
        self._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _arguments(self) -> list[str]:
        """What it is told beside how many workers there are."""
        return []

    def _renew(self) -> None:
        if self._is_spent:
            self._end()
            self._start()

    def _start(self) -> None:
        inherited_end, self._leash = os.pipe()
        try:
            self._process = own_children.start(
                [sys.executable, "-m", "harness.load", str(self.workers), str(inherited_end), *self._arguments()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                bufsize=0,
                env=self._environment,
                pass_fds=(inherited_end,),
            )
        finally:
            os.close(inherited_end)
        self._unread, self._is_spent, self._is_buried = b"", False, False

    def _end(self) -> None:
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # an order that it ended without reading
                    stream.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._kill()

    def _kill(self) -> int:
        """End it and whatever is left of its session, workers that are stopped, too; returns how it ended itself."""
        if not self._is_buried:
            self._is_buried = True
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()

    def _send_order(self, plan: LoadPlan, progress: Progress) -> dict[str, Any]:
        patience = self._patience(plan)
        if (message := self._ask(plan.folder, patience, progress)) is not None:
            self._is_spent = message["spent"]
            return message
        return self._message_of_the_dead(plan, self._end_of(patience))

    def _patience(self, plan: LoadPlan) -> Patience:
        return of_all(plan, self.workers)

    def _ask(self, order: str, patience: Patience, progress: Progress) -> dict[str, Any] | None:
        """What it answers to a line; None when it has ended, or is not waited for any more."""
        self._write(order)
        for line in self._read_lines(patience):
            message: dict[str, Any] = json.loads(line)
            if "error" in message:
                raise failure_from(message)
            if "spent" in message:
                return message
            self._heed(message, patience, progress)
        return None

    def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except OSError as error:
            raise TrialError(f"the load process has ended: {error}") from error

    def _heed(self, message: dict[str, Any], patience: Patience, progress: Progress) -> None:
        """What it says in between."""
        if "ended" in message:
            progress(message["ended"])

    def _end_of(self, patience: Patience) -> str:
        """How a load process went that does not answer any more."""
        if not patience.is_over():
            return end_of(self._process.wait())
        self._kill()
        return patience.words

    def _message_of_the_dead(self, plan: LoadPlan, how: str) -> dict[str, Any]:
        """What a load process that has ended would have said. TrialError when it had not begun."""
        if not (begin_ns := begin_of(plan, self.workers)):
            raise TrialError(f"the load process {how} before it began its schedule")
        self._is_spent = True
        return {"begin_ns": begin_ns, "workers": [unheard(rank, how) for rank in range(self.workers)]}

    def _read_lines(self, patience: Patience) -> Iterator[bytes]:
        """What it says, line by line, until it ends or is of no more use."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                *lines, self._unread = self._unread.split(b"\n")
                yield from lines
                while not selector.select(LOOK_S):
                    if patience.is_over():
                        return
                data = os.read(self._process.stdout.fileno(), 65_536)
                if not data:
                    return
                self._unread += data


def read_sent(plan: LoadPlan, message: dict[str, Any], count: int) -> Sent:
    """Join the workers' stripes. TrialError unless every arrival has exactly one record."""
    begin_ns, reports = message["begin_ns"], message["workers"]
    parts = [read_stripe(plan, report["rank"]) for report in reports]
    stripes = [stripe for stripe, _ in parts]
    replies = _replies(plan, reports)
    for report, stripe in zip(reports, stripes, strict=True):
        if report["lost"]:
            complete(plan, stripe, report["rank"], len(reports), begin_ns)
    if plan.keep_replies and any(report["lost"] or report["problems"] for report in reports):
        kept = {index for index, _ in replies}
        for stripe in stripes:
            disown_answers(stripe, kept)
    order = np.argsort(np.concatenate([stripe["index"] for stripe in stripes]), kind="stable")
    records = np.concatenate(stripes)[order]
    if not np.array_equal(records["index"], np.arange(count)):
        raise TrialError(f"coverage is not exact: {len(records)} records for {count} arrivals")
    errors = [text for _, texts in parts for text in texts]
    problems = [problem for pair in zip(reports, stripes, strict=True) for problem in _problems(*pair, len(reports))]
    return Sent(begin_ns, records, [errors[at] for at in order], replies, reports, list(dict.fromkeys(problems)))


def _replies(plan: LoadPlan, reports: Sequence[WorkerReport]) -> Replies:
    ranks = [report["rank"] for report in reports]
    files = [(plan.output("replies", rank), plan.output("heads", rank)) for rank in ranks]
    for path in itertools.chain(*files):
        path.touch()  # of a worker that was killed before it came to it
    return Replies.open(files)


def _problems(report: WorkerReport, stripe: Records, workers: int) -> list[str]:
    """What a worker ran out of, and how it ended, with how many of its requests went with it."""
    if not report["lost"]:
        return report["problems"]
    gone = int((stripe["fate"] == Fate.UNFINISHED).sum())
    who = "the load process" if workers == 1 else f"worker {report['rank'] + 1} of {workers}"
    return [
        f"{who} {report['lost']} in the midst of its schedule: of {gone} of its {len(stripe)} requests no end is known"
    ]
