"""Start classes, the parts of a start and memory, beside their truth."""

import statistics
from collections import Counter
from collections.abc import Iterator

import pandas as pd

from harness.measure.rows.starts import STARTED
from harness.record.columns import phase_column, phases_in
from harness.record.nouns import Outcome, StartClass
from harness.selftest.agreement import PHASE_SETTINGS
from harness.selftest.check import Check, absent, near, same
from harness.selftest.testimony import Exam, Testimony

BARE, TIMED = "bare", "timed"
"""Labels of the workload without any commanded time or memory, and with all of it."""
LEAST_MEMORY_MB = 1.0
DURATIONS = ("queue_ns", "handler_ns", "billed_ns", "init_ns", "restore_ns", "connect_ns", "tls_ns")
ANSWERED = [Outcome.OK, Outcome.WRONG]


def classes(exam: Exam) -> Iterator[Check]:
    """Start class of every request against the ledger: none may be wrong, and none of a good answer missing.

    A request that failed or was lost may have none: its reply carries no evidence.
    """
    wrong, missing = 0, 0
    truth, measured = Counter[str](), Counter[str]()
    for testimony in exam.testimonies:
        for request, given in start_classes(testimony).items():
            true = testimony.true_class(request) if request in testimony.handled else "nothing"
            truth[true] += 1
            measured[given] += 1
            wrong += given != true
        answers = testimony.rows[testimony.rows["outcome"].astype(str).isin(ANSWERED)]
        missing += int(answers["start_class"].isna().sum())
    if not measured and not missing:
        yield absent("requests whose start class is wrong", exam.target, "no request was answered or has a class")
        return
    yield same("requests whose start class is wrong", exam.target, 0, wrong)
    yield same("answers without a start class", exam.target, 0, missing)
    for kind in (kind for kind in StartClass if truth[kind] or measured[kind]):
        yield same(f"start class {kind}", exam.target, truth[kind], measured[kind])


def sample_size(exam: Exam, least: int) -> Iterator[Check]:
    """The sample that start classes are judged by, and that it holds what is hard to tell."""
    n = sum(len(start_classes(testimony)) for testimony in exam.testimonies)
    yield Check("requests with a start class, at least", exam.target, least, n, n >= least)
    evicted = sum(event["kind"] == "evicted" for testimony in exam.testimonies for event in testimony.events)
    yield Check("sandboxes evicted among them, at least", exam.target, 1, evicted, evicted >= 1)


def start_classes(testimony: Testimony) -> dict[int, str]:
    """The start class of every request that Frostline gave one."""
    rows = testimony.rows[testimony.rows["start_class"].notna()]
    return dict(zip(rows["index"].astype(int), rows["start_class"].astype(str), strict=True))


def starts(exam: Exam) -> Iterator[Check]:
    """Units that the deployment says it started for requests, against units with a ledger."""
    led = sum(
        len({life.unit for life in testimony.lives} & testimony.units_for_requests) for testimony in exam.testimonies
    )
    measured = sum(testimony.record.starts for testimony in exam.testimonies)
    name = "units started for requests"
    yield same(name, exam.target, led, measured) if led else absent(name, exam.target, "no such unit has a ledger")


def sums(exam: Exam) -> Iterator[Check]:
    """The parts of a start and its remainder add up to the time from scheduled to its end, to the nanosecond.

    Parts that contradict the wait are dropped, so that each start which was answered must have been split at all.
    """
    off, split, true = 0, set[tuple[str, int]](), set[tuple[str, int]]()
    for testimony in exam.testimonies:
        true |= {(testimony.record.trial, request) for request in _answered_starts(testimony)}
        columns = [phase_column(name) for name in phases_in(testimony.rows)]
        if not columns:
            continue
        rows = testimony.rows[testimony.rows[phase_column("unaccounted")].notna()]
        split |= {(testimony.record.trial, int(index)) for index in rows["index"]}
        ended = rows["completed_ns"].fillna(rows["done_ns"])
        total, wall = rows[columns].sum(axis=1), ended - rows["scheduled_ns"]
        off += int((total.astype("int64") != wall.astype("int64")).sum())
    name = f"starts whose parts do not add up to the whole, of {len(split)}"
    yield same(name, exam.target, 0, off) if split else absent(name, exam.target, "no start was measured in parts")
    yield Check("answered starts that are split into parts", exam.target, len(true), len(split), true == split)


def _answered_starts(testimony: Testimony) -> set[int]:
    """Requests that waited for a start, by the ledger, and of whose unit a reply tells."""
    answers = testimony.rows[testimony.rows["outcome"].astype(str).isin(ANSWERED)]
    indices = {int(index) for index in answers["index"]} & testimony.handled.keys()
    return {index for index in indices if testimony.true_class(index) in STARTED}


def phases(exam: Exam) -> Iterator[Check]:
    """Medians of the commanded parts beyond what the bare workload takes in them.

    Medians over rounds of the differences within a round: an interpreter starts slower while a shared machine is busy,
    and both workloads of one round meet that alike.
    """
    commanded = exam.settings(TIMED)
    for name in PHASE_SETTINGS:
        bare, timed = medians_by_round(exam, BARE, name), medians_by_round(exam, TIMED, name)
        beyond = [took - bare.get(number, 0.0) for number, took in timed.items()]
        measured = statistics.median(beyond) if beyond else None
        truth = getattr(commanded, f"{name}_ms")
        yield near(f"phase {name}, median ms beyond the bare workload's", exam.target, truth, measured)
    first = exam.row(TIMED).cold_phases_ms.get("first_inference")
    yield near("phase first_inference, median ms", exam.target, commanded.handler_ms, first)


def durations(exam: Exam) -> Iterator[Check]:
    """No duration is negative, whichever clock it was taken by, and what is unaccounted for is none either."""
    below, n = 0, 0
    for testimony in exam.testimonies:
        rows = testimony.rows
        columns = [*DURATIONS, *(phase_column(name) for name in phases_in(rows))]
        n += int(rows[columns].notna().sum().sum())
        below += int((rows[columns] < 0).sum().sum())
        below += int((rows["done_ns"] < rows["scheduled_ns"]).sum())
    name = "negative durations"
    yield same(name, exam.target, 0, below) if n else absent(name, exam.target, "no duration was measured")


def medians_by_round(exam: Exam, label: str, phase: str) -> dict[int, float]:
    """Median ms of a part over each round's starts; rounds in which no start had it are left out."""
    there = (testimony for testimony in exam.testimonies if testimony.record.workload == label)
    trials = [testimony for testimony in there if phase in phases_in(testimony.rows)]
    medians = {testimony.trial.round: testimony.rows[phase_column(phase)].median() / 1e6 for testimony in trials}
    return {number: float(ms) for number, ms in medians.items() if not pd.isna(ms)}


def memory(exam: Exam, own: bool = True) -> Iterator[Check]:
    """The peak of a unit's own memory, or of all: what was touched, and what the bare workload has."""
    name, field = ("own memory peak, MB", "memory_own_peak_mb") if own else ("memory peak, MB", "memory_peak_mb")
    base, peak = getattr(exam.row(BARE), field), getattr(exam.row(TIMED), field)
    if base is None:
        yield absent(name, exam.target, "the bare workload's is not known")
        return
    yield near(name, exam.target, exam.settings(TIMED).memory_mb + base, peak, LEAST_MEMORY_MB)
