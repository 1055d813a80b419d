"""When a trial is INVALID: the instrument or the machine failed, so its figures would blame the wrong one."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from harness.load.limits import MOST_HANDS, most_in_flight
from harness.record.facts import Fact

PACE_SPAN_NS = 1_000_000_000
SATURATED = 0.9
"""A worker that uses so much of its core has none left for being on time."""


@dataclass(frozen=True)
class Limits:
    """How far schedule and machine may be off before a trial is INVALID."""

    least_lag_ns: int = 1_000_000
    """The p99 of the generator's lag may always be this long,"""
    lag_share: float = 0.01
    """or this share of the median service time, whichever is more."""
    rate_tolerance: float = 0.001
    steal_share: float = 0.05
    throttling_counts: bool = True
    """Whether a generator that its control group throttled makes a trial INVALID."""

    def facts(self) -> dict[str, Fact]:
        """The limits as a run's manifest keeps them."""
        return asdict(self)


STRICT = Limits()
"""What every command obeys."""
in_force = STRICT
"""The limits of this process. No command changes it: only the bench's own tests do, which count and time nothing,
and their runs say so in the manifest and on every screen."""


def notices() -> list[str]:
    """What a run has to say about limits that are not the strict ones."""
    if in_force == STRICT:
        return []
    limits = ", ".join(f"{name} {value}" for name, value in in_force.facts().items())
    return [f"WIDE LIMITS: trials of this run count however busy the machine was, so no time in it is proof: {limits}"]


def percentile_ns(values: Any, p: float) -> int | None:
    """The smallest value that at least a share p of all values does not exceed; None of none."""
    return int(np.percentile(values, p * 100, method="inverted_cdf")) if len(values) else None


LATE, OFF_PACE, STOLEN, THROTTLED = (
    "the generator was late",
    "the achieved rate is off",
    "of the machine's time was stolen",
    "the generator was CPU-throttled",
)


def is_disturbance(problem: str) -> bool:
    """Whether a trial's problem is a machine that was busy with something else, rather than a fault of the bench."""
    return any(words in problem for words in (LATE, OFF_PACE, STOLEN, THROTTLED))


def lag_problem(
    lag_p99_ns: int | None, service_median_ns: int | None, limits: Limits = STRICT, cpu_share: float | None = None
) -> str | None:
    """What to say when the generator started requests too late, measured by what it was to measure; `cpu_share` says
    how many cores its busiest worker used, which can use one."""
    if lag_p99_ns is None:
        return None
    limit_ns = max(limits.least_lag_ns, int(limits.lag_share * (service_median_ns or 0)))
    if lag_p99_ns <= limit_ns:
        return None
    told = f"{LATE}: p99 of its lag is {lag_p99_ns / 1e6:.2f} ms, allowed are {limit_ns / 1e6:.2f} ms"
    if cpu_share is None or cpu_share < SATURATED:
        return told
    return f"{told}: a worker needed {100 * cpu_share:.0f} % of its one core: lower the rate, or raise the workers"


def clock_problem(bound_ns: int | None, service_median_ns: int | None, limits: Limits = STRICT) -> str | None:
    """What to say when stamps of workers on other machines may be off by too much on this machine's clock: arrivals of
    one worker would then be as late beside those of another, and the limit is that of being late."""
    limit_ns = max(limits.least_lag_ns, int(limits.lag_share * (service_median_ns or 0)))
    if bound_ns is None or bound_ns <= limit_ns:
        return None
    return (
        f"a worker's clock is known to within {bound_ns / 1e6:.2f} ms, allowed are {limit_ns / 1e6:.2f} ms: begin it "
        "nearer to this machine, keep both clocks disciplined (chrony), or send for a shorter time"
    )


def pace(scheduled_ns: Any, started_ns: Any) -> float | None:
    """Achieved over planned rate: the inverse slope of started over scheduled. None of fewer than 3 arrivals, and over
    less than PACE_SPAN_NS, where the lag of one arrival already is a thousandth of the whole."""
    is_started = started_ns > 0
    if is_started.sum() < 3 or np.ptp(scheduled_ns[is_started]) < PACE_SPAN_NS:
        return None
    slope = float(
        np.polyfit(scheduled_ns[is_started] - scheduled_ns[0], started_ns[is_started] - scheduled_ns[0], 1)[0]
    )
    return 1 / slope if slope > 0 else None


def rate_problem(achieved: float | None, limits: Limits = STRICT) -> str | None:
    """What to say when the rate is off its plan; `achieved` is what `pace` returns."""
    if achieved is None or abs(achieved - 1) <= limits.rate_tolerance:
        return None
    return f"{OFF_PACE} by {100 * (achieved - 1):+.2f} %, allowed are {100 * limits.rate_tolerance} %"


def shed_problem(shed: int, cap: int | None = None, descriptors: int | None = None) -> str | None:
    """What to say of arrivals that were not sent at all because too many were in flight: more than the cap of a worker
    that may have so many descriptors; None where no worker said so."""
    if not shed:
        return None
    told = f"{shed} arrivals were shed: more requests in flight than the generator's cap"
    if cap is None or descriptors is None:
        return told
    if cap == MOST_HANDS:
        sdk = "the most that a worker has with a provider's SDK"
        return f"{told} of {cap}, {sdk}: have more workers, or lower the rate; with another sender raise load.cap"
    if cap < most_in_flight(descriptors):
        return f"{told} of {cap}: raise load.cap, or lower the rate"
    limit = f"{descriptors} descriptors allow no more"
    return f"{told} of {cap}: {limit}: raise their limit (ulimit -n, and -Hn), or lower the rate"


def exhausted_problem(exhausted: int, why: str, fix: str) -> str | None:
    """What to say of arrivals that were not carried out because the generator had no descriptor, port or memory left
    for them: `why` is what the system said of the first one."""
    if not exhausted:
        return None
    return f"{exhausted} arrivals were not carried out, for the generator ran out: {why}: {fix}"


def unfinished_problem(unfinished: int) -> str | None:
    """What to say of arrivals without an end although the generator was to see one of each: that is no fault of the
    target, which can only answer, fail or take too long."""
    if not unfinished:
        return None
    return f"the generator did not see {unfinished} arrivals to their end: they count as neither good nor failed"


def steal_problem(steal_share: float | None, limits: Limits = STRICT) -> str | None:
    """What to say when the hypervisor gave too much time to other machines."""
    if steal_share is None or steal_share <= limits.steal_share:
        return None
    return f"{100 * steal_share:.1f} % {STOLEN}, allowed are {100 * limits.steal_share:.0f} %"


def throttle_problem(throttled: bool, limits: Limits = STRICT) -> str | None:
    """What to say when the generator's own control group ran into its CPU limit."""
    return f"{THROTTLED} by its control group" if throttled and limits.throttling_counts else None
