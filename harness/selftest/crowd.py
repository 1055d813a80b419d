"""Concurrency and queue delay: what the ledger and the schedule imply, beside what Frostline counted."""

from collections.abc import Iterator

import numpy as np

from harness.record.nouns import Outcome
from harness.selftest.check import Check, absent, near, same
from harness.selftest.ledger import most_at_once
from harness.selftest.testimony import Exam, Testimony

CROWD = "crowd"


def crowd_of_function(exam: Exam) -> Iterator[Check]:
    """Requests that come together each take a sandbox, up to the limit; the others are throttled."""
    (testimony,) = exam.testimonies
    throttled = testimony.record.scheduled - len(testimony.handled)
    yield same("sandboxes busy at once", exam.target, most_at_once(testimony.lives), exam.row(CROWD).max_sandboxes)
    yield same("requests throttled", exam.target, throttled, testimony.record.counts.get(Outcome.THROTTLED, 0))


def queue_of_function(exam: Exam) -> Iterator[Check]:
    """None waits: each takes a sandbox at once, or is turned away."""
    (testimony,) = exam.testimonies
    waits = testimony.rows["queue_ns"].dropna() / 1e6
    name = "queue delay of a function, median ms"
    if waits.empty:
        yield absent(name, exam.target, "no request has one")
    else:
        yield near(name, exam.target, 0.0, float(waits.median()))


def crowd_of_service(exam: Exam) -> Iterator[Check]:
    """Requests that come together queue before one replica with one thread."""
    (testimony,) = exam.testimonies
    if not testimony.ended or not set(range(testimony.record.scheduled)) <= testimony.ended:
        why = f"{len(testimony.ended)} of {testimony.record.scheduled} requests were handled to their end"
        yield absent("requests in flight and their queue delay", exam.target, why)
        return
    row, replicas = exam.row(CROWD), len({life.unit for life in testimony.lives})
    yield same("replicas at once", exam.target, replicas, row.max_sandboxes)
    yield same("requests in flight at once", exam.target, implied_in_flight(testimony), row.max_in_flight)
    implied, measured = implied_queue_ms(testimony), (testimony.rows["queue_ns"] / 1e6).tolist()
    for name, share in (("median", 50), ("most", 100)):
        truth, figure = (float(np.percentile(values, share)) for values in (implied, measured))
        yield near(f"queue delay, {name} ms", exam.target, truth, figure)


def implied_queue_ms(testimony: Testimony) -> list[float]:
    """First come, first served by one thread: each waits from its arrival until the ledger's end of the one before.

    The first request waits for nobody.
    """
    pairs = zip(ends_ns(testimony), arrivals_ns(testimony)[1:], strict=False)
    return [0.0, *(max(0.0, (end - arrival) / 1e6) for end, arrival in pairs)]


def implied_in_flight(testimony: Testimony) -> int:
    """Most requests that had arrived and not ended, itself included, as one arrived."""
    arrivals, ends = arrivals_ns(testimony), ends_ns(testimony)
    return max(sum(end > moment for end in ends[: at + 1]) for at, moment in enumerate(arrivals))


def arrivals_ns(testimony: Testimony) -> list[float]:
    """The schedule's arrivals, counted from the first handler's begin."""
    assert testimony.trial.load is not None
    offsets = testimony.trial.load.arrivals(testimony.trial.arrival_seed)
    return [testimony.handled[0][1].begun_ns + (offset - offsets[0]) * 1e9 for offset in offsets]


def ends_ns(testimony: Testimony) -> list[int]:
    """The ledger's end of each request, in the order of arrival."""
    ends = [testimony.handled[request][1].ended_ns for request in range(testimony.record.scheduled)]
    return [end for end in ends if end is not None]
