"""The curve over mean rates: quantities of each side at each, close together where a service's replicas change."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.forecast.month import Draws
from harness.forecast.rows import Ruled, at_rate, figures_of, with_replicas
from harness.forecast.rules import pool_of, replicas_of
from harness.forecast.spells import MOST_RPS, few
from harness.forecast.traffic import Month
from harness.record.forecast import RatePoint
from harness.record.stated import Objective
from targets.rules.fixed_replicas import FixedReplicas

PER_DECADE, FURTHER = 5, 100
"""Rates that are looked at: from the traffic's own divided by this to it times this."""
OF_CAPACITY = 4
"""And from what one replica could carry divided by this, to it times this: there sides become equally dear."""
RESAMPLES, REQUESTS, REQUESTS_WITH_TICKS = 5, 5000.0, 2000.0
"""Of each rate; fewer where a rule decides anew all the time."""
AT_LEAST = 200_000.0
"""Requests that the shortest resamples of a rate may come to; of the highest rates there are fewer of them."""
HIGHEST = 1000.0
"""Requests per second beyond which no rates are looked at but those up to the traffic's own."""
LEADS = 300_000.0
"""Requests before those that count, of a side at one rate."""
SEARCHED = 2
"""Resamples, the first of them, by which a number of replicas is judged."""
CLOSE = 1.05
"""Rates below and above a change of replicas are at most so far apart."""
MOST_REPLICAS = 4
"""Changes from more replicas on are not framed: each is of a fifth or less."""


def rates_around(rps: float, carried: Sequence[float] = ()) -> list[float]:
    """Geometric, the rate itself among them; `carried` is what one replica of each service could."""
    low = min(rate / by for rate, by in ((rps, FURTHER), *((rate, OF_CAPACITY) for rate in carried)))
    high = max(rate * by for rate, by in ((rps, FURTHER), *((rate, OF_CAPACITY) for rate in carried)))
    high = min(MOST_RPS, max(rps, min(HIGHEST, high)))
    first, last = (PER_DECADE * math.log10(end / rps) for end in (low, high))
    return [rps * 10.0 ** (step / PER_DECADE) for step in range(math.floor(first), math.floor(last) + 1)]


class Grid:
    """The sides of one workload over rates, all at the same ones."""

    def __init__(self, month: Month, objective: Objective | None, rounds: Sequence[int], sides: list[Ruled]) -> None:
        self.month, self.objective, self.rounds, self.sides = month, objective, rounds, sides
        rules = [rule for of in sides if (rule := replicas_of(of.rule)) is not None]
        decides = any(math.isfinite(rule.tick_s) for rule in rules)
        self.budget = REQUESTS_WITH_TICKS if decides else REQUESTS
        self.requests = 0

    def curves(self) -> list[list[RatePoint]]:
        """A curve for each side, in the order of rates."""
        replicated = [of.side for of in self.sides if replicas_of(of.rule) is not None]
        carried = [side.slots / side.held_s for side in replicated if side.held_s > 0]
        rates = rates_around(self.month.rps, carried)
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
        self.requests += draws.requests
        return _replicas_of(self._at(side, draws))

    def _points(self, rate: float) -> list[RatePoint]:
        draws = self._draws(rate, RESAMPLES)
        points = [point_of(self._at(side, draws), draws) for side in self.sides]
        self.requests += draws.requests
        return points

    def _at(self, side: Ruled, draws: Draws) -> Ruled:
        """The side at this rate. Its replicas are judged by fewer resamples than those of its row, and do not
        contradict that one: the same rate has as many, and fewer requests never need more."""
        found = at_rate(side, draws, SEARCHED)
        if not side.searched:
            return found
        own, count = _replicas_of(side), _replicas_of(found)
        least = own if draws.rps >= self.month.rps else count
        most = own if draws.rps <= self.month.rps else count
        kept = min(max(least, count), most)
        return found if kept == count else replace(found, rule=with_replicas(kept, pool_of(side.rule)))

    def _draws(self, rate: float, count: int) -> Draws:
        return Draws(self.month, rate, self.objective, self.rounds, few(count, rate, AT_LEAST), self.budget, LEADS)


def _replicas_of(of: Ruled) -> int:
    """Of a side whose rule is a fixed number of them."""
    rule = replicas_of(of.rule)
    assert isinstance(rule, FixedReplicas)
    return rule.replicas


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
