"""The fewest fixed replicas for a month: those that hold the objective as simulated, and the bounds beside them."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from harness.errors import RecordError
from harness.forecast.sides import Side
from harness.forecast.spells import DAY_S, DAYS_A_WEEK, HOUR_S, HOURS_A_DAY, Days
from harness.record.capacity import kept_capacity
from harness.record.nouns import Manifest
from harness.record.stated import Objective

MOST = 4096
Latency = Callable[[int], float]
"""Of a number of replicas, at the objective's percentile, in ms."""


def busiest_hour(month: Days, rps: float) -> float:
    """Most requests per second over an hour of the month, at a mean rate.

    What is regular of it grows with the rate, and what is chance with the square root of it.
    """
    counts = np.array([np.histogram(day, bins=HOURS_A_DAY, range=(0, DAY_S))[0] for day in month.days])
    copies, most = rps / month.mean_rps, float(counts.max())
    weekly = [counts[month.like(day)] for day in range(min(DAYS_A_WEEK, len(counts)))]
    # Less two standard errors: of 168 means the highest is as much above the truth by chance.
    regular = max(float((own.mean(axis=0) - 2 * np.sqrt(own.mean(axis=0) / len(own))).max()) for own in weekly)
    regular = min(most, max(regular, float(counts.mean())))
    return (regular * copies + (most - regular) * math.sqrt(copies)) / HOUR_S


def least_replicas(side: Side, rps: float) -> int:
    """Little's law: fewer would be busy all the time at this rate, and their queue would only grow."""
    return math.floor(rps * side.held_s / side.slots) + 1


def fewest(least: int, latency_ms: Latency, limit_ms: float) -> int | None:
    """The fewest, from `least` on, that hold the limit; None where none do, for one request alone takes longer."""
    if latency_ms(least) <= limit_ms:
        return least
    low, high = least, least + 1
    while latency_ms(high) > limit_ms:
        low, high = high, 2 * high
        if high > max(MOST, 4 * least):
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if latency_ms(middle) <= limit_ms else (middle, high)
    return high


def bounds_of(manifest: Manifest, side: Side, rps: float, peak_rps: float) -> Iterator[str]:
    """What else is known of the number: Little's law, and a measured capacity that the run keeps."""
    yield (
        f"Little's law: {least_replicas(side, rps)} at least at the mean of {rps:.3g} requests/s, "
        f"{least_replicas(side, peak_rps)} in the busiest hour with {peak_rps:.3g}"
    )
    try:
        kept = kept_capacity(manifest, *side.key)
    except RecordError as error:
        yield f"its measured capacity is not readable: {str(error).splitlines()[0]}"
        return
    found = None if kept is None else kept.capacity.rate
    rate = None if found is None else found.value or found.low
    if kept is None or found is None or rate is None:
        yield "no capacity was measured: the run's own service times are what replicas are reckoned from"
        return
    goal, most, least = kept.capacity.objective, *(("", "") if found.value else (" at most", "at least "))
    yield (
        f"measured capacity: {math.ceil(peak_rps / rate)}{most} in the busiest hour, of {least}{rate:.3g} requests/s "
        f"each with p{goal.percentile:g} within {goal.latency_ms:g} ms ({kept.file})"
    )


def sentence(count: int, objective: Objective | None, found: bool) -> str:
    """How the number was found."""
    if objective is None:
        return f"{count}: the fewest that are not busy all of any hour, for the experiment states no objective"
    goal = f"p{objective.percentile:g} within {objective.latency_ms:g} ms"
    if found:
        return f"{count}: the fewest that hold {goal} in the simulated month and are not busy all of any hour"
    return f"{count}: the fewest that are not busy all of any hour; no number holds {goal}"
