"""What would force reconsideration: chosen when a review is written, held against the newest run afterwards."""

from dataclasses import dataclass

from harness.cost.nouns import BreakEven
from harness.files.whole import one_line
from harness.record.estimate import Estimate, round_digits
from harness.record.figures import figure
from harness.record.nouns import FORCED_COLD
from harness.record.stated import Economics
from harness.review.figures import MEASURES, SHARES, number, rate
from harness.review.record import CitedFigure, Op, Primary, Trigger
from harness.review.runs import MeasuredRun

EXPECTED = "expected_rps"
BREAK_EVEN = "break_even_rps"
KIND_OF = {"serverless": "function", "container": "service"}
PERCENTILES = {50: "latency_p50_ms", 95: "latency_p95_ms", 99: "latency_p99_ms"}


@dataclass(frozen=True)
class TriggerState:
    """A trigger beside the newest run; `tripped` is None where the figure cannot be told."""

    tripped: bool | None
    words: str


def choose_triggers(run: MeasuredRun, figures: list[CitedFigure], primary: Primary) -> list[Trigger]:
    """The break-even, from both ends; without one the latency of the side chosen. Empty where nothing was measured."""
    expected = expected_rps(run.decision.economics)
    crossings = [b for b in run.costing.break_evens if b.rate.value] if run.costing else []
    if expected is not None and crossings:
        nearest = min(crossings, key=lambda b: distance(b, expected))
        several = len({service for service, _ in run.pairs if service is not None}) > 1
        return watch_crossing(nearest, expected, nearest.service if several else None)
    return watch_latency(run, figures, primary)


def expected_rps(economics: Economics | None) -> float | None:
    """Mean over a month, where the experiment states it."""
    return round_digits(economics.expected.mean_rps) if economics and economics.expected else None


def distance(crossing: BreakEven, expected: float) -> float:
    """How far the traffic is from changing which side is cheaper: the nearest crossing trips first."""
    value = crossing.rate.value or expected
    return max(value / expected, expected / value)


def watch_crossing(crossing: BreakEven, expected: float, service: str | None) -> list[Trigger]:
    """The side that is cheaper changes when traffic and break-even change places, whichever of them moves."""
    limit = round_digits(crossing.rate.value or 0.0) or 0.0
    below = expected < limit
    cheaper, dearer = (crossing.function, crossing.service) if below else (crossing.service, crossing.function)
    where = f"{crossing.workload} under {crossing.profile}"
    flips = f"{dearer} then costs less than {cheaper} ({where})"
    traffic = f"the expected traffic {'rises above' if below else 'falls below'} {rate(limit)}: {flips}"
    moved = f"the break-even {'falls below' if below else 'rises above'} {rate(expected)}: {flips}"
    ops: list[Op] = ["above", "below"] if below else ["below", "above"]
    return [
        make_trigger(EXPECTED, (None, None, None), ops[0], limit, traffic),
        make_trigger(
            BREAK_EVEN, (crossing.workload, crossing.function, crossing.profile), ops[1], expected, moved, service
        ),
    ]


def make_trigger(
    field: str,
    about: tuple[str | None, str | None, str | None],
    op: Op,
    limit: float,
    words: str,
    service: str | None = None,
) -> Trigger:
    """A trigger on a field of `about`: its workload, target and profile."""
    workload, target, profile = about
    return Trigger(
        field=field,
        workload=workload,
        target=target,
        profile=profile,
        service=service,
        op=op,
        limit=limit,
        words=words[:2000],
    )


def watch_latency(run: MeasuredRun, figures: list[CitedFigure], primary: Primary) -> list[Trigger]:
    """The slowest row of the side chosen (of both without one) that meets the objective; if none does, the slowest."""
    stated = run.decision.objective
    percentile, objective = (stated.percentile, stated.latency_ms) if stated else (95.0, None)
    fields = [PERCENTILES.get(round(percentile), "latency_p95_ms"), "latency_p50_ms"]
    wanted = KIND_OF.get(primary)
    for field in fields:
        rows = [f for f in figures if f.field == field and f.value is not None and f.profile != FORCED_COLD]
        rows = [f for f in rows if wanted is None or run.kind(f.target) == wanted] or rows
        limit = objective if field == fields[0] else None
        within = [f for f in rows if limit is not None and (f.value or 0.0) <= limit]
        if rows:
            slowest = max(within or rows, key=lambda f: f.value or 0.0)
            return [watch_row(slowest, limit if within else None, run.margin)]
    return []


def watch_row(row: CitedFigure, objective: float | None, margin: float) -> Trigger:
    """A row's latency rises above the objective, or above what it is now and the margin."""
    limit = objective if objective is not None else round_digits((row.high or row.value or 0.0) * (1 + margin)) or 0.0
    basis = "the objective" if objective is not None else f"what {row.id} is now and the margin of {margin:g} on top"
    what = MEASURES[row.field].removesuffix(", ms")
    words = f"{what} of {row.workload} on {row.target} under {row.profile} rises above {figure(limit)} ms: {basis}"
    return make_trigger(row.field, (row.workload, row.target, row.profile), "above", limit, words)


def hold_against(trigger: Trigger, run: MeasuredRun, figures: list[CitedFigure]) -> TriggerState:
    """What a newer run says to a trigger; of several rows that fit, the one nearest to tripping."""
    candidates = estimates(trigger, run, figures)
    known = [e for e in candidates if e.value is not None]
    if not known:
        why = one_line("; ".join(e.why for e in candidates if e.why) or "it has no such row")
        return TriggerState(None, f"{trigger.field} cannot be told from the newest run ({why}): {trigger.words}")
    choose = max if trigger.op == "above" else min
    worst = choose(known, key=lambda e: e.value or 0.0)
    value = worst.value or 0.0
    tripped = value > trigger.limit if trigger.op == "above" else value < trigger.limit
    limit = figure(100 * trigger.limit if trigger.field in SHARES else trigger.limit)
    return TriggerState(tripped, f"{trigger.field} is {number(trigger.field, worst)}, limit {limit}: {trigger.words}")


def estimates(trigger: Trigger, run: MeasuredRun, figures: list[CitedFigure]) -> list[Estimate]:
    """Every figure that a trigger is about."""
    if trigger.field == EXPECTED:
        return [Estimate(expected_rps(run.decision.economics), why="the experiment does not state it")]
    if trigger.field == BREAK_EVEN:
        return [
            b.rate if b.rate.value is not None else Estimate(None, why=b.words)
            for b in (run.costing.break_evens if run.costing else [])
            if (b.workload, b.function, b.profile) == (trigger.workload, trigger.target, trigger.profile)
            and trigger.service in (None, b.service)
        ]
    key = (trigger.field, trigger.workload, trigger.target, trigger.profile)
    return [f.estimate for f in figures if (f.field, f.workload, f.target, f.profile) == key]
