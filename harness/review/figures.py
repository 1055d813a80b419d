"""The numbers that a review may use: each is one field of one row of its run, under an id, and written as figures."""

import numpy as np

from harness.analysis.stats import share
from harness.analysis.summary import Row
from harness.analysis.trial_rows import numbers
from harness.analysis.usage import MB_PER_GB
from harness.record.estimate import Estimate, round_digits
from harness.record.figures import MISSING, Cell, cell, figure, milliseconds, percent
from harness.record.nouns import FORCED_COLD
from harness.review.record import CitedFigure
from harness.review.runs import MeasuredRun

NS_PER_S = 1_000_000_000
MEASURES = {
    "latency_p50_ms": "p50, ms",
    "latency_p95_ms": "p95, ms",
    "latency_p99_ms": "p99, ms",
    "warm_p50_ms": "warm p50, ms",
    "warm_p95_ms": "warm p95, ms",
    "cold_p50_ms": "cold p50, ms",
    "cold_p90_ms": "cold p90, ms",
    "cold_share": "cold share, %",
    "failure_rate": "not answered well, %",
    "memory_peak_mb": "peak memory of a unit, MB",
    "throughput_rps": "good answers per second",
    "peak_1s_rps": "most arrivals within a second",
    "cpu_busy_share": "CPU time used of that there, %",
    "utilisation": "used of what is paid by the hour, %",
    "cost_per_1k_usd": "cost of 1,000 good answers, USD",
    "cost_per_month_usd": "cost of a month, USD",
}
"""Every field that a figure may be of, in words."""
COSTS = ("cost_per_1k_usd", "cost_per_month_usd", "utilisation")
"""Those that come from the costing."""
SHARES = ("cold_share", "failure_rate", "cpu_busy_share", "utilisation")
COLD = ("cold_p50_ms", "cold_p90_ms")
LATENCY = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms")
TRAFFIC = (*LATENCY, "warm_p50_ms", "warm_p95_ms", *COLD, "cold_share")


def figures_of(run: MeasuredRun) -> list[CitedFigure]:
    """Row by row in the summary's order. A figure that is withheld is there with its reason; others are left out."""
    estimates = [
        (row, field, estimate)
        for row in run.summary.rows
        for field, estimate in {**row_figures(run, row), **row_costs(run, row)}.items()
    ]
    return [cited_figure(f"E{number}", *parts) for number, parts in enumerate(estimates, 1)]


def cited_figure(id: str, row: Row, field: str, estimate: Estimate) -> CitedFigure:
    """Six significant digits, as in the summary."""
    number = estimate.to_json()
    return CitedFigure(
        id=id,
        workload=row.workload,
        target=row.target,
        profile=row.profile,
        case=row.to_json()["case"],
        field=field,
        value=number["value"],
        low=number["low"],
        high=number["high"],
        n=number["n"] or None,
        why=number["why"][:300] if number["why"] else None,
    )


def row_figures(run: MeasuredRun, row: Row) -> dict[str, Estimate]:
    """What was measured, by field; what has no interval has none."""
    forced = row.profile == FORCED_COLD
    estimates: dict[str, Estimate] = {name: getattr(row, name) for name in (COLD if forced else TRAFFIC)}
    if row.scheduled is not None and row.ok is not None:
        estimates["failure_rate"] = share(row.scheduled - row.ok, row.scheduled)
    single = {"memory_peak_mb": row.memory_peak_mb}
    if not forced:
        single |= {
            "throughput_rps": row.throughput_rps,
            "peak_1s_rps": peak_rate(run, row),
            "cpu_busy_share": cpu_busy_share(row),
        }
    return estimates | {name: Estimate(value) for name, value in single.items() if value is not None}


def row_costs(run: MeasuredRun, row: Row) -> dict[str, Estimate]:
    """What the row costs, by field; nothing where it is not priced."""
    key = row.workload, row.target, row.profile
    sides = run.costing.sides if run.costing else []
    side = next((side for side in sides if (side.workload, side.target, side.profile) == key), None)
    if side is None:
        return {}
    money = {"cost_per_1k_usd": side.per_1k_usd, "cost_per_month_usd": side.per_month_usd}
    return money if side.utilisation is None else {**money, "utilisation": Estimate(side.utilisation)}


def cpu_busy_share(row: Row) -> float | None:
    """CPU seconds used over those that the units had while they lived; None where either is not known."""
    memory_mb, cpus = positive(row.case.get("memory_mb")), positive(row.case.get("cpus"))
    if row.cpu_seconds is None or not row.memory_gb_seconds or memory_mb is None or cpus is None:
        return None
    lived_s = row.memory_gb_seconds * MB_PER_GB / memory_mb
    return round_digits(row.cpu_seconds / (lived_s * cpus))


def positive(value: object) -> float | None:
    """A number above 0, from a stranger's file."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


def peak_rate(run: MeasuredRun, row: Row) -> float | None:
    """Most arrivals within any second of any trial that entered the row."""
    peaks = []
    for record in row.entered:
        at = np.sort(numbers(run.folder.requests(record, ["scheduled_ns"])["scheduled_ns"]))
        within = np.searchsorted(at, at + NS_PER_S, side="left") - np.arange(len(at))
        peaks.append(float(within.max(initial=0)))
    return max((peak for peak in peaks if peak), default=None)


def find(
    figures: list[CitedFigure], target: str | None, profile: str, field: str, workload: str | None
) -> CitedFigure | None:
    """The first figure that fits."""
    key = workload, target, profile, field
    return next((f for f in figures if (f.workload, f.target, f.profile, f.field) == key), None)


def number(field: str, estimate: Estimate) -> str:
    """A figure with its interval, if it has one, in the unit that MEASURES names."""
    if estimate.value is None:
        return MISSING
    if field in SHARES:
        return with_interval(percent(estimate))
    if field.endswith("_ms") and estimate.low is None:
        return with_interval(milliseconds(estimate.value))
    return with_interval(cell(estimate))


def with_interval(cell: Cell) -> str:
    """A figure and what stands in small beside it, e.g. 17.2 (16.9-17.6)."""
    return f"{cell.main} ({cell.small})" if cell.small else cell.main


def cite(figure: CitedFigure | None) -> str:
    """A number and where it comes from, e.g. 17.2 (16.9-17.6) [E4]."""
    if figure is None or figure.value is None:
        return MISSING
    return f"{number(figure.field, figure.estimate)} [{figure.id}]"


def rate(rps: float) -> str:
    """Requests per second, in words."""
    return f"{figure(rps)} requests per second"
