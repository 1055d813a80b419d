"""From what the generator saw and what the replies say to one row per scheduled arrival, column by column.

Records become columns as they are; only what a reply's envelope says is worked out reply by reply.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.load.process import Records, Sent
from harness.load.wire import Fate
from harness.measure.evidence import Evidence, UnitLog, judge_reply, phases_ns, queue_ns, read_reply, start_class
from harness.record.columns import phase_column, phases_in, requests_schema
from harness.record.nouns import Outcome, StartClass
from harness.record.phases import order_phases
from targets.clock import clock_id
from targets.contract import Event, Payload, Workload

STARTED = {StartClass.COLD, StartClass.COLD_REINIT, StartClass.RESET}
OUTCOMES = {
    Fate.UNFINISHED: Outcome.UNFINISHED,
    Fate.ANSWERED: Outcome.FAILED,  # unless its status is a good one, or says that it was throttled
    Fate.FAILED: Outcome.FAILED,
    Fate.TIMED_OUT: Outcome.TIMED_OUT,
    Fate.SHED: Outcome.SHED,
    Fate.EXHAUSTED: Outcome.SHED,
}
ENDED = (Fate.ANSWERED, Fate.FAILED, Fate.TIMED_OUT)
"""Fates with an end that the generator saw."""
THROTTLED_STATUS = 429
CHECK_RAISED = "check raised"
"""How the error of a row begins whose answer could not be checked."""
REPLY_COLUMNS = ("outcome", "error", "start_class", "unit", "invocation", "unit_request", "queue_ns", "handler_ns")
"""Columns that take a reply to be known."""


def outcomes_of(records: Records, good: NDArray[np.bool_]) -> NDArray[Any]:
    """The outcome of each record by fate and status alone; `good` says whose status is that of a good answer."""
    names: NDArray[Any] = np.array([OUTCOMES[fate].value for fate in Fate], dtype=object)[records["fate"]]
    answered = records["fate"] == Fate.ANSWERED
    names[answered & good] = Outcome.OK.value
    names[answered & (records["status"] == THROTTLED_STATUS)] = Outcome.THROTTLED.value
    return names


class Judge:
    """From what was sent to a table of requests: outcome, evidence, start class, queue and phases of each arrival."""

    def __init__(self, workload: Workload, own_model: bool, events: list[Event]) -> None:
        self.workload = workload
        self.own_model = own_model
        self.payloads: Sequence[Payload] = workload.payloads()
        self.log = UnitLog(events)
        self.clock = clock_id()

    def table(self, sent: Sent) -> pa.Table:
        """One row per arrival, times relative to the begin, with the phases that occurred."""
        columns = {**generator_columns(sent), **self._judge_columns(sent), "payload": self._payloads_of(sent)}
        schema = requests_schema(order_phases(phases_in(columns)))
        unknown = pa.nulls(len(sent.records))
        arrays = [_column(columns.get(field.name, unknown), field.type) for field in schema]
        return pa.Table.from_arrays(arrays, schema=schema)

    def _payloads_of(self, sent: Sent) -> list[str]:
        names = np.array([payload.name for payload in self.payloads], dtype=object)
        return list(names[sent.records["index"] % len(names)])

    def _judge_columns(self, sent: Sent) -> dict[str, list[Any]]:
        records = sent.records
        columns: dict[str, list[Any]] = {name: [None] * len(records) for name in REPLY_COLUMNS}
        columns["outcome"] = outcomes_of(records, records["status"] == 200).tolist()
        columns["error"] = [text or None for text in sent.errors]
        answered = np.flatnonzero(records["fate"] == Fate.ANSWERED)
        fields = (records[name][answered].tolist() for name in ("index", "status", "scheduled_ns", "done_ns"))
        rows = {index: (at, *rest) for at, index, *rest in zip(answered.tolist(), *fields, strict=True)}
        bodies = ((index, reply.header, sent.replies.head(reply.head) + reply.tail) for index, reply in sent.replies)
        kept = {index for index, _ in sent.replies}
        for index, header, body in [*((index, b"", b"") for index in rows.keys() - kept), *bodies]:
            if index in rows:
                at, status, scheduled_ns, done_ns = rows[index]
                for name, value in self._judge_row(index, status, scheduled_ns, done_ns, header, body).items():
                    columns.setdefault(name, [None] * len(records))[at] = value
        return columns

    def _judge_row(
        self, index: int, status: int, scheduled_ns: int, done_ns: int, header: bytes, body: bytes
    ) -> dict[str, Any]:
        """What one reply adds to its row."""
        evidence, answer, error = read_reply(header, body)
        wrong = None
        if error is None and status == 200 and evidence.inside:
            wrong = self._check(self.payloads[index % len(self.payloads)], answer)
        outcome, why = judge_reply(status, error, evidence, wrong)
        kind = start_class(evidence, self.log)
        row: dict[str, Any] = {
            "outcome": outcome,
            "error": why,
            "start_class": kind,
            "unit": evidence.unit,
            "unit_request": evidence.unit_request,
            "queue_ns": queue_ns(evidence),
        }
        if inside := evidence.inside:
            row["invocation"] = inside["invocation"]
            row["handler_ns"] = inside["ended_ns"] - inside["begun_ns"]
        if kind in STARTED:
            parts = phases_ns(evidence, scheduled_ns, done_ns or None, self.log, self._shares_our_clock(evidence))
            row |= {phase_column(name): part for name, part in parts.items()}
        return row

    def _shares_our_clock(self, evidence: Evidence) -> bool:
        return bool(self.clock is not None and evidence.inside and evidence.inside.get("clock") == self.clock)

    def _check(self, payload: Payload, answer: Any) -> str | None:
        """Why an answer is wrong. A check is a workload's own code: when it raises, one row is lost and not the run."""
        try:
            wrong = self.workload.check(payload, answer, self.own_model)
        except Exception as error:
            return f"{CHECK_RAISED} {type(error).__name__}: {str(error)[:160]}"
        return f"wrong answer: {wrong}" if wrong else None


def generator_columns(sent: Sent) -> dict[str, pa.Array]:
    """What the generator itself saw; a stamp of 0 did not happen, and is empty."""
    records = sent.records
    happened = {name: records[name] != 0 for name in ("started_ns", "sent_ns", "first_byte_ns", "done_ns")}
    happened["scheduled_ns"] = np.ones(len(records), bool)
    happened["done_ns"] &= np.isin(records["fate"], ENDED)
    columns = {name: pa.array(records[name] - sent.begin_ns, mask=~has_stamp) for name, has_stamp in happened.items()}
    has_reply = records["status"] != 0
    return columns | {
        "index": pa.array(np.ascontiguousarray(records["index"])),
        "status": pa.array(np.ascontiguousarray(records["status"]), mask=~has_reply),
        "new_connection": pa.array(records["fresh"] != 0),
        "in_flight": pa.array(np.ascontiguousarray(records["in_flight"])),
        "reply_bytes": pa.array(np.ascontiguousarray(records["reply_bytes"]), mask=~has_reply),
    }


def _column(values: pa.Array | list[Any], kind: pa.DataType) -> pa.Array:
    return values.cast(kind) if isinstance(values, pa.Array) else pa.array(values, kind)
