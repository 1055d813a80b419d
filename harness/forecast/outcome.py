"""What one side came to over the spells of one resample: shares, percentiles, units and what can be billed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.analysis.stats import Floats
from harness.analysis.trial_rows import Mask
from harness.forecast.spells import DAY_S, DAYS_A_WEEK, HOURS_A_DAY, Spell
from harness.record.stated import HOURS_PER_MONTH, SECONDS_PER_MONTH, Objective

HOURS_A_WEEK = HOURS_A_DAY * DAYS_A_WEEK
MS_PER_S, SECONDS_PER_HOUR = 1000.0, 3600.0


@dataclass(frozen=True)
class Served:
    """What became of the requests that count, in seconds, an entry each; and of the units meanwhile."""

    latency_s: Floats
    """From arrival; infinite without a good answer."""
    cold: Mask
    throttled: Mask
    good: Mask
    billed_s: Floats
    overflow: Mask
    """Billed on demand beside provisioned units; none where nothing is provisioned."""
    busy_s: Floats
    """Of a slot."""
    queue_s: Floats | None
    unit_s_by_hour: Floats
    """Of the spells, one after the other."""
    units_peak: int
    spells: Sequence[Spell]
    core_s_by_hour: Floats | None = None
    """Of replicas behind units of a function, as `unit_s_by_hour` is of these; None where there are no others."""
    busy_peak: int | None = None
    """Most units of a function that held a request at once."""


@dataclass(frozen=True)
class Outcome:
    """Figures of one resample; NaN where no request came. What belongs to a month is of one of 730 hours."""

    cold_share: float
    cold_starts_per_day: float
    latency_p50_ms: float
    latency_p95_ms: float
    latency_p99_ms: float
    latency_at_objective_ms: float
    throttled_share: float
    failed_share: float
    late_share: float
    queue_p95_ms: float
    units_mean: float
    units_peak: float
    invoked: float
    good: float
    billed_s: float
    overflow_s: float
    unit_hours: float
    busy_hours: float
    late: float
    hours: NDArray[np.float64]
    """By hour of the week: seconds simulated, arrivals, cold starts, unit-seconds."""


def outcome_of(served: Served, rps: float, objective: Objective | None) -> Outcome:
    """What a resample comes to at a mean rate, by which a month's requests are counted."""
    n, seconds = len(served.latency_s), sum(spell.seconds for spell in served.spells)
    each = rps * SECONDS_PER_MONTH / n if n else math.nan
    limit_s = objective.latency_ms / MS_PER_S if objective else math.inf
    at = [0.5, 0.95, 0.99, objective.percentile / 100 if objective else 0.5]
    p50, p95, p99, own = (MS_PER_S * value for value in percentiles(served.latency_s, at))
    queue = percentiles(served.queue_s, [0.95])[0] if served.queue_s is not None else math.nan
    late = served.good & served.cold & (served.latency_s > (limit_s if objective else 0.0))
    hours_s = served.unit_s_by_hour if served.core_s_by_hour is None else served.core_s_by_hour
    unit_s, busy_s = float(served.unit_s_by_hour.sum()), float(served.busy_s.sum())
    return Outcome(
        cold_share=share(served.cold),
        cold_starts_per_day=int(served.cold.sum()) * DAY_S / seconds,
        latency_p50_ms=p50,
        latency_p95_ms=p95,
        latency_p99_ms=p99,
        latency_at_objective_ms=own,
        throttled_share=share(served.throttled),
        failed_share=share(~served.good & ~served.throttled),
        late_share=share(served.latency_s > limit_s),
        queue_p95_ms=MS_PER_S * queue,
        units_mean=unit_s / seconds,
        units_peak=served.units_peak,
        invoked=each * int((~served.throttled).sum()),
        good=each * int(served.good.sum()),
        billed_s=each * float(served.billed_s.sum()),
        overflow_s=each * float(served.billed_s[served.overflow].sum()),
        unit_hours=HOURS_PER_MONTH * float(hours_s.sum()) / seconds,
        busy_hours=each * busy_s / SECONDS_PER_HOUR,
        late=each * int(late.sum()),
        hours=by_hour(served),
    )


def share(mask: Mask) -> float:
    """Of all requests; NaN without any."""
    return float(mask.mean()) if len(mask) else math.nan


def percentiles(values: Floats, at: Sequence[float]) -> list[float]:
    """Nearest ranks, as of what is measured; NaN without a value."""
    if not len(values):
        return [math.nan] * len(at)
    ranks = [max(0, math.ceil(round(p * len(values), 9)) - 1) for p in at]
    partly = np.partition(values, sorted(set(ranks)))
    return [float(partly[rank]) for rank in ranks]


def by_hour(served: Served) -> NDArray[np.float64]:
    """Sums by hour of the week."""
    sums, place, first = np.zeros((4, HOURS_A_WEEK)), 0, 0
    for spell in served.spells:
        came_s = spell.arrivals_s[spell.counted] - spell.from_s
        hour = np.minimum((came_s / SECONDS_PER_HOUR).astype(np.intp), len(spell.hours) - 1)
        cold = served.cold[place : place + len(came_s)]
        for at, of_week in enumerate(spell.hours):
            here = hour == at
            lasted_s = min(SECONDS_PER_HOUR, spell.seconds - at * SECONDS_PER_HOUR)
            sums[:, of_week] += (lasted_s, here.sum(), (here & cold).sum(), served.unit_s_by_hour[first + at])
        place, first = place + len(came_s), first + len(spell.hours)
    return sums
