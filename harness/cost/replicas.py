"""How many replicas a rate needs, from measured capacity; without one, from what the run itself shows was carried."""

import math
from dataclasses import dataclass
from typing import Literal

from harness.analysis.summary import Row
from harness.record.capacity import Capacity, KeptCapacity
from harness.record.estimate import Estimate
from harness.record.stated import Objective

MOST_REPLICAS = 100_000
FIND_OUT = "find out with `frostline capacity EXPERIMENT`"


@dataclass(frozen=True)
class Carried:
    """Requests per second that one replica carries, with the words that it rests on.

    `known` says whether a search found it, or whether `rate` is only the least or the most that it can be: then
    its interval is all that it may be, and an end that is not there has no bound.
    """

    rate: Estimate
    known: Literal["measured", "at least", "at most"]
    basis: str

    def replicas(self, peak_rps: float, rate: float) -> int:
        """Replicas needed at this peak, of which each carries so much; one at least."""
        return min(MOST_REPLICAS, max(1, math.ceil(round(peak_rps / rate, 9))))


def carried_rate(row: Row, kept: KeptCapacity | None, objective: Objective | None, most_rps: float) -> Carried:
    """What a replica carries, by the measured capacity that the run keeps, otherwise by its own bounds.

    `most_rps`: no replica carries more, since it would serve all the time. Where the row met the objective, a replica
    carries at least the row's own rate: taking it errs towards too many replicas. Where it did not, the bound is all
    that is known, and the service costs at least so much.
    """
    if kept is not None:
        capacity, rate = kept.capacity, kept.capacity.rate.estimate
        goal = f"p{capacity.objective.percentile:g} within {capacity.objective.latency_ms:g} ms"
        if rate.value is not None:
            source = f"{goal}, n = {rate.n} steps, {kept.file}"
            basis = f"measured capacity of {rate.value:.3g} requests per second a replica ({source})"
            return Carried(rate, "measured", basis)
        if rate.low is not None:
            why, fix = how_it_ended(capacity)
            basis = f"measured: a replica carries at least {rate.low:.3g} requests per second ({kept.file}; {fix})"
            most = most_rps if rate.high is None else max(rate.low, rate.high)
            return Carried(between(rate.low, most, rate.n, why), "at least", basis)
    why = "the run keeps no measured capacity" if kept is None else "its measured capacity has no lower end"
    if (own := least_carried(row, objective)) is not None:
        basis = (
            f"{why}: a replica is taken to carry {own:.3g} requests per second, the run's own rate, and may carry "
            f"more, but by its own service times no more than {most_rps:.3g}; {FIND_OUT}"
        )
        return Carried(between(own, most_rps, row.rounds, why), "at least", basis)
    basis = (
        f"{why}, and the run does not show that a replica meets the objective: by its own service times it carries no "
        f"more than {most_rps:.3g} requests per second, so that this is the least it costs; {FIND_OUT}"
    )
    return Carried(Estimate(most_rps, None, most_rps, row.rounds, why=why), "at most", basis)


def how_it_ended(capacity: Capacity) -> tuple[str, str]:
    """Why a search found no upper end, and what would find it."""
    if capacity.ended == "answered":
        return "the search for its capacity was ended by its highest rate", "a higher --most-rate would find the end"
    return "the search for its capacity did not come to its end", "the same search again goes on from there"


def between(least: float, most: float, n: int, why: str) -> Estimate:
    """At least so much, taken as just that. More than the most was served where several vCPU shared the work."""
    return Estimate(least, least, max(least, most), n, why=why)


def least_carried(row: Row, objective: Objective | None) -> float | None:
    """The row's own mean rate per replica, None where it missed the objective or, without one, any good answer."""
    if not row.scheduled or not row.seconds or row.ok is None:
        return None
    replicas = row.case.get("replicas", 1)
    own = row.scheduled / row.seconds / (replicas if isinstance(replicas, int) and replicas > 0 else 1)
    if objective is None:
        return own if row.ok == row.scheduled else None
    latency = row.latency_at(objective.percentile)
    return own if latency.value is not None and latency.value <= objective.latency_ms else None
