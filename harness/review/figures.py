"""The numbers that a review may use: each is one field of one row of its run, under an id, and written as figures.

Rows are those of the summary, of the forecast (its fields begin with FORECAST), and of sides that only it has.
"""

from typing import Protocol

import numpy as np

from harness.analysis.summary import Row
from harness.analysis.trial_rows import numbers
from harness.analysis.usage import MB_PER_GB
from harness.cost.nouns import SideCost
from harness.record.estimate import Estimate, plain, round_digits
from harness.record.figures import MISSING, Cell, cell, figure, milliseconds, percent
from harness.record.forecast import Figure, ForecastRow
from harness.record.nouns import FORCED_COLD, Case
from harness.review.record import CitedFigure
from harness.review.runs import MeasuredRun

NS_PER_S = 1_000_000_000
FORECAST = "forecast_"
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
    "forecast_cold_share": "forecast cold share, %",
    "forecast_cold_starts_per_day": "forecast cold starts a day",
    "forecast_latency_p50_ms": "forecast p50, ms",
    "forecast_latency_p95_ms": "forecast p95, ms",
    "forecast_latency_p99_ms": "forecast p99, ms",
    "forecast_latency_at_objective_ms": "forecast latency at the objective's percentile, ms",
    "forecast_late_share": "forecast late, %",
    "forecast_units_mean": "forecast units, mean",
    "forecast_units_peak": "forecast units, most",
}
"""Every field that a figure may be of, in words."""
COSTS = ("cost_per_1k_usd", "cost_per_month_usd", "utilisation")
"""Those that come from the costing."""
SHARES = (
    *("cold_share", "failure_rate", "cpu_busy_share", "utilisation"),
    *("forecast_cold_share", "forecast_late_share"),
)
COLD = ("cold_p50_ms", "cold_p90_ms")
LATENCY = ("latency_p50_ms", "latency_p95_ms", "latency_p99_ms")
TRAFFIC = (*LATENCY, "warm_p50_ms", "warm_p95_ms", *COLD, "cold_share")


def figures_of(run: MeasuredRun) -> list[CitedFigure]:
    """The summary's rows with what each costs, the forecast's, and what sides cost that only the forecast has.

    A figure that is withheld is there with its reason; others are left out.
    """
    estimates: list[tuple[Keyed, str, Estimate]] = [
        (row, field, estimate)
        for row in run.summary.rows
        for field, estimate in {**row_figures(run, row), **row_costs(run, row)}.items()
    ]
    for row in run.forecast.rows if run.forecast else []:
        estimates += [(row, field, estimate) for field, estimate in forecast_figures(row).items()]
    measured = {(row.workload, row.target, row.profile) for row in run.summary.rows}
    for side in run.costing.sides if run.costing else []:
        if (side.workload, side.target, side.profile) not in measured:
            estimates += [(side, field, estimate) for field, estimate in side_costs(side).items()]
    return [cited_figure(f"E{number}", *parts) for number, parts in enumerate(estimates, 1)]


class Keyed(Protocol):
    """A row of the summary or of the forecast, or a side of the costing."""

    @property
    def workload(self) -> str:
        """Its name."""

    @property
    def target(self) -> str:
        """Its name."""

    @property
    def profile(self) -> str:
        """Name of the traffic."""

    @property
    def case(self) -> Case:
        """Size and settings."""


def cited_figure(id: str, row: Keyed, field: str, estimate: Estimate) -> CitedFigure:
    """Six significant digits, as in the summary."""
    number = estimate.to_json()
    return CitedFigure(
        id=id,
        workload=row.workload,
        target=row.target,
        profile=row.profile,
        case=plain(row.case),
        field=field,
        value=number["value"],
        low=number["low"],
        high=number["high"],
        n=number["n"] or None,
        why=number["why"][:300] if number["why"] else None,
    )


def forecast_figures(row: ForecastRow) -> dict[str, Estimate]:
    """What was forecast of one side, by field."""
    fields = [field.removeprefix(FORECAST) for field in MEASURES if field.startswith(FORECAST)]
    told: dict[str, Figure | None] = {field: getattr(row, field) for field in fields}
    return {f"{FORECAST}{field}": value.estimate for field, value in told.items() if value is not None}


def row_figures(run: MeasuredRun, row: Row) -> dict[str, Estimate]:
    """What was measured, by field; what has no interval has none."""
    forced = row.profile == FORCED_COLD
    estimates: dict[str, Estimate] = {name: getattr(row, name) for name in (COLD if forced else TRAFFIC)}
    if row.scheduled is not None and row.ok is not None:
        estimates["failure_rate"] = row.failure_share
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
    return side_costs(side) if side else {}


def side_costs(side: SideCost) -> dict[str, Estimate]:
    """What a side costs and how busy it is, by field."""
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
