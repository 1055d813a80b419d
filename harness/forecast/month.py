"""One side's month as a row: figures over resamples in which rounds and days are drawn anew, the same for all sides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.forecast.outcome import Outcome, outcome_of
from harness.forecast.resample import draw_rounds, figure_of
from harness.forecast.rules import FunctionRule
from harness.forecast.sides import Side
from harness.forecast.simulate import serve_by_function, serve_by_service
from harness.forecast.spells import Spell, draw_spells
from harness.forecast.traffic import Month
from harness.record.forecast import Figure, Hours, Quantities
from harness.record.stated import SECONDS_PER_MONTH, Objective
from targets.rules.contract import Rule

PlatformRule = FunctionRule | Rule
DAY_OF_HOURS = 24
SHARES = ("cold_share", "throttled_share", "failed_share", "late_share")


@dataclass(frozen=True)
class Draw:
    """What one resample draws, for every side alike."""

    place: int
    rounds: list[int]
    spells: list[Spell]


@dataclass
class Draws:
    """The resamples of one traffic at one mean rate."""

    month: Month
    rps: float
    objective: Objective | None
    rounds: Sequence[int]
    """Of all sides."""
    draws: list[Draw]
    requests: int = 0
    """Simulated so far."""

    @classmethod
    def of(
        cls, month: Month, rps: float, objective: Objective | None, rounds: Sequence[int], sizes: tuple[int, float]
    ) -> "Draws":
        """So many resamples of about so many requests each."""
        count, budget = sizes
        draws = []
        for place in range(count):
            stream = np.random.default_rng([month.traffic.seed, place])
            draws.append(Draw(place, draw_rounds(rounds, stream), draw_spells(month.days, rps, budget, stream)))
        return cls(month, rps, objective, rounds, draws)

    def resized(self, count: int, budget: float) -> "Draws":
        """Other resamples of the same traffic at the same rate."""
        return Draws.of(self.month, self.rps, self.objective, self.rounds, (count, budget))

    def outcomes(self, side: Side, rule: PlatformRule, most: int | None = None) -> list[Outcome]:
        """What the side comes to in each resample, or in the first few."""
        return [self._outcome(side, rule, draw) for draw in self.draws[:most]]

    def _outcome(self, side: Side, rule: PlatformRule, draw: Draw) -> Outcome:
        stream = np.random.default_rng([self.month.traffic.seed, draw.place, 1])
        shared = (draw.spells, draw.rounds, stream)
        if isinstance(rule, FunctionRule):
            served = serve_by_function(side.warm, side.cold, rule.limits, *shared)
        else:
            served = serve_by_service(side.warm, side.cold, rule, side.slots, *shared)
        self.requests += sum(len(spell.arrivals_s) for spell in draw.spells)
        return outcome_of(served, self.rps, self.objective)


@dataclass(frozen=True)
class Figures:
    """A side's outcomes as figures; `without` gives for some of them the reason why they have no value."""

    outcomes: Sequence[Outcome]
    side: Side
    rule: PlatformRule
    rps: float
    without: dict[str, str] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Figure:
        if name in self.without:
            return Figure(why=self.without[name])
        values = [float(getattr(outcome, name)) for outcome in self.outcomes]
        most = 1.0 if name in SHARES else float("inf")
        return figure_of(values, self.side.least_rounds, most)

    def quantities(self) -> Quantities:
        """What can be billed."""
        own = {"unit_hours": self["unit_hours"]}
        if isinstance(self.rule, FunctionRule):
            own = {"billed_s": self["billed_s"]}
            own |= {"overflow_s": self["overflow_s"]} if self.rule.provisioned else {}
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
            cold_starts=told(cold * hourly, known),
            units=told(unit_s * hourly / 3600.0, known),
        )


def told(values: Iterable[float], known: Iterable[bool]) -> list[float | None]:
    """Each value to six digits; None where no drawn day had the hour."""
    return [float(f"{value:.6g}") if is_known else None for value, is_known in zip(values, known, strict=True)]


def median_of(outcomes: Sequence[Outcome], name: str) -> float:
    """Of one figure over resamples; infinite among failures."""
    values = sorted(float(getattr(outcome, name)) for outcome in outcomes)
    return values[len(values) // 2]
