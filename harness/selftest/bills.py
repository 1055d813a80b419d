"""What a platform says of single requests, beside what it wrote down when it carried them out."""

from collections.abc import Iterator
from typing import Any

from harness.selftest.check import Check, absent, same
from harness.selftest.platform import Bill
from harness.selftest.testimony import Exam, Testimony

MS = 1_000_000
MB = 1_048_576
NOTHING: dict[str, Any] = {"billed_ns": None, "start_type": None, "memory_used_bytes": None}
Row = dict[str, Any]


def bills(exam: Exam) -> Iterator[Check]:
    """The sum to the ms, every figure of every request, and how many were told of at all: no more, and no fewer."""
    written = [bill for testimony in exam.testimonies for bill in testimony.bills.values()]
    if not written:
        yield absent("billed ms", exam.target, "no request has a bill")
        return
    pairs = [pair for testimony in exam.testimonies for pair in _pairs(testimony)]
    true_ns = sum(bill.billed_ns for bill in written if bill.mailed)
    measured_ns = sum(int(testimony.rows["billed_ns"].sum()) for testimony in exam.testimonies)
    yield same("billed ms", exam.target, true_ns // MS, measured_ns // MS)
    yield same("requests that were billed and have no row", exam.target, 0, len(written) - len(pairs))
    strange = sum(not _is_its_own(bill, row, testimony) for bill, row, testimony in pairs)
    yield same("requests with another one's bill", exam.target, 0, strange)
    wrong = sum({name: row[name] for name in NOTHING} != _as_row(bill) for bill, row, _ in pairs)
    yield same("requests with a figure that is not the platform's", exam.target, 0, wrong)
    untold = sum(not bill.mailed for bill in written)
    yield same("requests of which the platform told nothing", exam.target, untold, _untold(exam))
    yield same("requests of which the platform contradicts the unit", exam.target, 0, _contradicted(exam))


def bills_sample(exam: Exam) -> Iterator[Check]:
    """The sample must hold what is hard: requests of which nothing is ever told."""
    lost = sum(not bill.mailed for testimony in exam.testimonies for bill in testimony.bills.values())
    yield Check("requests of which the platform told nothing, at least", exam.target, 1, lost, lost >= 1)


def _pairs(testimony: Testimony) -> list[tuple[Bill, Row, Testimony]]:
    """Each bill whose id a row has, and what that row has of it."""
    rows = testimony.rows[testimony.rows["request_id"].notna()][["request_id", "index", "unit", *NOTHING]]
    told = rows.astype(object).where(rows.notna(), None).to_dict("records")
    by_id = {row["request_id"]: row for row in told}
    written = testimony.bills.values()
    return [(bill, by_id[bill.request_id], testimony) for bill in written if bill.request_id in by_id]


def _is_its_own(bill: Bill, row: Row, testimony: Testimony) -> bool:
    """Whether the row with a bill's id is of the request that was carried out, and in the unit in which it was.

    A row has no unit where the request failed, so that it has no envelope, and nobody was told of it either.
    """
    life, _ = testimony.handled.get(bill.request, (None, None))
    untold = row["unit"] is None and not bill.mailed
    units = {*([] if untold else [row["unit"]]), *([life.unit] if life else [])}
    return row["index"] == bill.request and units <= {bill.unit}


def _as_row(bill: Bill) -> Row:
    if not bill.mailed:
        return NOTHING
    memory_bytes = None if bill.memory_mb is None else bill.memory_mb * MB
    return {"billed_ns": bill.billed_ns, "start_type": bill.start_type, "memory_used_bytes": memory_bytes}


def _untold(exam: Exam) -> int | None:
    witnessed = [testimony.record.witnessed for testimony in exam.testimonies]
    return sum(one.expected - one.came for one in witnessed if one) if any(witnessed) else None


def _contradicted(exam: Exam) -> int | None:
    witnessed = [testimony.record.witnessed for testimony in exam.testimonies]
    return sum(one.disagree for one in witnessed if one) if any(witnessed) else None
