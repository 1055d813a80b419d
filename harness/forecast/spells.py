"""Which parts of the month a resample simulates: whole days drawn with replacement or, of busy traffic, slices of them
spread over a week."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from harness.analysis.stats import Floats

DAY_S, HOUR_S = 86_400.0, 3600.0
DAYS_A_WEEK, HOURS_A_DAY = 7, 24
LEAST_SPELLS, LEAST_SPELL_S, USUAL_SPELL_S = 4, 15.0, 600.0
"""Where there is no time for whole hours: slices equally far apart, no more of them than are of the usual length."""
USUAL_LEAD_S = 600.0
"""Twice the keep-alive that is usual. Very busy traffic has a shorter lead, of up to twice its slice."""
MANY = 20
"""Copies of traffic beyond which each arrival is drawn for itself."""
MOST_RPS = 10_000.0
"""Beyond it not even such slices can be simulated often enough."""
JITTER_S, LEAST_JITTER_S = 900.0, 60.0
"""Copies of traffic that are laid over each other are shifted by up to so much, so that none repeats another."""


@dataclass(frozen=True)
class Days:
    """The arrivals of a month, a day each, in ascending seconds since the day's begin."""

    days: Sequence[Floats]
    mean_rps: float
    first_hour: int = 0
    """Hour of the week at which the first day begins; 0 is Monday's first."""

    def hour_of(self, day: int, hour: int) -> int:
        """The hour of the week that an hour of a day is."""
        return (self.first_hour + HOURS_A_DAY * day + hour) % (HOURS_A_DAY * DAYS_A_WEEK)

    def week(self, stream: np.random.Generator) -> list[int]:
        """A day for each day of a week, any of those that fall on it; of a shorter month as many as it has."""
        count = len(self.days)
        if count < DAYS_A_WEEK:
            return [int(day) for day in stream.integers(count, size=count)]
        return [int(stream.choice(self.like(first))) for first in range(DAYS_A_WEEK)]

    def like(self, day: int) -> NDArray[np.intp]:
        """Days on the same day of the week."""
        return np.arange(day % DAYS_A_WEEK, len(self.days), DAYS_A_WEEK)

    def between(self, day: int, since_s: float, until_s: float) -> Floats:
        """A day's arrivals from one moment to before another; beyond its ends it repeats itself."""
        arrivals, shift = self.days[day], math.floor(since_s / DAY_S) * DAY_S
        pieces = []
        while shift < until_s:
            first, last = np.searchsorted(arrivals, [since_s - shift, until_s - shift])
            pieces.append(arrivals[first:last] + shift)
            shift += DAY_S
        return np.concatenate(pieces) if pieces else np.empty(0)


@dataclass(frozen=True)
class Spell:
    """A time without a break: a lead, in which units fill up as they would have been, and then what counts."""

    arrivals_s: Floats
    """Ascending seconds from 0 to `end_s`."""
    from_s: float
    end_s: float
    hours: tuple[int, ...]
    """Hours of the week from `from_s` on, the last one whole or not."""

    @property
    def seconds(self) -> float:
        """That count."""
        return self.end_s - self.from_s

    @cached_property
    def counted(self) -> slice:
        """The arrivals that count."""
        return slice(int(np.searchsorted(self.arrivals_s, self.from_s)), len(self.arrivals_s))


def draw_spells(month: Days, rps: float, budget: float, stream: np.random.Generator) -> list[Spell]:
    """About `budget` arrivals of the month at a mean rate, so that each part of the week has its share in them.

    Below the month's own rate arrivals are thinned; above it other days are laid over, each a little shifted.
    """
    seconds, week = budget / rps, month.week(stream)
    hours = len(week) * HOURS_A_DAY
    if seconds >= hours * HOUR_S:
        weeks = min(max(1, len(month.days) // len(week)), round(seconds / (hours * HOUR_S)))
        days = [day for _ in range(weeks) for day in month.week(stream)]
        return [spell_of(month, day, 0.0, (DAY_S, HOUR_S), rps, stream) for day in days]
    usual_s = HOUR_S if seconds >= HOURS_A_DAY * HOUR_S / 2 else USUAL_SPELL_S
    count = min(hours, max(LEAST_SPELLS, int(seconds / usual_s)))
    each_s = min(HOUR_S, max(LEAST_SPELL_S, seconds / count))
    lead_s = min(USUAL_LEAD_S, 2 * each_s - LEAST_SPELL_S)
    begin, step = stream.random(), hours / count
    places = [int((begin + place) * step) for place in range(count)]
    return [
        spell_of(month, week[at // HOURS_A_DAY], at % HOURS_A_DAY * HOUR_S, (each_s, lead_s), rps, stream)
        for at in places
    ]


def spell_of(
    month: Days, day: int, since_s: float, lasts_s: tuple[float, float], rps: float, stream: np.random.Generator
) -> Spell:
    """A slice of a day and the lead before it, of these lengths."""
    seconds, lead_s = lasts_s
    arrivals = scaled(month, day, since_s - lead_s, since_s + seconds, rps, stream) - (since_s - lead_s)
    first, last = int(since_s / HOUR_S), math.ceil((since_s + seconds) / HOUR_S)
    return Spell(
        arrivals_s=np.clip(arrivals, 0.0, lead_s + seconds),
        from_s=lead_s,
        end_s=lead_s + seconds,
        hours=tuple(month.hour_of(day, hour) for hour in range(first, last)),
    )


def scaled(month: Days, day: int, since_s: float, until_s: float, rps: float, stream: np.random.Generator) -> Floats:
    """A slice's arrivals at another mean rate: as many copies as it is times the month's own, the last one thinned."""
    copies = rps / month.mean_rps
    if copies > MANY:
        return of_many(month, day, since_s, until_s, copies, stream)
    own = month.between(day, since_s, until_s)
    if math.isclose(copies, 1, rel_tol=1e-9):
        return own
    if copies < 1:
        return own[stream.random(len(own)) < copies]
    pieces = [own]
    for place in range(1, math.ceil(copies)):
        shift_s = (2 * stream.random() - 1) * JITTER_S
        copy = month.between(int(stream.choice(month.like(day))), since_s + shift_s, until_s + shift_s) - shift_s
        pieces.append(copy if copies - place >= 1 else copy[stream.random(len(copy)) < copies - place])
    return np.sort(np.concatenate(pieces))


def of_many(
    month: Days, day: int, since_s: float, until_s: float, copies: float, stream: np.random.Generator
) -> Floats:
    """So many copies that each gives a slice few arrivals: these are drawn one by one, each with its own shift."""
    shift_s = min(JITTER_S, max(LEAST_JITTER_S, until_s - since_s))
    alike = month.like(day)
    around = np.concatenate([month.between(int(other), since_s - shift_s, until_s + shift_s) for other in alike])
    count = stream.poisson(copies * len(around) / len(alike))
    arrivals = stream.choice(around, count) + stream.uniform(-shift_s, shift_s, count) if len(around) else around
    return np.sort(arrivals[(arrivals >= since_s) & (arrivals < until_s)])
