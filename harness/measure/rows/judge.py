"""From what the generator saw, what replies say and what the platform tells later to one row per scheduled arrival.

Replies are read one at a time, in any order, and none is kept: what they say goes into columns at once.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
import pyarrow as pa

from harness.load.process import Sent
from harness.load.replies import Reply
from harness.load.wire import Fate
from harness.measure.generator import generator_columns
from harness.measure.rows.answers import THROTTLED_STATUS, Answers, Verdict
from harness.measure.rows.cells import Cells
from harness.measure.rows.evidence import Evidence, UnitLog
from harness.measure.rows.phases import queue_ns
from harness.measure.rows.trial_starts import TrialStarts
from harness.measure.rows.words import AMOUNTS, Words, cut_id
from harness.record.columns import FIXED, PART_FIGURES, part_column, phase_column, requests_schema
from harness.record.nouns import Outcome, Witnesses
from harness.record.phases import MOST_OWN, order_phases
from targets.contract import Capabilities, Completion, Witnessed
from targets.workloads.contract import Workload, carries_envelope

OUTCOMES = {
    Fate.UNFINISHED: Outcome.UNFINISHED,
    Fate.ANSWERED: Outcome.FAILED,  # unless its status is a good one, or says that it was throttled
    Fate.FAILED: Outcome.FAILED,
    Fate.TIMED_OUT: Outcome.TIMED_OUT,
    Fate.SHED: Outcome.SHED,
    Fate.EXHAUSTED: Outcome.SHED,
}
TOLD = (
    *("gpu_ns", "tokens_in", "tokens_out", "memory_used_bytes"),
    *("unit_first_chunk_ns", "unit_chunk_gap_p50_ns", "unit_chunk_gap_p95_ns"),
)
"""What an envelope says of the work itself, under the column's name."""
ACCEPTED_STATUS = 202
MS = 1_000_000
LONGEST_ERROR = 200
"""Characters of an error text that a row keeps."""
NOT_COMPLETED = "accepted, but its end never came"
NOBODY = -1
"""In place of a row, where an id is on several: nobody knows of which one anything that is said with it is true."""
BROKEN_OFF = (Fate.FAILED, Fate.TIMED_OUT, Fate.UNFINISHED)
"""A reply may have begun: its head then says who answered."""


@dataclass(frozen=True)
class Judged:
    """What a trial's rows amount to."""

    requests: pa.Table
    phases: list[str]
    """Parts of a start that occurred, in order: the table has a column for each."""
    witnessed: Witnesses | None
    """None where the platform tells nothing of single requests."""
    open_rows: list[int] = field(default_factory=list)
    """Rows whose start class is but what nothing excludes."""
    unit_memory: dict[str, int] = field(default_factory=dict)
    """By unit: the most memory that the platform told of the whole unit, in bytes."""
    warnings: list[str] = field(default_factory=list)
    gpus: list[dict[str, str]] = field(default_factory=list)
    """Each kind of GPU, with what drives it, that a unit which started told of."""


@dataclass(frozen=True)
class Judge:
    """Turns what was sent to one deployment into rows: outcome, evidence, start class, queue and phases of each."""

    workload: Workload
    own_model: bool
    can: Capabilities
    log: UnitLog | None = None
    """None where the deployment has none."""
    witnesses: Iterable[Witnessed] = ()
    completions: Iterable[Completion] = ()
    parts: Sequence[str] = ()
    """Names of the target's further parts."""

    def judge(self, sent: Sent) -> Judged:
        """One row per arrival, times relative to the begin."""
        rows = _Rows(self, sent)
        rows.take_replies()
        rows.take_completions(self.completions)
        rows.take_witnesses(self.witnesses)
        return rows.end([payload.name for payload in self.workload.payloads()])


class _Rows:
    """The rows of one trial while they are filled; a row is known by its position in the records."""

    def __init__(self, judge: Judge, sent: Sent) -> None:
        self._sent, self._records, self._can = sent, sent.records, judge.can
        self._cells = Cells(FIXED, len(sent.records))
        names = self._cells.names
        self._starts = TrialStarts(judge.can, judge.log, sent, names["start_class"], names["start_type"])
        self._enveloped = carries_envelope(judge.workload)
        self._answers = Answers(judge.workload, judge.own_model, sent.replies)
        self._parts = judge.parts
        self._accepted: dict[str, int] = {}
        """By request id: rows of which only the acceptance is known."""
        self._told = np.zeros(len(sent.records), np.bool_)
        self._words = Words()
        self._strangers: dict[str, int] = {}
        """By the id of a request that is on no row, or on several: the time that it is billed."""
        self._unit_memory: dict[str, int] = {}
        self._gpus: list[dict[str, str]] = []
        for fate, outcome in OUTCOMES.items():
            names["outcome"].put_where(sent.records["fate"] == fate, outcome)
        for row, text in enumerate(sent.errors):
            names["error"].put(row, text[:LONGEST_ERROR] or None)

    def take_replies(self) -> None:
        """Judge each reply, and what was answered without anything that could be kept. A reply that broke off is not
        judged, but its head says who answered: the platform bills it all the same."""
        waiting = self._records["fate"] == Fate.ANSWERED
        indexes = np.ascontiguousarray(self._records["index"])  # of a view, each look-up would make a copy
        for index, reply in self._sent.replies:
            row = int(np.searchsorted(indexes, index))
            if row == len(indexes) or indexes[row] != index:
                continue
            if self._records["fate"][row] in BROKEN_OFF:
                self._take_head(row, reply)
            elif waiting[row]:
                waiting[row] = False
                self._take_reply(row, index, reply)
        for row in np.flatnonzero(waiting).tolist():
            self._take_reply(row, int(indexes[row]), None)

    def _take_head(self, row: int, reply: Reply) -> None:
        self._cells.texts["request_id"].put(row, cut_id(reply.request_id) or None)
        self._take_unit(row, Evidence.of(None, reply.header))

    def _take_unit(self, row: int, evidence: Evidence) -> None:
        self._cells.names["unit"].put(row, evidence.unit)
        self._cells.put_number(row, "unit_request", evidence.unit_request)
        self._cells.put_number(row, "queue_ns", queue_ns(evidence))

    def _take_reply(self, row: int, index: int, reply: Reply | None) -> None:
        status = int(self._records["status"][row])
        request_id = cut_id(reply.request_id) if reply else ""
        self._cells.texts["request_id"].put(row, request_id or None)
        if status == ACCEPTED_STATUS and self._can.asynchronous:
            if request_id:
                self._accepted[request_id] = NOBODY if request_id in self._accepted else row
            self._cells.names["outcome"].put(row, Outcome.UNFINISHED)
            self._cells.names["error"].put(row, NOT_COMPLETED)
        else:
            verdict = self._answers.judge(index, reply, status)
            self._take_verdict(row, verdict, int(self._records["done_ns"][row]))

    def take_completions(self, completions: Iterable[Completion]) -> None:
        """Judge the ends of what was accepted; each counts once, and only where its id is that of one row."""
        for completion in completions:
            row = self._accepted.pop(cut_id(completion.request_id), NOBODY)
            if row != NOBODY:
                verdict = self._answers.judge_completion(int(self._records["index"][row]), completion)
                self._take_verdict(row, verdict, completion.at_ns)
                self._cells.put_number(row, "completed_ns", completion.at_ns - self._sent.begin_ns)

    def _take_verdict(self, row: int, verdict: Verdict, ended_ns: int) -> None:
        evidence, cells = verdict.evidence, self._cells
        cells.names["outcome"].put(row, verdict.outcome)
        cells.names["error"].fill(row, verdict.why)
        self._take_unit(row, evidence)
        if inside := evidence.inside:
            cells.put_number(row, "handler_ns", inside["ended_ns"] - inside["begun_ns"])
            told = cast(Mapping[str, Any], inside)
            for name in ("generation", "part"):
                cells.names[name].put(row, told.get(name))
            for name in ("invocation", *TOLD):
                cells.put_number(row, name, told.get(name))
            for name, part in ((name, evidence.parts.get(name)) for name in self._parts):
                for figure in PART_FIGURES if part else ():
                    told_ns = cast(Mapping[str, int], part)[f"{figure}_ns"]
                    cells.put_number(row, part_column(name, figure), told_ns)
            cells.texts["request_id"].put_first(row, cut_id(inside.get("request_id") or "") or None)
        if (init := evidence.init) and (gpu := init.get("gpu")) and gpu not in self._gpus:
            self._gpus.append(gpu)
        if self._enveloped:
            self._starts.add(row, evidence, ended_ns)
        elif unit := self._starts.add_bare(row, evidence):
            cells.names["unit"].put(row, unit)

    def take_witnesses(self, witnesses: Iterable[Witnessed]) -> None:
        """Take in what the platform tells of requests, where the id is that of one row, and of units."""
        accepted = [word for witness in witnesses if (word := self._words.accept(witness))]
        ids = {cut_id(word.request_id) for word in accepted if word.request_id}
        rows = self._cells.texts["request_id"].rows_of(ids)
        for witness in accepted:
            request_id = cut_id(witness.request_id or "")
            if (row := rows.get(request_id)) is not None:
                self._take_word(row, witness)
            elif request_id:
                self._strangers[request_id] = witness.billed_ns or 0
            elif witness.unit:
                self._take_unit_word(witness.unit, witness)

    def _take_unit_word(self, unit: str, witness: Witnessed) -> None:
        self._starts.add_unit_word(witness)
        if witness.memory_used_bytes is not None:
            self._unit_memory[unit] = max(self._unit_memory.get(unit, 0), witness.memory_used_bytes)

    def _take_word(self, row: int, witness: Witnessed) -> None:
        self._told[row] = True
        unit_is_known = self._cells.names["unit"].get(row) is not None
        self._starts.add_word(row, witness, unit_is_known)
        self._cells.names["start_type"].put(row, witness.start_type)
        if not unit_is_known:
            self._cells.names["unit"].put(row, witness.unit)
        for name in AMOUNTS:
            self._cells.put_number(row, name, getattr(witness, name))

    def end(self, payloads: list[str]) -> Judged:
        """Judge the starts, now that everything is known of them, and make the table."""
        seen: dict[str, None] = {}
        for row, parts in self._starts.judge():
            seen.update(dict.fromkeys(parts))
            for name, part_ns in parts.items():
                self._cells.put_number(row, phase_column(name), part_ns)
        phases = order_phases(seen)
        table = self._cells.table(requests_schema(phases, self._parts), generator_columns(self._sent, payloads))
        open_rows, warnings = self._starts.open_rows, list(self._warnings())
        return Judged(table, phases, self._witnesses(), open_rows, self._unit_memory, warnings, self._gpus)

    def _witnesses(self) -> Witnesses | None:
        """How far the platform's word came; None where it gives none of single requests."""
        came, strangers = int(self._told.sum()), len(self._strangers)
        if not (came or strangers) and self._can.usage != "per_request":
            return None
        taken_up = (self._records["sent_ns"] > 0) & (self._records["status"] != THROTTLED_STATUS)
        expected = int((taken_up | self._told).sum())
        return Witnesses(expected=expected, came=came, disagree=self._starts.disagreements, strangers=strangers)

    def _warnings(self) -> Iterator[str]:
        """What was told and is in no row."""
        yield from self._words.warnings()
        if self._strangers:
            billed_ms = sum(self._strangers.values()) / MS
            count = len(self._strangers)
            yield f"the platform told of {count} requests that are no row's: {billed_ms:g} ms of its bill are nowhere"
        if self._starts.unplaced:
            yield (
                f"the platform's parts of {self._starts.unplaced} starts have no place: none was met, the unit told"
                " nothing of it, or they are longer than the wait"
            )
        if unkept := sorted(self._starts.unkept_phases):
            names = ", ".join(f"{name!a:.60}" for name in unkept[:5])
            yield f"{len(unkept)} of the workload's phases are unaccounted, for at most {MOST_OWN} are kept: {names}"
        if self._starts.older:
            yield f"{len(self._starts.older)} forced starts were answered by an older generation: of no start class"
