"""Which side, from the objective first, the cost second, and the scorecard's pulls where those leave it open."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.analysis.summary import Summary
from harness.cost.nouns import SideCost
from harness.decision.dimensions import Dimension, Evidence
from harness.record.figures import cell, figure
from harness.record.nouns import ROUNDS_FOR_VERDICT

Recommendation = Literal["serverless", "container", "hybrid", "cannot decide yet"]
Kind = Literal["service", "function"]
SIDES: dict[Kind, Recommendation] = {"function": "serverless", "service": "container"}
Choice = Literal["service", "function", "tie", "open"]
TIE: Choice = "tie"
OPEN: Choice = "open"
UNDECIDED: Recommendation = "cannot decide yet"
LEAST_PULL = 2
"""How many more dimensions must pull to one side than to the other, where cost and objective leave it open."""


@dataclass
class Told:
    """A recommendation with its reasons."""

    recommendation: Recommendation = UNDECIDED
    because: list[str] = field(default_factory=list)
    would_change: list[str] = field(default_factory=list)


def recommended(evidence: Evidence, dimensions: Sequence[Dimension], summary: Summary) -> Told:
    """For one workload; never without two sides, 10 rounds and a valid run."""
    told = Told(would_change=changes(evidence, dimensions))
    obstacles = list(obstacles_of(evidence, summary))
    if obstacles:
        told.because = obstacles
        return told
    choices = [choice_of(evidence, profile, told.because) for profile in sorted({r.profile for r in evidence.traffic})]
    decided = {choice for choice in choices if choice in SIDES}
    if len(decided) == 2:
        told.recommendation = "hybrid"
    elif len(decided) == 1 and len(set(choices)) == 1:
        told.recommendation = SIDES[decided.pop()]
    elif OPEN not in choices:
        told.recommendation = pulled(dimensions, decided, told.because)
    return told


def obstacles_of(evidence: Evidence, summary: Summary) -> list[str]:
    """What forbids any recommendation."""
    found = [f"the run is not valid: {summary.problems[0]}"] if summary.problems else []
    missing = [kind for kind in SIDES if not evidence.rows(kind)]
    found += [f"no valid {kind} under traffic in this run" for kind in missing]
    rounds = min((row.rounds for row in evidence.traffic), default=0)
    if not missing and rounds < ROUNDS_FOR_VERDICT:
        found.append(f"quick look: {rounds} rounds, a recommendation needs {ROUNDS_FOR_VERDICT}")
    return found


def choice_of(evidence: Evidence, profile: str, because: list[str]) -> Choice:
    """The side for one profile; a tie where both meet the objective and neither is cheaper.

    The rows that it rests on are added to `because`.
    """
    met = {kind: meets(evidence, kind, profile, because) for kind in SIDES}
    able = [kind for kind, good in met.items() if good is not False]
    if not able:
        because.append(f"{profile}: neither side meets the objective in this size")
        return OPEN
    side = able[0] if len(able) == 1 else cheaper(evidence, profile, because)
    if side is None:
        return TIE if all(met.values()) else OPEN
    return side if met[side] else OPEN  # cheap but perhaps too slow is no choice


def meets(evidence: Evidence, kind: Kind, profile: str, because: list[str]) -> bool | None:
    """Whether the whole interval lies within the objective (True), beyond it (False), or neither (None)."""
    objective = evidence.objective
    rows = [row for row in evidence.rows(kind) if row.profile == profile]
    if not rows:
        because.append(f"{profile}: no {kind} was measured")
        return None
    if objective is None:
        return True
    p = objective.percentile
    latency = rows[0].latency_at(p)
    where = f"{profile}: {rows[0].target} p{p:g}"
    if latency.value is None:
        because.append(f"{where} cannot be told: {latency.why}")
        return None
    limit = objective.latency_ms
    shown = cell(latency)
    interval = f" ({shown.small})" if shown.small else ""
    low, high = latency.low, latency.high
    good = True if high is not None and high <= limit else False if low is not None and low > limit else None
    state = {True: "within", False: "beyond", None: "not clearly on one side of"}[good]
    told = f"{where} {shown.main} ms{interval}, n = {latency.n}, is {state} the objective of {figure(limit)} ms"
    if good is False and any(note.code == "host_bound" for note in rows[0].notes):
        because.append(f"{told}; but it was host-bound, so that this machine may be what is late")
        return None
    because.append(told)
    return good


def cheaper(evidence: Evidence, profile: str, because: list[str]) -> Kind | None:
    """The side whose whole interval of cost lies below the other's."""
    costing = evidence.costing
    sides = [
        side
        for side in (costing.sides if costing else [])
        if (side.workload, side.profile) == (evidence.workload, profile) and side.per_1k_usd.value is not None
    ]
    by_kind = {side.kind: side for side in sides}
    if len(by_kind) < 2:
        because.append(f"{profile}: the cost of both sides cannot be told")
        return None
    function, service = by_kind["function"], by_kind["service"]
    because.append(f"{profile}: {priced(function)}, {priced(service)}")
    if ends(function)[1] < ends(service)[0]:
        return "function"
    return "service" if ends(service)[1] < ends(function)[0] else None


def priced(side: SideCost) -> str:
    """Its cost in words."""
    shown = cell(side.per_1k_usd)
    interval = f" ({shown.small})" if shown.small else ""
    return f"{side.target} {shown.main} USD per 1,000 good answers{interval}, n = {side.per_1k_usd.n}"


def ends(side: SideCost) -> tuple[float, float]:
    """Of the interval; where there is none, of the value alone."""
    number = side.per_1k_usd
    value = number.value or 0.0
    return (value if number.low is None else number.low, value if number.high is None else number.high)


def pulled(dimensions: Sequence[Dimension], decided: set[Kind], because: list[str]) -> Recommendation:
    """Where objective and cost leave it open for a profile, the dimensions decide if they pull clearly one way."""
    serverless, container = (sum(one.pull == side for one in dimensions) for side in ("serverless", "container"))
    because.append(f"of the dimensions {serverless} pull to serverless and {container} to container")
    if abs(serverless - container) < LEAST_PULL:
        return UNDECIDED
    side: Kind = "function" if serverless > container else "service"
    return UNDECIDED if decided - {side} else SIDES[side]


def changes(evidence: Evidence, dimensions: Sequence[Dimension]) -> list[str]:
    """What would change the recommendation, or make one possible."""
    costing = evidence.costing
    found = [
        f"traffic across the break-even ({one.profile}): {one.words}"
        for one in (costing.break_evens if costing else [])
        if one.workload == evidence.workload
    ]
    if evidence.objective is not None:
        found.append("another objective, or a cold start that meets it")
    found += [f"{one.name}: {one.reason}" for one in dimensions if one.score is None]
    return found
