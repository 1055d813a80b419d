"""The traffic at which function and service cost the same, and both curves."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import bisect

from harness.cost.nouns import BreakEven, SideCost
from harness.economics import SECONDS_PER_MONTH
from harness.estimate import Estimate
from harness.report.text import cell, figure

Curve = Callable[[float], float]
"""Cost of a month at a mean rate, requests per second."""
LEAST_RPS, MOST_RPS, POINTS = 0.001, 1000.0, 181
UNMEASURED = "where it lies is not known: it needs a measured capacity (`frostline capacity`)"
METHOD = "crossing of the cost curves; ends by those of the measured intervals"


@dataclass(frozen=True)
class Curves:
    """A side's cost as measured, and at the cheap and the dear end of what was measured."""

    value: Curve
    low: Curve
    high: Curve
    n: int
    known_to: float = math.inf
    """Beyond this mean rate the curve is only an upper bound, since no capacity was measured."""
    """Trials, or steps of a capacity search."""


def break_even(function: SideCost, service: SideCost, dear: Curves, steady: Curves) -> BreakEven:
    """`dear` is the function's curves, which rise with every request; `steady` the service's, which rise in steps."""
    rates = [float(rate) for rate in np.geomspace(LEAST_RPS, MOST_RPS, POINTS)]
    rate = crossing(rates, dear.value, steady.value)
    known = (
        None
        if rate is None
        else Estimate(
            rate,
            crossing(rates, dear.high, steady.low),
            crossing(rates, dear.low, steady.high),
            min(dear.n, steady.n),
            method=METHOD,
        )
    )
    below, above = (dear.value(end) < steady.value(end) for end in (rates[0], rates[-1]))
    bounded = steady.known_to < (MOST_RPS if rate is None else rate)
    n, why = min(dear.n, steady.n), UNMEASURED if bounded else "no crossing within the range looked at"
    return BreakEven(
        workload=function.workload,
        profile=function.profile,
        function=function.target,
        service=service.target,
        rate=Estimate(None, n=n, why=why) if known is None or bounded else known,
        rates=rates,
        function_usd_per_month=[dear.value(rate) for rate in rates],
        service_usd_per_month=[steady.value(rate) for rate in rates],
        words=bound(known) if bounded else worded(function.target, service.target, known, below, above),
    )


def bound(rate: Estimate | None) -> str:
    """Where a service's capacity is only known to be at least so much, its cost is at most so much."""
    at_most = f"at most {cell(rate).main} requests per second; " if rate else ""
    return f"{at_most}{UNMEASURED}"


def crossing(rates: Sequence[float], function: Curve, service: Curve) -> float | None:
    """The lowest mean rate from which on the service is no dearer; a service's steps may cross more than once."""
    gaps = [function(rate) - service(rate) for rate in rates]
    for place in range(1, len(rates)):
        if gaps[place - 1] < 0 <= gaps[place]:
            return float(bisect(lambda rate: function(rate) - service(rate), *rates[place - 1 : place + 1], rtol=1e-6))
    return None


def worded(function: str, service: str, rate: Estimate | None, below: bool, above: bool) -> str:
    """One sentence; `below`, `above`: the function is cheaper at the least and at the most rate looked at."""
    looked = f"from {LEAST_RPS:g} to {MOST_RPS:g} requests per second"
    if rate is None or rate.value is None:
        cheaper = function if below else service
        return f"{cheaper} is cheaper at every rate {looked}"
    shown = cell(rate)
    interval = f" ({shown.small})" if shown.small else ""
    month = figure(rate.value * SECONDS_PER_MONTH / 1e6)
    told = (
        f"below {shown.main} requests per second{interval}, {month} million a month, {function} is cheaper, "
        f"above it {service}"
    )
    return f"{told}; at the highest rates looked at {function} is cheaper again" if above else told
