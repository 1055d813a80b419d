"""From what the generator saw and what the replies say to one row per scheduled arrival."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from harness.load.process import KeptReply, LoadResult
from harness.load.wire import Fate
from harness.measure.evidence import Evidence, Stamps, UnitLog, outcome_of, phases_ns, queue_ns, read_reply, start_class
from harness.record.columns import REQUESTS, phase_column
from harness.record.nouns import Outcome, StartClass
from targets.clock import clock_id
from targets.contract import Event, Payload, Workload

STARTED = {StartClass.COLD, StartClass.COLD_REINIT, StartClass.RESET, StartClass.RESTORED}
FATES = {
    Fate.UNFINISHED: Outcome.UNFINISHED,
    Fate.FAILED: Outcome.FAILED,
    Fate.TIMED_OUT: Outcome.TIMED_OUT,
    Fate.SHED: Outcome.SHED,
}
Row = dict[str, Any]


@dataclass(frozen=True)
class Exchange:
    """One arrival as the sender saw it."""

    index: int
    stamps: Stamps
    fate: Fate
    status: int = 0
    error: str = ""
    fresh: bool = False
    in_flight: int = 0
    reply_bytes: int = 0
    reply: KeptReply | None = None


class Judge:
    """Turns exchanges into rows: outcome, evidence, start class, queue and phases."""

    def __init__(self, workload: Workload, own_model: bool, events: list[Event]) -> None:
        self.workload = workload
        self.own_model = own_model
        self.payloads: Sequence[Payload] = workload.payloads()
        self.log = UnitLog(events)
        self.clock = clock_id()

    def table(self, exchanges: Sequence[Exchange], begin_ns: int) -> pa.Table:
        """REQUESTS, one row per exchange, times relative to `begin_ns`."""
        return pa.Table.from_pylist([self.row(exchange, begin_ns) for exchange in exchanges], schema=REQUESTS)

    def row(self, exchange: Exchange, begin_ns: int) -> Row:
        """One row."""
        payload = self.payloads[exchange.index % len(self.payloads)]
        evidence, outcome, why = self._judge(exchange, payload)
        stamps = exchange.stamps
        kind = start_class(evidence, self.log)
        row: Row = {
            "index": exchange.index,
            "payload": payload.name,
            "outcome": outcome,
            "error": why,
            "start_class": kind,
            "unit": evidence.unit,
            "invocation": evidence.inside.get("invocation"),
            "unit_request": evidence.outside.get("unit_request"),
            "queue_ns": queue_ns(evidence),
            "status": exchange.status or None,
            "new_connection": exchange.fresh,
            "in_flight": exchange.in_flight,
            "reply_bytes": exchange.reply_bytes if exchange.status else None,
        }
        if evidence.inside:
            row["handler_ns"] = evidence.inside["ended_ns"] - evidence.inside["begun_ns"]
            row["gpu_ns"] = evidence.inside.get("gpu_ns")
        for name in ("scheduled_ns", "started_ns", "sent_ns", "first_byte_ns", "done_ns"):
            at_ns = getattr(stamps, name)
            row[name] = None if at_ns is None else at_ns - begin_ns
        if kind in STARTED:
            same_clock = self.clock is not None and evidence.inside.get("clock") == self.clock
            parts = phases_ns(evidence, stamps, self.log, same_clock)
            row |= {phase_column(name): part for name, part in parts.items()}
        return row

    def _judge(self, exchange: Exchange, payload: Payload) -> tuple[Evidence, Outcome, str | None]:
        if exchange.fate is not Fate.ANSWERED:
            return Evidence(), FATES[exchange.fate], exchange.error or None
        reply = exchange.reply or KeptReply(b"", b"")
        evidence, answer, error = read_reply(reply.header, reply.body)
        wrong = None
        if error is None and exchange.status == 200 and evidence.inside:
            wrong = self.workload.check(payload, answer, self.own_model)
        return evidence, *outcome_of(exchange.status, error, evidence, wrong)


def exchanges_of(result: LoadResult) -> list[Exchange]:
    """The load process's records as exchanges; a stamp of 0 did not happen."""
    fields = {name: result.records[name].tolist() for name in result.records.dtype.names or () if name != "padding"}
    rows = zip(*fields.values(), strict=True)
    found = []
    for at, values in enumerate(rows):
        record = dict(zip(fields, values, strict=True))
        fate = Fate(record["fate"])
        stamps = Stamps(
            record["scheduled_ns"],
            record["started_ns"] or None,
            record["sent_ns"] or None,
            record["first_byte_ns"] or None,
            (record["done_ns"] or None) if fate in (Fate.ANSWERED, Fate.FAILED, Fate.TIMED_OUT) else None,
        )
        found.append(
            Exchange(
                record["index"],
                stamps,
                fate,
                record["status"],
                result.errors[at],
                bool(record["fresh"]),
                record["in_flight"],
                record["reply_bytes"],
                result.replies.get(record["index"]),
            )
        )
    return found
