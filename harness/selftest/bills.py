"""What a platform says of single requests, beside what it wrote down when it carried them out."""

from collections.abc import Iterator
from typing import Any

from harness.selftest.check import Check, absent, same
from harness.selftest.platform import Bill
from harness.selftest.testimony import Exam, Testimony

MS = 1_000_000
MB = 1_048_576
NOTHING: dict[str, Any] = {"billed_ns": None, "start_type": None, "memory_used_bytes": None}


def bills(exam: Exam) -> Iterator[Check]:
    """The sum to the ms, every figure of every request, and how many were told of at all: no more, and no fewer."""
    pairs = [pair for testimony in exam.testimonies for pair in _pairs(testimony)]
    if not pairs:
        yield absent("billed ms", exam.target, "no request has a bill")
        return
    told = [(bill, row) for bill, row in pairs if bill.mailed]
    measured_ns = sum(int(row["billed_ns"]) for _, row in pairs if row["billed_ns"] is not None)
    yield same("billed ms", exam.target, sum(bill.billed_ns for bill, _ in told) // MS, measured_ns // MS)
    wrong = sum(row != _as_row(bill) for bill, row in pairs)
    yield same("requests with a figure that is not the platform's", exam.target, 0, wrong)
    yield same("requests of which the platform told nothing", exam.target, len(pairs) - len(told), _untold(exam))
    yield same("requests of which the platform contradicts the unit", exam.target, 0, _contradicted(exam))


def bills_sample(exam: Exam) -> Iterator[Check]:
    """The sample must hold what is hard: requests of which nothing is ever told."""
    lost = sum(not bill.mailed for testimony in exam.testimonies for bill, _ in _pairs(testimony))
    yield Check("requests of which the platform told nothing, at least", exam.target, 1, lost, lost >= 1)


def _pairs(testimony: Testimony) -> list[tuple[Bill, dict[str, Any]]]:
    """Each bill whose request has a row, and what that row has of it."""
    rows = testimony.rows[testimony.rows["request_id"].notna()]
    columns = rows[["request_id", *NOTHING]].astype(object).where(rows[["request_id", *NOTHING]].notna(), None)
    by_id = {row.pop("request_id"): row for row in columns.to_dict("records")}
    return [(bill, by_id[bill.request_id]) for bill in testimony.bills.values() if bill.request_id in by_id]


def _as_row(bill: Bill) -> dict[str, Any]:
    if not bill.mailed:
        return NOTHING
    memory_bytes = None if bill.memory_mb is None else bill.memory_mb * MB
    return {"billed_ns": bill.billed_ns, "start_type": bill.start_type, "memory_used_bytes": memory_bytes}


def _untold(exam: Exam) -> int:
    witnessed = [testimony.record.witnessed for testimony in exam.testimonies]
    return sum(one.expected - one.came for one in witnessed if one is not None)


def _contradicted(exam: Exam) -> int:
    witnessed = [testimony.record.witnessed for testimony in exam.testimonies]
    return sum(one.disagree for one in witnessed if one is not None)
