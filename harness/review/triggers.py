"""What would force reconsideration: chosen when a review is written, held against the newest run afterwards."""

from dataclasses import dataclass

from harness.cost.nouns import BreakEven
from harness.files.whole import one_line
from harness.record.estimate import Estimate, rounded
from harness.record.figures import figure
from harness.record.nouns import FORCED_COLD
from harness.record.stated import Economics
from harness.review.direction import SIDES
from harness.review.findings import Findings
from harness.review.ledger import MEASURES, SHARES, number, rate
from harness.review.record import Evidence, Op, Primary, Trigger

EXPECTED = "expected_rps"
BREAK_EVEN = "break_even_rps"
PERCENTILES = {50: "latency_p50_ms", 95: "latency_p95_ms", 99: "latency_p99_ms"}


@dataclass(frozen=True)
class Reading:
    """A trigger beside the newest run; `tripped` is None where the figure cannot be told."""

    tripped: bool | None
    words: str


def triggers_of(found: Findings, evidence: list[Evidence], primary: Primary) -> list[Trigger]:
    """The break-even, from both ends; without one the latency of the side chosen. Empty where nothing was measured."""
    expected = expected_rps(found.decision.economics)
    crossings = [b for b in found.costing.break_evens if b.rate.value] if found.costing else []
    if expected is not None and crossings:
        return crossing(min(crossings, key=lambda b: distance(b, expected)), expected)
    return slower_than(found, evidence, primary)


def expected_rps(economics: Economics | None) -> float | None:
    """Mean over a month, where the experiment states it."""
    return rounded(economics.expected.mean_rps) if economics and economics.expected else None


def distance(found: BreakEven, expected: float) -> float:
    """How far the traffic is from changing which side is cheaper: the nearest one trips first."""
    value = found.rate.value or expected
    return max(value / expected, expected / value)


def crossing(found: BreakEven, expected: float) -> list[Trigger]:
    """The side that is cheaper changes when traffic and break-even change places, whichever of them moves."""
    limit = rounded(found.rate.value or 0.0) or 0.0
    below = expected < limit
    cheaper, other = (found.function, found.service) if below else (found.service, found.function)
    where = f"{found.workload} under {found.profile}"
    flips = f"{other} then costs less than {cheaper} ({where})"
    traffic = f"the expected traffic {'rises above' if below else 'falls below'} {rate(limit)}: {flips}"
    moved = f"the break-even {'falls below' if below else 'rises above'} {rate(expected)}: {flips}"
    ops: list[Op] = ["above", "below"] if below else ["below", "above"]
    return [
        trigger(EXPECTED, (None, None, None), ops[0], limit, traffic),
        trigger(BREAK_EVEN, (found.workload, found.function, found.profile), ops[1], expected, moved),
    ]


def trigger(field: str, about: tuple[str | None, str | None, str | None], op: Op, limit: float, words: str) -> Trigger:
    """`about`: workload, target and profile."""
    workload, target, profile = about
    return Trigger(
        field=field, workload=workload, target=target, profile=profile, op=op, limit=limit, words=words[:2000]
    )


def slower_than(found: Findings, evidence: list[Evidence], primary: Primary) -> list[Trigger]:
    """Of the side chosen (of both without one) the slowest row that meets the objective; without one, the slowest."""
    stated = found.decision.objective
    percentile, objective = (stated.percentile, stated.latency_ms) if stated else (95.0, None)
    fields = [PERCENTILES.get(round(percentile), "latency_p95_ms"), "latency_p50_ms"]
    wanted = SIDES.get(primary)
    for field in fields:
        rows = [e for e in evidence if e.field == field and e.value is not None and e.profile != FORCED_COLD]
        rows = [e for e in rows if wanted is None or found.kind(e.target) == wanted] or rows
        given = objective if field == fields[0] else None
        within = [e for e in rows if given is not None and (e.value or 0.0) <= given]
        if rows:
            slowest = max(within or rows, key=lambda e: e.value or 0.0)
            return [latency(slowest, given if within else None, found.margin)]
    return []


def latency(row: Evidence, objective: float | None, margin: float) -> Trigger:
    """Above the objective, or above what it is now and the margin."""
    limit = objective if objective is not None else rounded((row.high or row.value or 0.0) * (1 + margin)) or 0.0
    basis = "the objective" if objective is not None else f"what {row.id} is now and the margin of {margin:g} on top"
    what = MEASURES[row.field].removesuffix(", ms")
    words = f"{what} of {row.workload} on {row.target} under {row.profile} rises above {figure(limit)} ms: {basis}"
    return trigger(row.field, (row.workload, row.target, row.profile), "above", limit, words)


def reading(held: Trigger, found: Findings, evidence: list[Evidence]) -> Reading:
    """What the newest run says; of several rows that fit, the one nearest to tripping."""
    there = estimates(held, found, evidence)
    known = [e for e in there if e.value is not None]
    if not known:
        why = one_line("; ".join(e.why for e in there if e.why) or "it has no such row")
        return Reading(None, f"{held.field} cannot be told from the newest run ({why}): {held.words}")
    choose = max if held.op == "above" else min
    worst = choose(known, key=lambda e: e.value or 0.0)
    value = worst.value or 0.0
    tripped = value > held.limit if held.op == "above" else value < held.limit
    limit = figure(100 * held.limit if held.field in SHARES else held.limit)
    return Reading(tripped, f"{held.field} is {number(held.field, worst)}, limit {limit}: {held.words}")


def estimates(held: Trigger, found: Findings, evidence: list[Evidence]) -> list[Estimate]:
    """Every figure that the trigger is about."""
    if held.field == EXPECTED:
        return [Estimate(expected_rps(found.decision.economics), why="the experiment does not state it")]
    if held.field == BREAK_EVEN:
        return [
            b.rate if b.rate.value is not None else Estimate(None, why=b.words)
            for b in (found.costing.break_evens if found.costing else [])
            if (b.workload, b.function, b.profile) == (held.workload, held.target, held.profile)
        ]
    wanted = (held.field, held.workload, held.target, held.profile)
    return [e.estimate for e in evidence if (e.field, e.workload, e.target, e.profile) == wanted]
