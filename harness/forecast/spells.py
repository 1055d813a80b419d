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
LEAST_SPELLS, LEAST_SPELL_S, USUAL_SPELL_S = 4, 5.0, 600.0
"""Where there is no time for whole hours: slices equally far apart, no more of them than are of the usual length."""
USUAL_LEAD_S = 600.0
"""In which a queue before fixed replicas is as long as it would be. Very busy traffic has less: twice its slice."""
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
        """Arrivals from one moment of a day to before another; beyond its ends are the days beside it, in a circle."""
        place = math.floor(since_s / DAY_S)
        pieces = []
        while place * DAY_S < until_s:
            arrivals, shift_s = self.days[(day + place) % len(self.days)], place * DAY_S
            first, last = np.searchsorted(arrivals, [since_s - shift_s, until_s - shift_s])
            pieces.append(arrivals[first:last] + shift_s)
            place += 1
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


def draw_spells(
    month: Days, rps: float, budget: float, stream: np.random.Generator, lead_s: float | None = None
) -> list[Spell]:
    """About `budget` arrivals of the month at a mean rate, so that each part of the week has its share in them.

    Each spell has this lead, or the usual one; what counts is the same with any. Below the month's own rate arrivals
    are thinned; above it other days are laid over, each a little shifted.
    """
    seconds, week = budget / rps, month.week(stream)
    hours = len(week) * HOURS_A_DAY
    if seconds >= hours * HOUR_S:
        weeks = min(max(1, len(month.days) // len(week)), round(seconds / (hours * HOUR_S)))
        days = [day for _ in range(weeks) for day in month.week(stream)]
        lasts_s = DAY_S, HOUR_S if lead_s is None else lead_s
        return [spell_of(month, day, 0.0, lasts_s, rps, stream) for day in days]
    usual_s = HOUR_S if seconds >= HOURS_A_DAY * HOUR_S / 2 else USUAL_SPELL_S
    count = min(hours, max(LEAST_SPELLS, int(seconds / usual_s)))
    each_s = min(HOUR_S, max(LEAST_SPELL_S, seconds / count))
    lasts_s = each_s, min(USUAL_LEAD_S, 2 * each_s - LEAST_SPELL_S) if lead_s is None else lead_s
    begin, step = stream.random(), hours / count
    places = [int((begin + place) * step) for place in range(count)]
    return [spell_of(month, week[at // HOURS_A_DAY], at % HOURS_A_DAY * HOUR_S, lasts_s, rps, stream) for at in places]


def few(wanted: int, rps: float, most: float) -> int:
    """Resamples of which even the shortest, leads included, come to about so many requests; two at least."""
    return max(2, min(wanted, int(most / (2 * LEAST_SPELLS * LEAST_SPELL_S * rps))))


def spell_of(
    month: Days, day: int, since_s: float, lasts_s: tuple[float, float], rps: float, stream: np.random.Generator
) -> Spell:
    """A slice of a day and the lead before it, of these lengths."""
    seconds, lead_s = lasts_s
    (own,) = stream.spawn(1)  # so that a longer lead changes nothing but itself
    layers = layers_of(month, day, rps, own)
    counted, lead = (laid(month, layers, *span, own) for span in ((since_s, seconds), (since_s - lead_s, lead_s)))
    first, last = int(since_s / HOUR_S), math.ceil((since_s + seconds) / HOUR_S)
    return Spell(
        arrivals_s=np.concatenate(
            [
                np.clip(lead - (since_s - lead_s), 0.0, np.nextafter(lead_s, 0.0)),
                np.clip(counted - (since_s - lead_s), lead_s, lead_s + seconds),
            ]
        ),
        from_s=lead_s,
        end_s=lead_s + seconds,
        hours=tuple(month.hour_of(day, hour) for hour in range(first, last)),
    )


@dataclass(frozen=True)
class Layer:
    """A day that is laid over others, shifted, with a share of its arrivals."""

    day: int
    shift_s: float
    share: float


def layers_of(month: Days, day: int, rps: float, stream: np.random.Generator) -> list[Layer]:
    """As many as a mean rate is times the month's own, the last one thinned; of `MANY`, one with that ratio."""
    copies = rps / month.mean_rps
    if math.isclose(copies, 1, rel_tol=1e-9) or copies <= 1 or copies > MANY:
        return [Layer(day, 0.0, 1.0 if math.isclose(copies, 1, rel_tol=1e-9) else copies)]
    layers = [Layer(day, 0.0, 1.0)]
    for place in range(1, math.ceil(copies)):
        shift_s = (2 * stream.random() - 1) * JITTER_S
        layers.append(Layer(int(stream.choice(month.like(day))), shift_s, min(1.0, copies - place)))
    return layers


def laid(month: Days, layers: list[Layer], since_s: float, lasts_s: float, stream: np.random.Generator) -> Floats:
    """The arrivals of all layers in a span of time, ascending."""
    until_s = since_s + lasts_s
    if layers[0].share > MANY:
        return of_many(month, layers[0].day, since_s, until_s, layers[0].share, stream)
    pieces = []
    for layer in layers:
        own = month.between(layer.day, since_s + layer.shift_s, until_s + layer.shift_s) - layer.shift_s
        pieces.append(own if layer.share >= 1 else own[stream.random(len(own)) < layer.share])
    return pieces[0] if len(pieces) == 1 else np.sort(np.concatenate(pieces))


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
