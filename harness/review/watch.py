"""A trigger beside a newer run: whether it trips, and in what words."""

from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.fitness import unfit
from harness.analysis.table import key_of
from harness.files.whole import one_line
from harness.record.estimate import Estimate, round_digits
from harness.record.figures import figure
from harness.record.stated import Economics
from harness.review.figures import FORECAST, SHARES, number
from harness.review.record import CitedFigure, Trigger
from harness.review.runs import MeasuredRun

REQUESTS = "requests_per_month"
EXPECTED = "expected_rps"
"""The same by the second, as reviews had it before there was a forecast."""
BREAK_EVEN = "break_even_rps"
NOT_STATED = "the experiment does not state it"


@dataclass(frozen=True)
class TriggerState:
    """A trigger beside the newest run; `tripped` is None where the figure cannot be told."""

    tripped: bool | None
    words: str


def hold_against(trigger: Trigger, run: MeasuredRun, figures: list[CitedFigure]) -> TriggerState:
    """What a newer run says to a trigger; of several rows that fit, the one nearest to tripping."""
    candidates = list(estimates(trigger, run, figures))
    known = [e for e in candidates if e.value is not None]
    if not known:
        why = one_line("; ".join(e.why for e in candidates if e.why) or "it has no such row")
        return TriggerState(None, f"{trigger.field} cannot be told from the newest run ({why}): {trigger.words}")
    choose = max if trigger.op == "above" else min
    worst = choose(known, key=lambda e: e.value or 0.0)
    value = worst.value or 0.0
    tripped = value > trigger.limit if trigger.op == "above" else value < trigger.limit
    told, limit = told_of(trigger.field, worst), told_of(trigger.field, Estimate(trigger.limit))
    return TriggerState(tripped, f"{trigger.field} is {told}, limit {limit}: {trigger.words}")


def told_of(field: str, estimate: Estimate) -> str:
    """A trigger's number as people read it; shares in percent."""
    if field == REQUESTS and estimate.value is not None:
        return f"{estimate.value:,.0f}"
    if field in SHARES and estimate.value is not None:
        return f"{figure(100 * estimate.value) if estimate.low is None else number(field, estimate)} %"
    return number(field, estimate) if estimate.low is not None else figure(estimate.value)


def estimates(trigger: Trigger, run: MeasuredRun, figures: list[CitedFigure]) -> Iterator[Estimate]:
    """Every figure that a trigger is about. What a row is not fit for is not told, with the reason."""
    if trigger.field in (REQUESTS, EXPECTED):
        of_run = {REQUESTS: expected_requests, EXPECTED: expected_rps}[trigger.field]
        yield Estimate(of_run(run.decision.economics), why=NOT_STATED)
    elif trigger.field == BREAK_EVEN:
        for b in run.costing.break_evens if run.costing else []:
            same = (b.workload, b.function, b.profile) == (trigger.workload, trigger.target, trigger.profile)
            if same and trigger.service in (None, b.service):
                yield b.rate if b.rate.value is not None else Estimate(None, why=b.words)
    else:
        key = (trigger.field, trigger.workload, trigger.target, trigger.profile)
        for f in figures:
            if (f.field, f.workload, f.target, f.profile) == key:
                reasons = reasons_against(run, f)
                yield Estimate(None, why="; ".join(reasons)) if reasons else f.estimate


def reasons_against(run: MeasuredRun, figure: CitedFigure) -> list[str]:
    """Why a measured latency may decide nothing; empty where it may, and for any other figure."""
    if not figure.field.endswith("_ms") or figure.field.startswith(FORECAST):
        return []
    return [why for row in run.summary.rows if key_of(row) == key_of(figure) for why in unfit(row, "latency")]


def expected_rps(economics: Economics | None) -> float | None:
    """Mean over a month, where the experiment states it."""
    return round_digits(economics.expected.mean_rps) if economics and economics.expected else None


def expected_requests(economics: Economics | None) -> float | None:
    """Of a month, where the experiment states them."""
    return economics.expected.requests_per_month if economics and economics.expected else None
