"""Which side of a pair: by the objective first, by the cost second, by the scorecard's pulls where these leave it open.

Each question is answered by a value that carries its own reasons: latency of a side, cost of both, choice of a profile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.analysis.summary import Row
from harness.cost.nouns import SideCost
from harness.decision.dimensions import Dimension
from harness.decision.pair import Pair
from harness.record.figures import cell, figure
from harness.record.nouns import ROUNDS_FOR_VERDICT
from harness.record.stated import Objective

Recommendation = Literal["serverless", "container", "split", "cannot decide yet"]
Side = Literal["serverless", "container"]
Fit = Literal["within", "beyond", "not clearly on one side of", "not known"]
LEAST_PULL = 2
"""How many more dimensions must pull to one side than to the other, where cost and objective leave it open."""


@dataclass(frozen=True)
class LatencyFinding:
    """Whether a side's whole interval lies within the objective or beyond it, or neither can be said."""

    fit: Fit
    reasons: list[str]


@dataclass(frozen=True)
class CostFinding:
    """The side whose whole interval lies below the other's; None where they overlap or cannot be told."""

    cheaper: Side | None
    reasons: list[str]


@dataclass(frozen=True)
class Choice:
    """What one profile says. A tie: both sides meet the objective and neither is cheaper. Open: it cannot be said."""

    side: Side | Literal["tie", "open"]
    reasons: list[str]


@dataclass(frozen=True)
class Advice:
    """A recommendation, the rows that it rests on in words, and what would change it."""

    recommendation: Recommendation
    because: list[str]
    would_change: list[str]


def recommend(pair: Pair, dimensions: Sequence[Dimension]) -> Advice:
    """A side, both or neither; never a side without both measured, 10 rounds and a valid run."""
    would_change = list_changes(pair, dimensions)
    if obstacles := obstacles_of(pair):
        return Advice("cannot decide yet", obstacles, would_change)
    choices = [choose(pair, profile) for profile in pair.profiles]
    reasons = [reason for choice in choices for reason in choice.reasons]
    sides = {choice.side for choice in choices}
    if "serverless" in sides and "container" in sides:
        return Advice("split", reasons, would_change)
    if "open" in sides:
        return Advice("cannot decide yet", reasons, would_change)
    if sides == {"serverless"}:
        return Advice("serverless", reasons, would_change)
    if sides == {"container"}:
        return Advice("container", reasons, would_change)
    # Ties are left, and at most one side beside them: the dimensions decide, but never against that side.
    pull, words = pull_of(dimensions)
    against = sides - {"tie", pull}
    return Advice("cannot decide yet" if pull is None or against else pull, [*reasons, words], would_change)


def obstacles_of(pair: Pair) -> list[str]:
    """Reasons, in words, that forbid any recommendation; empty where one can be given."""
    obstacles = [f"the run is not valid: {pair.summary.problems[0]}"] if pair.summary.problems else []
    rows = {"function": pair.rows(pair.function), "service": pair.rows(pair.service)}
    missing = [kind for kind, side_rows in rows.items() if not side_rows]
    obstacles += [f"no valid {kind} under traffic in this run" for kind in missing]
    rounds = min((row.rounds for side_rows in rows.values() for row in side_rows), default=0)
    if not missing and rounds < ROUNDS_FOR_VERDICT:
        obstacles.append(f"quick look: {rounds} rounds, a recommendation needs {ROUNDS_FOR_VERDICT}")
    return obstacles


def choose(pair: Pair, profile: str) -> Choice:
    """The objective comes first: a side beyond it is out, and a cheap one that may be beyond it is no choice."""
    function = judge_latency(pair, pair.function, "function", profile)
    service = judge_latency(pair, pair.service, "service", profile)
    reasons = [*function.reasons, *service.reasons]
    if function.fit == "beyond" and service.fit == "beyond":
        return Choice("open", [*reasons, f"{profile}: neither side meets the objective in this size"])
    if function.fit == "beyond":
        return Choice("container" if service.fit == "within" else "open", reasons)
    if service.fit == "beyond":
        return Choice("serverless" if function.fit == "within" else "open", reasons)
    cost = judge_cost(pair, profile)
    reasons += cost.reasons
    if cost.cheaper is None:
        return Choice("tie" if function.fit == service.fit == "within" else "open", reasons)
    cheaper = function if cost.cheaper == "serverless" else service
    return Choice(cost.cheaper if cheaper.fit == "within" else "open", reasons)


def judge_latency(pair: Pair, target: str | None, kind: str, profile: str) -> LatencyFinding:
    """All rows of a target under one profile beside the objective: one row beyond it puts the target beyond."""
    rows = [row for row in pair.rows(target) if row.profile == profile]
    if not rows:
        return LatencyFinding("not known", [f"{profile}: no {kind} was measured"])
    if pair.objective is None:
        return LatencyFinding("within", [])
    findings = [judge_row(row, pair.objective) for row in rows]
    fits = {finding.fit for finding in findings}
    reasons = [reason for finding in findings for reason in finding.reasons]
    if "beyond" in fits:
        return LatencyFinding("beyond", reasons)
    return LatencyFinding("within" if fits == {"within"} else "not known", reasons)


def judge_row(row: Row, objective: Objective) -> LatencyFinding:
    """One row's interval beside the objective's limit."""
    latency, limit = row.latency_at(objective.percentile), objective.latency_ms
    where = f"{row.profile}: {row.target} p{objective.percentile:g}"
    if latency.value is None:
        return LatencyFinding("not known", [f"{where} cannot be told: {latency.why}"])
    fit: Fit = "not clearly on one side of"
    if latency.high is not None and latency.high <= limit:
        fit = "within"
    elif latency.low is not None and latency.low > limit:
        fit = "beyond"
    text = cell(latency)
    interval = f" ({text.small})" if text.small else ""
    sentence = f"{where} {text.main} ms{interval}, n = {latency.n}, is {fit} the objective of {figure(limit)} ms"
    if fit == "beyond" and any(note.code == "host_bound" for note in row.notes):
        return LatencyFinding(
            "not known", [f"{sentence}; but it was host-bound, so that this machine may be what is late"]
        )
    return LatencyFinding(fit, [sentence])


def judge_cost(pair: Pair, profile: str) -> CostFinding:
    """Which side is cheaper under a profile, by what the provider bills for 1,000 good answers."""
    functions, services = (
        [side for side in pair.costs(name) if side.profile == profile and side.per_1k_usd.value is not None]
        for name in (pair.function, pair.service)
    )
    if not functions or not services:
        return CostFinding(None, [f"{profile}: the cost of both sides cannot be told"])
    costs = ", ".join(cost_words(side) for side in (*functions, *services))
    (function_low, function_high), (service_low, service_high) = hull(functions), hull(services)
    cheaper: Side | None = None
    if function_high < service_low:
        cheaper = "serverless"
    elif service_high < function_low:
        cheaper = "container"
    return CostFinding(cheaper, [f"{profile}: {costs}"])


def cost_words(side: SideCost) -> str:
    """E.g. docker-lambda 0.012 (0.011-0.013) USD per 1,000 good answers, n = 10."""
    text = cell(side.per_1k_usd)
    interval = f" ({text.small})" if text.small else ""
    return f"{side.target} {text.main} USD per 1,000 good answers{interval}, n = {side.per_1k_usd.n}"


def hull(sides: Sequence[SideCost]) -> tuple[float, float]:
    """Lowest and highest end of the sides' cost intervals; of a side that has none, its value."""
    costs = [side.per_1k_usd for side in sides]
    lows = [cost.value if cost.low is None else cost.low for cost in costs]
    highs = [cost.value if cost.high is None else cost.high for cost in costs]
    return min(low for low in lows if low is not None), max(high for high in highs if high is not None)


def pull_of(dimensions: Sequence[Dimension]) -> tuple[Side | None, str]:
    """The side that clearly more dimensions pull to, if there is one, and the count in words."""
    serverless, container = (
        sum(dimension.pull == side for dimension in dimensions) for side in ("serverless", "container")
    )
    words = f"of the dimensions {serverless} pull to serverless and {container} to container"
    if abs(serverless - container) < LEAST_PULL:
        return None, words
    return ("serverless" if serverless > container else "container"), words


def list_changes(pair: Pair, dimensions: Sequence[Dimension]) -> list[str]:
    """What would change the recommendation, or make one possible."""
    changes = [f"traffic across the break-even ({b.profile}): {b.words}" for b in pair.break_evens]
    if pair.objective is not None:
        changes.append("another objective, or a cold start that meets it")
    return changes + [f"{dimension.name}: {dimension.reason}" for dimension in dimensions if dimension.score is None]
