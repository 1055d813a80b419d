"""Where a series of measurements changed its level. A pure function of numbers, with nothing drawn by chance.

Matteson and James, "A Nonparametric Approach for Multiple Change Point Analysis of Multivariate Data" (JASA 109, 2014),
divide a series at the place where the two sides differ most, then each side again. As Fleming et al., "Hunter: Using
Change Point Detection to Hunt for Performance Regressions" (ICPE 2023), a t-test stands in for their permutation test,
which needs chance and more points. Each place is looked at with the whole series on its two sides and, as a level that
comes and goes would hide there, with 4, 8, 16, ... values on each. The smallest p decides after Bonferroni: half of the
5 % is for the whole, half for the windows, each divided by the places looked at. So of series of independent values in
which nothing changes, at most 5 % show a change.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from harness.analysis.stats import Floats
from harness.record.estimate import Estimate

LEAST_PER_SIDE = 4
LEAST = 2 * LEAST_PER_SIDE
SIGNIFICANCE = 0.05
TINY = 1e-12
"""Spread of logarithms below this is rounding."""


@dataclass(frozen=True)
class ChangePoint:
    """A new level from the value at `index` on; `before` and `after` are geometric means of the two sides."""

    index: int
    before: float
    after: float
    ratio: Estimate
    """after / before with its t interval of 95 %; n counts the values of both sides."""
    p: float
    """After Bonferroni."""


def change_points(values: Sequence[float]) -> list[ChangePoint]:
    """The changes in order. ValueError for fewer than LEAST values, or for one that has no logarithm."""
    if len(values) < LEAST:
        raise ValueError(f"{len(values)} values: at least {LEAST} are needed")
    if not all(math.isfinite(value) and value > 0 for value in values):
        raise ValueError("a value that is 0, negative or not finite has no logarithm")
    logs = np.log(np.asarray(values, dtype=float))
    splits = split(logs, 0)
    edges = [0, *(place for place, _ in splits), len(logs)]
    return [change_at(logs, edges[i], place, edges[i + 2], p) for i, (place, p) in enumerate(splits)]


def split(logs: Floats, offset: int) -> list[tuple[int, float]]:
    """Places at which this part of the series changes, counted from `offset`, with the p that decided."""
    if len(logs) < LEAST:
        return []
    p, place = min(candidates(logs))
    if p > SIGNIFICANCE:
        return []
    return [*split(logs[:place], offset), (offset + place, p), *split(logs[place:], offset + place)]


def candidates(logs: Floats) -> Iterator[tuple[float, int]]:
    """(p after Bonferroni, place) for every place with all values beside it, and with windows of values beside it."""
    n = len(logs)
    places = range(LEAST_PER_SIDE, n - LEAST_PER_SIDE + 1)
    widths = [LEAST_PER_SIDE << k for k in range(n.bit_length()) if LEAST_PER_SIDE << (k + 1) < n]
    windows = [(place, width) for width in widths for place in range(width, n - width + 1)]
    halves = 2 if windows else 1
    for place in places:
        yield min(1.0, p_of(logs[:place], logs[place:]) * len(places) * halves), place
    for place, width in windows:
        yield min(1.0, p_of(logs[place - width : place], logs[place : place + width]) * len(windows) * halves), place


def change_at(logs: Floats, begin: int, place: int, end: int, p: float) -> ChangePoint:
    """The change at `place`, between the levels that lie directly before and after it."""
    before, after = logs[begin:place], logs[place:end]
    step, half = float(after.mean() - before.mean()), half_width(before, after)
    low, high = (math.exp(step + sign * half) for sign in (-1, 1))
    ratio = Estimate(math.exp(step), low, high, len(before) + len(after), method="t interval of log values")
    return ChangePoint(place, math.exp(before.mean()), math.exp(after.mean()), ratio, p)


def standard_error(a: Floats, b: Floats) -> float:
    """Standard error of the difference of both means, with one variance for both sides (Student)."""
    squares = float(((a - a.mean()) ** 2).sum() + ((b - b.mean()) ** 2).sum())
    return math.sqrt(squares / (len(a) + len(b) - 2) * (1 / len(a) + 1 / len(b)))


def t_of(a: Floats, b: Floats) -> float:
    """Student's t; infinite where both sides are constant and differ."""
    difference, error = float(b.mean() - a.mean()), standard_error(a, b)
    if error > TINY:
        return difference / error
    return math.copysign(math.inf, difference) if abs(difference) > TINY else 0.0


def p_of(a: Floats, b: Floats) -> float:
    """Two-sided p of the t-test."""
    return 2 * float(scipy.special.stdtr(len(a) + len(b) - 2, -abs(t_of(a, b))))


def half_width(a: Floats, b: Floats) -> float:
    """Half the width of the 95 % interval of the difference of both means."""
    return float(scipy.special.stdtrit(len(a) + len(b) - 2, 0.975)) * standard_error(a, b)
