"""Costs over mean rates, and every rate at which two of them change places."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import scipy

LEAST_RPS, MOST_RPS, POINTS = 1e-5, 1000.0, 241
GRID = tuple(float(rate) for rate in np.geomspace(LEAST_RPS, MOST_RPS, POINTS))
"""From less than one request a night on."""
JUST_ABOVE = 1 + 1e-8
"""Times a rate at which a replica is full, one more is needed."""


@dataclass(frozen=True)
class Curve:
    """USD of a month at a mean rate, requests per second; it never falls. `step_rps`: beyond each whole multiple of it
    one more replica is paid."""

    usd: Callable[[float], float]
    step_rps: float | None = None


@dataclass(frozen=True)
class Curves:
    """A side's cost at its value, at its cheap and at its dear end; None for an end that nobody knows."""

    value: Curve
    low: Curve | None
    high: Curve | None
    n: int
    """Trials, steps of a capacity search, or resamples."""
    rates: Sequence[float] = GRID
    """Those at which it is looked at, ascending; between them it is straight, but for its steps."""
    jumps: Sequence[tuple[float, float]] = ()
    """Pairs of neighbours in `rates` between which a replica is added, nobody knows where."""
    known_to: float = math.inf
    """Beyond this mean rate the value is but a bound, since no capacity was measured."""


@dataclass(frozen=True)
class Crossing:
    """A rate at which the first curve begins to lie below the second, or ends to (`falls` is False)."""

    rps: float
    falls: bool


def crossings(rates: Sequence[float], first: Curve, second: Curve) -> list[Crossing]:
    """Every rate within `rates` at which the first curve gets below the second or stops to be, ascending."""

    def gap(rate: float) -> float:
        return first.usd(rate) - second.usd(rate)

    found = []
    for below, above in pairwise(nodes(rates, first, second)):
        before, after = gap(below), gap(above)
        if (before < 0) is (after < 0):
            continue
        if above <= below * JUST_ABOVE * JUST_ABOVE or not before:
            found.append(Crossing(below, after < 0))  # at the very step, or where both were equal until here
        else:
            found.append(Crossing(float(scipy.optimize.brentq(gap, below, above, rtol=1e-9)), after < 0))
    return found


def nodes(rates: Sequence[float], first: Curve, second: Curve) -> Iterator[float]:
    """The rates, and between two of them both sides of each step; only where the curves may meet there at all."""
    for below, above in pairwise(rates):
        yield below
        if first.usd(above) >= second.usd(below) and second.usd(above) >= first.usd(below):
            yield from sorted(
                side for curve in (first, second) for rate in steps_of(curve, below, above) for side in both_sides(rate)
            )
    yield rates[-1]


def steps_of(curve: Curve, below: float, above: float) -> Iterator[float]:
    """Rates strictly between two others at which a replica is full."""
    step = curve.step_rps
    if step is not None:
        first = math.floor(below / step) + 1
        yield from (rate for n in range(first, math.ceil(above / step)) if below < (rate := n * step) < above)


def both_sides(rate: float) -> tuple[float, float]:
    """The rate at which a replica is full, and the next at which it does not do."""
    return rate, rate * JUST_ABOVE
