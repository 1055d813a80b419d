"""Outcomes and handler times under traffic, beside what was commanded and carried out."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd

from harness.record.nouns import Outcome
from harness.selftest.check import Check, absent, near, same
from harness.selftest.testimony import Exam, Testimony

INJECTED = "Injected"


def outcomes(exam: Exam) -> Iterator[Check]:
    """Injected faults, request by request: the counts are told, but it is the sets that must be equal."""
    pairs: dict[str, Callable[[Testimony], tuple[set[int], set[int]]]] = {
        "failures injected": lambda testimony: (testimony.requests_with("fail"), _failures(testimony, True)),
        "wrong answers injected": lambda testimony: (
            testimony.requests_with("wrong"),
            _requests_with_outcome(testimony, Outcome.WRONG),
        ),
        "hangs past the timeout": lambda testimony: (
            testimony.requests_with("hang"),
            _requests_with_outcome(testimony, Outcome.TIMED_OUT),
        ),
        "crashes and memory overruns": lambda testimony: (
            testimony.requests_with("crash") | testimony.requests_with("overrun"),
            _failures(testimony, False),
        ),
        "requests that reached no handler": lambda testimony: (
            _unhandled(testimony),
            _requests_with_outcome(testimony, Outcome.THROTTLED),
        ),
    }
    for name, sets in pairs.items():
        request_sets = [sets(testimony) for testimony in exam.testimonies]
        truth, measured = (sum(len(pair[side]) for pair in request_sets) for side in (0, 1))
        if truth or measured:
            equal = all(commanded == observed for commanded, observed in request_sets)
            yield Check(name, exam.target, truth, measured, equal)


def out_of_memory(exam: Exam) -> Iterator[Check]:
    """Units that the kernel killed for want of memory."""
    commanded = sum(
        len({testimony.handled[request][0].unit for request in testimony.requests_with("overrun")})
        for testimony in exam.testimonies
    )
    if commanded:
        killed = sum(unit.oom_killed for testimony in exam.testimonies for unit in testimony.record.units)
        yield same("units out of memory", exam.target, commanded, killed)


def conservation(exam: Exam) -> Iterator[Check]:
    """Every scheduled arrival has one row and one outcome."""
    scheduled = sum(
        len(testimony.trial.load.arrivals(testimony.trial.arrival_seed))
        for testimony in exam.testimonies
        if testimony.trial.load
    )
    with_row = sum(len(testimony.rows) for testimony in exam.testimonies)
    with_outcome = sum(sum(testimony.record.counts.values()) for testimony in exam.testimonies)
    yield same("scheduled arrivals with a row", exam.target, scheduled, with_row)
    yield same("scheduled arrivals with an outcome", exam.target, scheduled, with_outcome)


def handler_times(exam: Exam) -> Iterator[Check]:
    """Time in the handler over all answers, fixed or log-normal."""
    commanded_ms: list[float] = []
    measured_ms: list[float] = []
    for testimony in exam.testimonies:
        rows = testimony.rows[testimony.rows["handler_ns"].notna()]
        commanded_ms += [testimony.commands[int(index)].handler_ms for index in rows["index"]]
        measured_ms += (rows["handler_ns"] / 1e6).tolist()
    for name, share in (("median", 50), ("p95", 95)):
        if not measured_ms:
            yield absent(f"handler time, {name} ms", exam.target, "no request was answered")
            continue
        yield near(
            f"handler time, {name} ms",
            exam.target,
            float(np.percentile(commanded_ms, share)),
            float(np.percentile(measured_ms, share)),
        )


def _requests_with_outcome(testimony: Testimony, outcome: Outcome) -> set[int]:
    return _indices(testimony.rows[testimony.rows["outcome"].astype(str) == outcome])


def _failures(testimony: Testimony, injected: bool) -> set[int]:
    rows = testimony.rows[testimony.rows["outcome"].astype(str) == Outcome.FAILED]
    return _indices(rows[rows["error"].astype(str).str.startswith(INJECTED) == injected])


def _unhandled(testimony: Testimony) -> set[int]:
    return set(range(testimony.record.scheduled)) - testimony.handled.keys()


def _indices(rows: pd.DataFrame) -> set[int]:
    return {int(index) for index in rows["index"]}
