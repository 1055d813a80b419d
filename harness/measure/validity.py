"""When a trial is INVALID: the instrument or the machine failed, so its figures would blame the wrong one."""

from typing import Any

import numpy as np

LEAST_LAG_NS = 1_000_000
LAG_SHARE = 0.01
RATE_TOLERANCE = 0.001
STEAL_LIMIT = 0.05
PACE_SPAN_NS = 1_000_000_000


def percentile_ns(values: Any, p: float) -> int | None:
    """The smallest value that at least a share p of all values does not exceed; None of none."""
    return int(np.percentile(values, p * 100, method="inverted_cdf")) if len(values) else None


def lag_problem(lag_p99_ns: int | None, service_median_ns: int | None) -> str | None:
    """The generator started requests too late, measured by what it was to measure."""
    if lag_p99_ns is None:
        return None
    limit_ns = max(LEAST_LAG_NS, int(LAG_SHARE * (service_median_ns or 0)))
    if lag_p99_ns <= limit_ns:
        return None
    return f"the generator was late: p99 of its lag is {lag_p99_ns / 1e6:.2f} ms, allowed are {limit_ns / 1e6:.2f} ms"


def pace(scheduled_ns: Any, started_ns: Any) -> float | None:
    """Achieved over planned rate: the inverse slope of started over scheduled. None of fewer than 3 arrivals, and over
    less than PACE_SPAN_NS, where the lag of one arrival already is a thousandth of the whole."""
    kept = started_ns > 0
    if kept.sum() < 3 or np.ptp(scheduled_ns[kept]) < PACE_SPAN_NS:
        return None
    slope = float(np.polyfit(scheduled_ns[kept] - scheduled_ns[0], started_ns[kept] - scheduled_ns[0], 1)[0])
    return 1 / slope if slope > 0 else None


def rate_problem(achieved: float | None) -> str | None:
    """`achieved` is what `pace` returns."""
    if achieved is None or abs(achieved - 1) <= RATE_TOLERANCE:
        return None
    return f"the achieved rate is off by {100 * (achieved - 1):+.2f} %, allowed are {100 * RATE_TOLERANCE} %"


def shed_problem(shed: int) -> str | None:
    """Arrivals that were not sent at all because too many were in flight."""
    return f"{shed} arrivals were shed: more requests in flight than the generator's cap" if shed else None


def steal_problem(steal_share: float | None) -> str | None:
    """Time that the hypervisor gave to other machines."""
    if steal_share is None or steal_share <= STEAL_LIMIT:
        return None
    return f"{100 * steal_share:.1f} % of the machine's time was stolen, allowed are {100 * STEAL_LIMIT:.0f} %"


def throttle_problem(throttled: bool) -> str | None:
    """The generator's own control group ran into its CPU limit."""
    return "the generator was CPU-throttled by its control group" if throttled else None
