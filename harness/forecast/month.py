"""One side's month as a row: figures over resamples in which rounds and days are drawn anew, the same for all sides."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from harness.forecast.lead import Lead, lead_of
from harness.forecast.outcome import Outcome, outcome_of
from harness.forecast.resample import draw_rounds, figure_of, no_narrower
from harness.forecast.rules import FunctionRule, HybridRule, PlatformRule, pool_of, replicas_of
from harness.forecast.sides import Side
from harness.forecast.simulate import serve_by_function, serve_by_hybrid, serve_by_service
from harness.forecast.spells import DAY_S, Spell, draw_spells
from harness.forecast.traffic import Month
from harness.record.estimate import Estimate
from harness.record.forecast import Figure, Hours, Quantities
from harness.record.stated import SECONDS_PER_MONTH, Objective

RARE = ("cold_share", "cold_starts_per_day", "throttled_share", "failed_share", "late_share", "late")
DAY_OF_HOURS = 24
LEADS = 12_000_000.0
"""Requests before those that count, over the resamples of one side under one rule."""
HELD = 8_000_000
"""Arrivals of resamples that are kept to be used again: 64 MB."""
SHARES = ("cold_share", "throttled_share", "failed_share", "late_share")


@dataclass(frozen=True)
class Draw:
    """What one resample draws, for every side alike but for how long before what counts a side begins."""

    place: int
    rounds: list[int]
    spells: list[Spell]

    @property
    def requests(self) -> int:
        """Those of the leads included."""
        return sum(len(spell.arrivals_s) for spell in self.spells)


@dataclass
class Draws:
    """The resamples of one traffic at one mean rate, drawn one at a time."""

    month: Month
    rps: float
    objective: Objective | None
    rounds: Sequence[int]
    """Of all sides."""
    count: int
    budget: float
    """Requests of each resample that count, about."""
    leads: float = LEADS
    """Requests of leads that may be simulated for one side under one rule."""
    requests: int = 0
    """Simulated so far."""
    held: dict[tuple[int, float | None], Draw] = field(default_factory=dict)
    room: int = HELD

    def resized(self, count: int, budget: float, leads: float = LEADS) -> "Draws":
        """Other resamples of the same traffic at the same rate."""
        return Draws(self.month, self.rps, self.objective, self.rounds, count, budget, leads)

    def draw(self, place: int, lead_s: float | None = None) -> Draw:
        """One resample, its spells with the usual lead or with this one."""
        if (held := self.held.get((place, lead_s))) is not None:
            return held
        stream = np.random.default_rng([self.month.traffic.seed, place])
        rounds = draw_rounds(self.rounds, stream)
        draw = Draw(place, rounds, draw_spells(self.month.days, self.rps, self.budget, stream, lead_s))
        if draw.requests <= self.room:
            self.room -= draw.requests
            self.held[place, lead_s] = draw
        return draw

    @cached_property
    def seconds(self) -> tuple[int, float]:
        """Of a resample, spells and the time that counts."""
        spells = self.draw(0).spells
        return len(spells), sum(spell.seconds for spell in spells)

    def lead(self, side: Side, rule: PlatformRule, most: int | None = None) -> Lead:
        """How long before what counts a side begins, and in how many resamples, or how many of the first few."""
        return lead_of(side, rule, min(self.count, most or self.count), self.rps * self.seconds[0], self.leads)

    def outcomes(self, side: Side, rule: PlatformRule, most: int | None = None) -> list[Outcome]:
        """What the side comes to in each resample, or in the first few."""
        lead = self.lead(side, rule, most)
        return [self._outcome(side, rule, self.draw(place, lead.seconds)) for place in range(lead.resamples)]

    def _outcome(self, side: Side, rule: PlatformRule, draw: Draw) -> Outcome:
        stream = np.random.default_rng([self.month.traffic.seed, draw.place, 1])
        shared = (draw.spells, draw.rounds, stream)
        if isinstance(rule, FunctionRule):
            served = serve_by_function(side.warm, side.cold, rule.limits, *shared)
        elif isinstance(rule, HybridRule):
            served = serve_by_hybrid(side.warm, side.cold, rule.edge.limits, rule.core, side.slots, *shared)
        else:
            served = serve_by_service(side.warm, side.cold, rule, side.slots, *shared)
        self.requests += draw.requests
        return outcome_of(served, self.rps, self.objective)


@dataclass(frozen=True)
class Figures:
    """A side's outcomes as figures; `without` gives for some of them the reason why they have no value."""

    outcomes: Sequence[Outcome]
    side: Side
    rule: PlatformRule
    rps: float
    without: dict[str, str] = field(default_factory=dict)
    own: dict[str, Estimate] = field(default_factory=dict)
    """By figure the same percentile of the warm requests themselves."""

    def __getitem__(self, name: str) -> Figure:
        if name in self.without:
            return Figure(why=self.without[name])
        values = [float(getattr(outcome, name)) for outcome in self.outcomes]
        most = self._most(name)
        found = figure_of(values, self.side.least_rounds, most, name in RARE)
        return outward(found) if name == "units_peak" else no_narrower(found, self.own.get(name))

    def _most(self, name: str) -> float:
        """No end of a count lies above that of all requests."""
        if name in SHARES:
            return 1.0
        seconds = {"cold_starts_per_day": DAY_S, "late": SECONDS_PER_MONTH, "invoked": SECONDS_PER_MONTH}
        return self.rps * seconds[name] if name in seconds else math.inf

    def quantities(self) -> Quantities:
        """What can be billed."""
        own = {"unit_hours": self["unit_hours"]} if replicas_of(self.rule) else {}
        if (pool := pool_of(self.rule)) is not None:
            own |= {"billed_s": self["billed_s"]}
            own |= {"overflow_s": self["overflow_s"]} if pool.provisioned else {}
        return Quantities(
            arrivals=self.rps * SECONDS_PER_MONTH,
            invoked=self["invoked"],
            good=self["good"],
            busy_hours=self["busy_hours"],
            late=self["late"],
            **own,
        )

    def hours(self) -> Hours | None:
        """By hour of the week, or of the day where days are alike or not all hours of a week were drawn."""
        seconds, arrivals, cold, unit_s = np.sum([outcome.hours for outcome in self.outcomes], axis=0)
        if not (seconds > 0).all():
            folded = (values.reshape(-1, DAY_OF_HOURS).sum(axis=0) for values in (seconds, arrivals, cold, unit_s))
            seconds, arrivals, cold, unit_s = folded
        known = seconds > 0
        hourly = 3600.0 / np.where(known, seconds, 1.0)
        return Hours(
            arrivals=told(arrivals * hourly, known),
            cold_starts=told(cold * hourly, known & ("cold_share" not in self.without)),
            units=told(unit_s * hourly / 3600.0, known & ("units_mean" not in self.without)),
        )


def outward(found: Figure) -> Figure:
    """A count: its value and upper end rounded up, its lower end down."""
    up = {name: math.ceil(x) for name in ("value", "high") if (x := getattr(found, name)) is not None}
    down = {} if found.low is None else {"low": math.floor(found.low)}
    return found.model_copy(update=up | down)


def told(values: Iterable[float], known: Iterable[bool]) -> list[float | None]:
    """Each value to six digits; None where no drawn day had the hour."""
    return [float(f"{value:.6g}") if is_known else None for value, is_known in zip(values, known, strict=True)]


def median_of(outcomes: Sequence[Outcome], name: str) -> float:
    """Of one figure over resamples; infinite among failures."""
    values = sorted(float(getattr(outcome, name)) for outcome in outcomes)
    return values[len(values) // 2]
