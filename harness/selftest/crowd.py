"""Concurrency and queue delay: what the ledger and the schedule imply, beside what Frostline counted."""

from collections.abc import Iterator

import numpy as np

from harness.records import Outcome
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
    yield same("requests handled at once", examined.target, most_at_once(one.lives), examined.row(CROWD).max_sandboxes)
    implied, measured = implied_queue_ms(one), (one.rows["queue_ns"] / 1e6).tolist()
    yield same("requests in flight at once", examined.target, len(implied), examined.row(CROWD).max_in_flight)
    for name, share in (("median", 50), ("most", 100)):
        truth, found = (float(np.percentile(values, share)) for values in (implied, measured))
        yield near(f"queue delay, {name} ms", examined.target, truth, found)


def implied_queue_ms(one: Testimony) -> list[float]:
    """First come, first served by one thread: each waits from its arrival until the ledger's end of the one before.

    Arrivals are the schedule's, counted from the first handler's begin, for the first request waits for nobody.
    """
    assert one.trial.load is not None
    offsets = one.trial.load.arrivals(one.trial.arrival_seed)
    first_ns = one.handled[0][1].begun_ns
    waits = [0.0]
    for request in range(1, len(offsets)):
        ended_ns = one.handled[request - 1][1].ended_ns
        assert ended_ns is not None
        arrived_ns = first_ns + (offsets[request] - offsets[0]) * 1e9
        waits.append(max(0.0, (ended_ns - arrived_ns) / 1e6))
    return waits
