"""Which side of a pair. The rule, to be read aloud:

For each traffic:
  1. The objective comes first. A side that is beyond it is out; if the other one holds it, that one is chosen.
  2. Of two sides that are not beyond it, the one is chosen that costs less, even at its dear end than the other at its
     cheap end, if it surely holds the objective. Whether the dear one holds it as surely would change nothing.
  3. Where the costs cannot be told apart, the dimensions of the scorecard choose: two more must pull to one side.
  4. What is not known leaves the traffic open.
Over all traffics: where any is open, nothing can be decided yet, and the one measurement is named that would settle
it; one side everywhere is the recommendation; different sides are a split.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.decision.dimensions import Dimension
from harness.decision.latency import NEAR, LatencyFinding, judge_latency
from harness.decision.money import CostFinding, Side, judge_cost
from harness.decision.pair import Pair
from harness.record.nouns import ROUNDS_FOR_VERDICT

Recommendation = Literal["serverless", "container", "hybrid", "split", "cannot decide yet"]
"""A form, or none of them. hybrid: a function before a service, in whichever place of a pair it is."""
LEAST_PULL = 2
"""How many more dimensions must pull to one side than to the other, where cost and objective leave it open."""


@dataclass(frozen=True)
class Choice:
    """What one traffic says. A tie: both sides hold the objective and neither is cheaper. Open: it cannot be said."""

    profile: str
    side: Side | Literal["tie", "open"]
    by: Literal["objective", "money"]
    """What settles it, or leaves it open."""
    function: LatencyFinding
    service: LatencyFinding
    cost: CostFinding

    @property
    def hangs_on_latency(self) -> bool:
        """Whether another objective could make another choice of it."""
        close = {self.function.fit, self.service.fit} & {"beyond", NEAR}
        return self.by == "objective" or (self.side == "open" and bool(close))

    @property
    def reasons(self) -> list[str]:
        """The figures that it rests on."""
        reasons = [*self.function.reasons, *self.service.reasons]
        if self.function.fit == self.service.fit == "beyond":
            return [*reasons, f"{self.profile}: neither side meets the objective in this size"]
        return [*reasons, *(self.cost.reasons if self.by == "money" else [])]


@dataclass(frozen=True)
class Advice:
    """A recommendation, what each traffic says, and what forbids to choose at all."""

    recommendation: Recommendation
    because: list[str]
    choices: list[Choice]
    obstacles: list[str]


def recommend(pair: Pair, dimensions: Sequence[Dimension]) -> Advice:
    """A side, a split or neither; never a side without both measured, 10 rounds and a valid run."""
    obstacles = obstacles_of(pair)
    if obstacles != quick_look_of(pair):
        return Advice("cannot decide yet", obstacles, [], obstacles)
    choices = [choose(pair, profile) for profile in pair.profiles]
    if obstacles:  # of a quick look it is told which way it points
        return Advice("cannot decide yet", obstacles, choices, obstacles)
    reasons = [reason for choice in choices for reason in choice.reasons]
    sides = {choice.side for choice in choices}
    if "tie" not in sides or "open" in sides or {"serverless", "container"} <= sides:
        return Advice(over_all(sides), reasons, choices, [])
    # Ties are left, and at most one side beside them: the dimensions choose, but never against that side.
    pull, words = pull_of(dimensions)
    against = sides - {"tie", pull}
    return Advice("cannot decide yet" if pull is None or against else pull, [*reasons, words], choices, [])


def over_all(sides: set[Side | Literal["tie", "open"]]) -> Recommendation:
    """Nothing where any traffic is open; one side everywhere, or a split."""
    if "open" in sides:
        return "cannot decide yet"
    if {"serverless", "container"} <= sides:
        return "split"
    if sides == {"serverless"}:
        return "serverless"
    return "container" if sides == {"container"} else "cannot decide yet"


def obstacles_of(pair: Pair) -> list[str]:
    """Reasons, in words, that forbid any recommendation; empty where one can be given."""
    obstacles = [f"the run is not valid: {pair.summary.problems[0]}"] if pair.summary.problems else []
    sides = {"function": pair.rows(pair.function), "service": pair.rows(pair.service)}
    missing = [kind for kind, rows in sides.items() if not rows]
    obstacles += [f"no valid {kind} under traffic in this run" for kind in missing]
    return obstacles if missing else [*obstacles, *quick_look_of(pair)]


def quick_look_of(pair: Pair) -> list[str]:
    """That there are too few rounds for a recommendation, in words; empty where there are enough."""
    if pair.rounds >= ROUNDS_FOR_VERDICT:
        return []
    return [f"quick look: {pair.rounds} rounds, a recommendation needs {ROUNDS_FOR_VERDICT}"]


def choose(pair: Pair, profile: str) -> Choice:
    """One traffic: the objective first, then money. A cheap side that may be beyond the objective is no choice."""
    function = judge_latency(pair, pair.function, "function", profile)
    service = judge_latency(pair, pair.service, "service", profile)
    cost = judge_cost(pair, profile)
    if "beyond" in (function.fit, service.fit):
        side: Side | Literal["tie", "open"] = "open"
        if service.fit == "within":
            side = "container"
        elif function.fit == "within":
            side = "serverless"
        return Choice(profile, side, "objective", function, service, cost)
    if cost.cheaper is None:
        both = function.fit == service.fit == "within"
        told = both and cost.ratio is not None and not cost.is_bound
        return Choice(profile, "tie" if told else "open", "money", function, service, cost)
    cheaper = function if cost.cheaper == "serverless" else service
    return Choice(profile, cost.cheaper if cheaper.fit == "within" else "open", "money", function, service, cost)


def pull_of(dimensions: Sequence[Dimension]) -> tuple[Side | None, str]:
    """The side that clearly more dimensions pull to, if there is one, and the count in words."""
    serverless, container = (
        sum(dimension.pull == side for dimension in dimensions) for side in ("serverless", "container")
    )
    words = f"of the dimensions {serverless} pull to serverless and {container} to container"
    if abs(serverless - container) < LEAST_PULL:
        return None, words
    return ("serverless" if serverless > container else "container"), words
