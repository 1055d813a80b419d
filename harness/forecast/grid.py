"""The curve over mean rates: quantities of each side at each, close together where a service's replicas change."""

import math
from collections.abc import Iterator, Sequence

from harness.forecast.month import Draws
from harness.forecast.rows import Ruled, at_rate, figures_of
from harness.forecast.rules import FunctionRule
from harness.forecast.spells import MOST_RPS
from harness.forecast.traffic import Month
from harness.record.forecast import RatePoint
from harness.record.stated import Objective
from targets.rules.fixed_replicas import FixedReplicas

LOWEST, HIGHEST, PER_DECADE = 1e-3, 1e3, 5
"""Requests per second that are looked at whatever the traffic's own rate is, and so many times that rate at least."""
FURTHER = 100
RESAMPLES, REQUESTS, REQUESTS_WITH_TICKS = 5, 8000.0, 2000.0
"""Of each rate; fewer where a rule decides anew all the time."""
SEARCHED = 2
"""Resamples, the first of them, by which a number of replicas is judged."""
CLOSE = 1.05
"""Rates below and above a change of replicas are at most so far apart."""
MOST_REPLICAS = 8
"""Changes from more replicas on are not framed: each is of a tenth or less."""


def rates_around(rps: float) -> list[float]:
    """Geometric, the rate itself among them."""
    low, high = min(LOWEST, rps / FURTHER), min(MOST_RPS, max(HIGHEST, rps * FURTHER))
    first, last = (PER_DECADE * math.log10(end / rps) for end in (low, high))
    return [rps * 10.0 ** (step / PER_DECADE) for step in range(math.floor(first), math.floor(last) + 1)]


class Grid:
    """The sides of one workload over rates, all at the same ones."""

    def __init__(self, month: Month, objective: Objective | None, rounds: Sequence[int], sides: list[Ruled]) -> None:
        self.month, self.objective, self.rounds, self.sides = month, objective, rounds, sides
        decides = any(not isinstance(of.rule, FunctionRule) and math.isfinite(of.rule.tick_s) for of in sides)
        self.budget = REQUESTS_WITH_TICKS if decides else REQUESTS
        self.requests = 0

    def curves(self) -> list[list[RatePoint]]:
        """A curve for each side, in the order of rates."""
        rates = rates_around(self.month.rps)
        for side in (side for side in self.sides if side.searched):
            rates += self._changes(side, sorted(rates))
        columns = [self._points(rate) for rate in sorted(set(rates))]
        return [[points[place] for points in columns] for place in range(len(self.sides))]

    def _changes(self, side: Ruled, rates: list[float]) -> Iterator[float]:
        """Rates that closely frame each of the first changes of a side's replicas."""
        below, fewer = rates[0], self._replicas(side, rates[0])
        for rate in rates[1:]:
            more = self._replicas(side, rate)
            yield from self._frame(side, (below, fewer), (rate, more))
            below, fewer = rate, more
            if fewer > MOST_REPLICAS:
                return

    def _frame(self, side: Ruled, low: tuple[float, int], high: tuple[float, int]) -> Iterator[float]:
        """Halve the way between two rates, on the scale of ratios, until it is short or without a change."""
        if low[1] == high[1] or low[1] > MOST_REPLICAS:
            return
        if high[0] / low[0] <= CLOSE:
            yield from (low[0], high[0])
            return
        rate = math.sqrt(low[0] * high[0])
        middle = rate, self._replicas(side, rate)
        yield from self._frame(side, low, middle)
        yield from self._frame(side, middle, high)

    def _replicas(self, side: Ruled, rate: float) -> int:
        draws = self._draws(rate, SEARCHED)
        found = at_rate(side, draws, SEARCHED).rule
        self.requests += draws.requests
        assert isinstance(found, FixedReplicas)
        return found.replicas

    def _points(self, rate: float) -> list[RatePoint]:
        draws = self._draws(rate, RESAMPLES)
        points = [point_of(at_rate(side, draws, SEARCHED), draws) for side in self.sides]
        self.requests += draws.requests
        return points

    def _draws(self, rate: float, count: int) -> Draws:
        return Draws.of(self.month, rate, self.objective, self.rounds, (count, self.budget))


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
