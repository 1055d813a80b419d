"""The curve over mean rates: quantities of each side at each, close together where a service's replicas change."""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.forecast.month import Draws
from harness.forecast.rows import Ruled, at_rate, figures_of
from harness.forecast.rules import FunctionRule
from harness.forecast.spells import MOST_RPS
from harness.forecast.traffic import Month
from harness.record.forecast import RatePoint
from harness.record.stated import Objective

LOWEST, HIGHEST, PER_DECADE = 1e-3, 1e3, 5
"""Requests per second that are looked at whatever the traffic's own rate is, and so many times that rate at least."""
FURTHER = 100
RESAMPLES, REQUESTS, REQUESTS_WITH_TICKS = 5, 10_000.0, 2000.0
"""Of each rate; fewer where a rule decides anew all the time."""
CLOSE = 1.03
"""Rates below and above a change of replicas are at most so far apart."""
MOST_CHANGES = 16
"""Later ones are steps of a few percent each."""


def rates_around(rps: float) -> list[float]:
    """Geometric, the rate itself among them."""
    low, high = min(LOWEST, rps / FURTHER), min(MOST_RPS, max(HIGHEST, rps * FURTHER))
    first, last = (PER_DECADE * math.log10(end / rps) for end in (low, high))
    return [rps * 10.0 ** (step / PER_DECADE) for step in range(math.floor(first), math.floor(last) + 1)]


class Grid:
    """The sides of one workload over rates, each rate simulated once."""

    def __init__(self, month: Month, objective: Objective | None, rounds: Sequence[int], sides: list[Ruled]) -> None:
        self.month, self.objective, self.rounds, self.sides = month, objective, rounds, sides
        decides = any(not isinstance(of.rule, FunctionRule) and math.isfinite(of.rule.tick_s) for of in sides)
        self.budget = REQUESTS_WITH_TICKS if decides else REQUESTS
        self.requests = 0
        self._points: dict[float, list[RatePoint]] = {}

    def curves(self) -> list[list[RatePoint]]:
        """A curve for each side, all at the same rates, ascending."""
        for rate in rates_around(self.month.rps):
            self._look(rate)
        for place, side in enumerate(self.sides):
            if side.searched:
                for low, high in list(self._changes(place)):
                    self._close_in(place, low, high)
        rates = sorted(self._points)
        return [[self._points[rate][place] for rate in rates] for place in range(len(self.sides))]

    def _changes(self, place: int) -> Iterator[tuple[float, float]]:
        rates = sorted(self._points)
        pairs = ((a, b) for a, b in pairwise(rates) if self._count(place, a) != self._count(place, b))
        return (pair for _, pair in zip(range(MOST_CHANGES), pairs, strict=False))

    def _close_in(self, place: int, low: float, high: float) -> None:
        """Halve the way between two rates, on the scale of ratios, until each change in it is closely framed."""
        if high / low <= CLOSE or self._count(place, low) == self._count(place, high):
            return
        if (self._count(place, low) or 0) >= MOST_CHANGES:
            return
        middle = (low * high) ** 0.5
        self._look(middle)
        self._close_in(place, low, middle)
        self._close_in(place, middle, high)

    def _count(self, place: int, rate: float) -> int | None:
        return self._points[rate][place].units_peak

    def _look(self, rate: float) -> None:
        draws = Draws.of(self.month, rate, self.objective, self.rounds, (RESAMPLES, self.budget))
        self._points[rate] = [point_of(at_rate(side, draws), draws) for side in self.sides]
        self.requests += draws.requests


def point_of(of: Ruled, draws: Draws) -> RatePoint:
    """What one side comes to at one rate."""
    figures = figures_of(of, draws)
    peak = figures["units_peak"].value
    return RatePoint(
        rps=draws.rps,
        quantities=figures.quantities(),
        latency_ms=figures["latency_at_objective_ms"] if draws.objective else None,
        units_peak=None if peak is None else round(peak),
    )
