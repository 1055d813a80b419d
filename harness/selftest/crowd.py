"""Concurrency and queue delay: what the ledger and the schedule imply, beside what Frostline counted."""

from collections.abc import Iterator

import numpy as np

from harness.record.nouns import Outcome
from harness.selftest.check import Check, near, same
from harness.selftest.ledger import most_at_once
from harness.selftest.testimony import Examined, Testimony

CROWD = "crowd"


def crowd_of_function(examined: Examined) -> Iterator[Check]:
    """Requests that come together each take a sandbox, up to the limit; the others are throttled."""
    (one,) = examined.trials
    throttled = one.record.scheduled - len(one.handled)
    yield same("sandboxes busy at once", examined.target, most_at_once(one.lives), examined.row(CROWD).max_sandboxes)
    yield same("requests throttled", examined.target, throttled, one.record.counts[Outcome.THROTTLED])
    waited = one.rows["queue_ns"].dropna() / 1e6
    yield near("queue delay of a function, median ms", examined.target, 0.0, float(waited.median()))


def crowd_of_service(examined: Examined) -> Iterator[Check]:
    """Requests that come together queue before one replica with one thread."""
    (one,) = examined.trials
    row, replicas = examined.row(CROWD), len({life.unit for life in one.lives})
    yield same("replicas at once", examined.target, replicas, row.max_sandboxes)
    yield same("requests in flight at once", examined.target, implied_in_flight(one), row.max_in_flight)
    implied, measured = implied_queue_ms(one), (one.rows["queue_ns"] / 1e6).tolist()
    for name, share in (("median", 50), ("most", 100)):
        truth, found = (float(np.percentile(values, share)) for values in (implied, measured))
        yield near(f"queue delay, {name} ms", examined.target, truth, found)


def implied_queue_ms(one: Testimony) -> list[float]:
    """First come, first served by one thread: each waits from its arrival until the ledger's end of the one before.

    The first request waits for nobody.
    """
    pairs = zip(ended_ns(one), arrived_ns(one)[1:], strict=False)
    return [0.0, *(max(0.0, (ended - arrived) / 1e6) for ended, arrived in pairs)]


def implied_in_flight(one: Testimony) -> int:
    """Most requests that had arrived and not ended, itself included, as one arrived."""
    arrived, ended = arrived_ns(one), ended_ns(one)
    return max(sum(end > moment for end in ended[: at + 1]) for at, moment in enumerate(arrived))


def arrived_ns(one: Testimony) -> list[float]:
    """The schedule's arrivals, counted from the first handler's begin."""
    assert one.trial.load is not None
    offsets = one.trial.load.arrivals(one.trial.arrival_seed)
    return [one.handled[0][1].begun_ns + (offset - offsets[0]) * 1e9 for offset in offsets]


def ended_ns(one: Testimony) -> list[int]:
    """The ledger's end of each request, in the order of arrival."""
    found = [one.handled[request][1].ended_ns for request in range(one.record.scheduled)]
    return [end for end in found if end is not None]
