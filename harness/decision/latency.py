"""A side's latency beside the objective: by the forecast where there is one, otherwise by rows that are fit for it."""

from dataclasses import dataclass, replace
from typing import Literal

from harness.analysis.fitness import unfit
from harness.decision.pair import Pair
from harness.record.estimate import Estimate
from harness.record.figures import cell, figure
from harness.record.forecast import ForecastRow
from harness.record.stated import Objective

Fit = Literal["within", "beyond", "not clearly on one side of", "not known"]
NEAR: Fit = "not clearly on one side of"


@dataclass(frozen=True)
class LatencyFinding:
    """Whether a side's whole interval lies within the objective or beyond it, or neither can be said."""

    fit: Fit
    reasons: list[str]
    latency: Estimate | None = None
    """That which decides, in ms; None without an objective, or where there is nothing to judge."""
    unfit: bool = False
    """Whether there is a measurement that may not be used."""
    forecast: bool = False
    """Whether it is of a forecast, not of the run's own mix."""


def judge_latency(pair: Pair, target: str | None, kind: str, profile: str) -> LatencyFinding:
    """The forecast of a target under one traffic, or all its rows: one row beyond the objective puts it beyond."""
    forecast = pair.forecast_row(target, profile)
    rows = [row for row in pair.rows(target) if row.profile == profile]
    if forecast is None and not rows:
        return LatencyFinding("not known", [f"{profile}: no {kind} was measured"])
    if pair.objective is None:
        return LatencyFinding("within", [])
    if forecast is not None:
        return judge_forecast(forecast, pair.objective)
    if reasons := {reason: None for row in rows for reason in unfit(row, "latency")}:
        words = f"{profile}: {target} decides nothing: {'; '.join(reasons)}"
        return LatencyFinding("not known", [words], unfit=True)
    percentile = pair.objective.percentile
    findings = [
        judge(f"{profile}: {target}, the run's own mix", row.latency_at(percentile), pair.objective) for row in rows
    ]
    worst = next((finding for fit in FROM_WORST for finding in findings if finding.fit == fit), findings[0])
    return LatencyFinding(worst.fit, [text for finding in findings for text in finding.reasons], worst.latency)


FROM_WORST: tuple[Fit, ...] = ("beyond", "not known", NEAR, "within")


def judge_forecast(row: ForecastRow, objective: Objective) -> LatencyFinding:
    """By the percentile; where that falls among requests that are never answered, by the share that is late."""
    where = f"{row.profile}: {row.target}, forecast"
    latency = row.latency_at(objective.percentile).estimate
    late, allowed = row.late_share, 1 - objective.percentile / 100
    if latency.value is None and late is not None and late.low is not None and late.low > allowed:
        words = f"{where}: {figure(100 * late.low)} % or more are later than the objective of "
        reasons = [f"{words}{figure(objective.latency_ms)} ms, or never answered"]
        return LatencyFinding("beyond", reasons, forecast=True)
    return replace(judge(where, latency, objective), forecast=True)


def judge(where: str, latency: Estimate, objective: Objective) -> LatencyFinding:
    """One interval beside the objective's limit."""
    limit, where = objective.latency_ms, f"{where} p{objective.percentile:g}"
    if latency.value is None:
        return LatencyFinding("not known", [f"{where} cannot be told: {latency.why}"], latency)
    fit = NEAR
    if latency.high is not None and latency.high <= limit:
        fit = "within"
    elif latency.low is not None and latency.low > limit:
        fit = "beyond"
    sentence = f"{where} {milliseconds_of(latency)}, n = {latency.n}, is {fit} the objective of {figure(limit)} ms"
    return LatencyFinding(fit, [sentence], latency)


def milliseconds_of(latency: Estimate) -> str:
    """E.g. 212 ms (190-230)."""
    text = cell(latency)
    return f"{text.main} ms ({text.small})" if text.small else f"{text.main} ms"
