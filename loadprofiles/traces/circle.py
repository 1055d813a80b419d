"""Recorded arrivals bent into a circle: windows of it, copies of it turned by chance, and how many they hold."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from loadprofiles.traces.trace import Floats

DAY_S = 86_400.0
SHORT_S = 900.0
"""So much may be missing of the last of a recording's days: it counts as whole, and that time as silence."""
SWAY_S = 1800.0
"""A copy is turned by whole days and by up to so much more or less, so that the hours of the day keep their shape."""


def whole_days(period_s: float) -> int:
    """How many days a recording holds."""
    return math.floor((period_s + SHORT_S) / DAY_S)


@dataclass(frozen=True)
class Circle:
    """Ascending positions in [0, period_s)."""

    positions: Floats
    period_s: float

    @cached_property
    def _sums(self) -> Floats:
        return np.concatenate([[0.0], np.cumsum(self.positions)])

    @cached_property
    def turned(self) -> "Circle":
        """The circle that copies are cut from: its whole days where there are two or more, else all of it."""
        days = whole_days(self.period_s)
        if days < 2:
            return self
        return Circle(self.positions[: np.searchsorted(self.positions, days * DAY_S)], days * DAY_S)

    @property
    def keeps_hours(self) -> bool:
        """Whether a turned copy has its arrivals at the hours at which they were recorded, half an hour apart."""
        return whole_days(self.period_s) >= 2

    def cut(self, begin_s: float, length_s: float) -> Floats:
        """Arrivals of a window that may begin anywhere and go round several times, in seconds from its begin."""
        pieces = []
        for lap in range(math.floor(begin_s / self.period_s), math.floor((begin_s + length_s) / self.period_s) + 1):
            shift = begin_s - lap * self.period_s
            first, last = np.searchsorted(self.positions, [shift, shift + length_s])
            pieces.append(self.positions[first:last] - shift)
        found = np.concatenate(pieces)
        return found[(found >= 0) & (found < length_s)]

    def turn(self, chance: np.random.Generator) -> float:
        """By how many seconds a copy is turned."""
        days = whole_days(self.period_s)
        if days < 2:
            return float(chance.random() * self.period_s)
        return float(chance.integers(days) * DAY_S + (2 * chance.random() - 1) * SWAY_S)

    def expected(self, begin_s: float, length_s: float, tick_s: float = 0.0) -> float:
        """Arrivals of a window, on average over where within its tick each of them falls."""
        if not tick_s:
            return float(self._count(begin_s + length_s) - self._count(begin_s))
        return (self._moved(begin_s + length_s, -tick_s, 0) - self._moved(begin_s, -tick_s, 0)) / tick_s

    def expected_turned(self, begin_s: float, length_s: float) -> float:
        """Arrivals of a window of a turned copy, on average over its turns."""
        days = whole_days(self.period_s)
        if days < 2:
            return len(self.positions) / self.period_s * length_s
        begins = [begin_s + day * DAY_S for day in range(days)]
        sums = [
            self.turned._moved(begin + length_s, -SWAY_S, SWAY_S) - self.turned._moved(begin, -SWAY_S, SWAY_S)
            for begin in begins
        ]
        return sum(sums) / days / (2 * SWAY_S)

    def _count(self, at_s: float) -> int:
        """Arrivals before a moment, going round as often as need be."""
        laps, rest = divmod(at_s, self.period_s)
        return int(laps) * len(self.positions) + int(np.searchsorted(self.positions, rest))

    def _moved(self, at_s: float, low: float, high: float) -> float:
        """Integral of `_count` from at_s + low to at_s + high."""
        return self._area(at_s + high) - self._area(at_s + low)

    def _area(self, at_s: float) -> float:
        """Integral of `_count` from 0: each arrival counts from its moment on."""
        laps, rest = divmod(at_s, self.period_s)
        count, lap = len(self.positions), self._lap_area(self.period_s)
        before = count * self.period_s * laps * (laps - 1) / 2 + laps * lap
        return before + count * laps * rest + self._lap_area(rest)

    def _lap_area(self, rest: float) -> float:
        met = int(np.searchsorted(self.positions, rest))
        return float(met * rest - self._sums[met])
