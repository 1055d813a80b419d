"""The traffic at which function and service cost the same, and both curves."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy

from harness.analysis.summary import Row
from harness.cost.nouns import BreakEven
from harness.record.estimate import Estimate
from harness.record.figures import cell, figure
from harness.record.stated import SECONDS_PER_MONTH

Curve = Callable[[float], float]
"""Cost of a month at a mean rate, requests per second."""
LEAST_RPS, MOST_RPS, POINTS = 0.001, 1000.0, 181
UNMEASURED = (
    "where it lies is not known: it needs a capacity with an upper end (`frostline capacity --like EXPERIMENT`)"
)
METHOD = "crossing of the cost curves; ends by those of the measured intervals"


@dataclass(frozen=True)
class Curves:
    """A side's cost as measured, and at the cheap and the dear end of what was measured."""

    value: Curve
    low: Curve
    high: Curve
    n: int
    """Trials, or steps of a capacity search."""
    known_to: float = math.inf
    """Beyond this mean rate the curve is only an upper bound, since no capacity was measured."""


def break_even(function: Row, service: Row, dear: Curves, steady: Curves) -> BreakEven:
    """Where two sides cost the same.

    `dear` is the function's curves, which rise with every request; `steady` the service's, which rise in steps.
    """
    rates = [float(rate) for rate in np.geomspace(LEAST_RPS, MOST_RPS, POINTS)]
    costs = [[curve(rate) for rate in rates] for curve in (dear.value, steady.value)]
    rate = crossing(rates, dear.value, steady.value)
    n = min(dear.n, steady.n)
    # Beyond what is known the service's curve is only the most that it may cost: a crossing there is an upper bound.
    bounded = steady.known_to < (MOST_RPS if rate is None else rate)
    if rate is None:
        estimate = Estimate(None, n=n, why=UNMEASURED if bounded else "no crossing within the range looked at")
    else:
        estimate = estimate_crossing(rates, rate, dear, steady)
    cheaper = [by_use < by_hour for by_use, by_hour in zip(*costs, strict=True)]
    return BreakEven(
        workload=function.workload,
        profile=function.profile,
        function=function.target,
        service=service.target,
        rate=Estimate(None, n=n, why=UNMEASURED) if bounded else estimate,
        rates=rates,
        function_usd_per_month=costs[0],
        service_usd_per_month=costs[1],
        words=upper_bound_words(estimate)
        if bounded
        else sentence_of(function.target, service.target, estimate, cheaper),
    )


def estimate_crossing(rates: Sequence[float], rate: float, dear: Curves, steady: Curves) -> Estimate:
    """A crossing with its ends.

    The low end is where the function is dear and the service cheap, the high end where it is the other way round.
    """
    low, high = crossing(rates, dear.high, steady.low), crossing(rates, dear.low, steady.high)
    why = None if None not in (low, high) else "at an end of what was measured the curves do not cross"
    return Estimate(rate, low, high, min(dear.n, steady.n), why=why, method=METHOD)


def upper_bound_words(rate: Estimate) -> str:
    """Where a service's capacity is only known to be at least so much, its cost is at most so much."""
    most = f"at most {cell(rate).main} requests per second; " if rate.value is not None else ""
    return f"{most}{UNMEASURED}"


def crossing(rates: Sequence[float], function: Curve, service: Curve) -> float | None:
    """The lowest mean rate from which on the service is no dearer; a service's steps may cross more than once."""

    def gap(rate: float) -> float:
        return function(rate) - service(rate)

    gaps = ((rate, gap(rate)) for rate in rates)
    for (below, cheaper), (above, dearer) in pairwise(gaps):
        if cheaper < 0 <= dearer:
            return float(scipy.optimize.bisect(gap, below, above, rtol=1e-6))
    return None


def sentence_of(function: str, service: str, rate: Estimate, cheaper: Sequence[bool]) -> str:
    """A break-even in one sentence; `cheaper` says of each rate looked at whether the function costs less."""
    span = f"from {LEAST_RPS:g} to {MOST_RPS:g} requests per second"
    if rate.value is None:
        if len(set(cheaper)) == 1:
            return f"{function if cheaper[0] else service} is cheaper at every rate {span}"
        return f"{service} is cheaper at the lowest rates looked at and {function} at the highest, {span}"
    text = cell(rate)
    interval = f" ({text.small})" if text.small else ""
    month = figure(rate.value * SECONDS_PER_MONTH / 1e6)
    sentence = (
        f"below {text.main} requests per second{interval}, {month} million a month, {function} is cheaper, "
        f"above it {service}"
    )
    return f"{sentence}; at the highest rates looked at {function} is cheaper again" if cheaper[-1] else sentence
