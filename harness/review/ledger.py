"""Looking up evidence, and the words and figures that it is shown in."""

from harness.record.estimate import Estimate
from harness.record.figures import MISSING, cell, figure, milliseconds, percent
from harness.review.record import Evidence

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
SHARES = ("cold_share", "failure_rate", "cpu_busy_share", "utilisation")


def number(field: str, estimate: Estimate) -> str:
    """Figure with its interval, if it has one."""
    if estimate.value is None:
        return MISSING
    if field in SHARES:
        shown = percent(estimate)
    elif field.endswith("_ms") and estimate.low is None:
        shown = milliseconds(estimate.value)
    else:
        shown = cell(estimate)
    return f"{shown.main} ({shown.small})" if shown.small else shown.main


def cited(row: Evidence | None) -> str:
    """A number and where it comes from, e.g. 17.2 (16.9-17.6) [E4]."""
    return MISSING if row is None or row.value is None else f"{number(row.field, row.estimate)} [{row.id}]"


def rate(rps: float) -> str:
    """Requests per second."""
    return f"{figure(rps)} requests per second"


def of(rows: list[Evidence], target: str, profile: str, field: str, workload: str | None = None) -> Evidence | None:
    """The first that fits."""
    return next(
        (
            row
            for row in rows
            if (row.target, row.profile, row.field) == (target, profile, field) and workload in (None, row.workload)
        ),
        None,
    )
