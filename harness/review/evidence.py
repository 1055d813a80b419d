"""The numbers that a review may use: each is one field of one row, under an id."""

import numpy as np

from harness.analysis.stats import share
from harness.analysis.summary import Row
from harness.analysis.trial_rows import numbers
from harness.analysis.usage import MB_PER_GB
from harness.cost.nouns import SideCost
from harness.record.estimate import Estimate, rounded
from harness.record.nouns import FORCED_COLD
from harness.review.findings import Findings
from harness.review.record import Evidence

NS_PER_S = 1_000_000_000
COLD = ("cold_p50_ms", "cold_p90_ms")
TRAFFIC = (
    *("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "warm_p50_ms", "warm_p95_ms"),
    *COLD,
    "cold_share",
)


def evidence_of(found: Findings) -> list[Evidence]:
    """Row by row in the summary's order. A figure that is withheld is there with its reason; others are left out."""
    rows = []
    for row in found.summary.rows:
        named = {**figures_of(row, peak_rate(found, row)), **money_of(row, found)}
        rows += [(row, name, estimate) for name, estimate in named.items()]
    return [numbered(f"E{number}", *parts) for number, parts in enumerate(rows, 1)]


def numbered(id: str, row: Row, field: str, estimate: Estimate) -> Evidence:
    """Six significant digits, as in the summary."""
    number = estimate.to_json()
    why = number["why"]
    return Evidence(
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
        why=why[:300] if why else None,
    )


def figures_of(row: Row, peak: float | None) -> dict[str, Estimate]:
    """By field. What has no interval has none."""
    forced = row.profile == FORCED_COLD
    found: dict[str, Estimate] = {name: getattr(row, name) for name in (COLD if forced else TRAFFIC)}
    if row.scheduled is not None and row.ok is not None:
        found["failure_rate"] = share(row.scheduled - row.ok, row.scheduled)
    single = {"memory_peak_mb": row.memory_peak_mb}
    if not forced:
        single |= {"throughput_rps": row.throughput_rps, "peak_1s_rps": peak, "cpu_busy_share": cpu_busy(row)}
    return found | {name: Estimate(value) for name, value in single.items() if value is not None}


def money_of(row: Row, found: Findings) -> dict[str, Estimate]:
    """The row's side of the costing, if it has one."""
    side = next((side for side in sides_of(found) if is_of(side, row)), None)
    if side is None:
        return {}
    money = {"cost_per_1k_usd": side.per_1k_usd, "cost_per_month_usd": side.per_month_usd}
    return money if side.utilisation is None else {**money, "utilisation": Estimate(side.utilisation)}


def sides_of(found: Findings) -> list[SideCost]:
    """None without a costing."""
    return found.costing.sides if found.costing else []


def is_of(side: SideCost, row: Row) -> bool:
    """Whether this is the row's money."""
    return (side.workload, side.target, side.profile) == (row.workload, row.target, row.profile)


def cpu_busy(row: Row) -> float | None:
    """CPU seconds used over those that the units had while they lived; None where either is not known."""
    memory_mb, cpus = row.case.get("memory_mb"), row.case.get("cpus")
    if row.cpu_seconds is None or not row.memory_gb_seconds or not is_positive(memory_mb) or not is_positive(cpus):
        return None
    lived_s = row.memory_gb_seconds * MB_PER_GB / float(memory_mb)  # type: ignore[arg-type]
    return rounded(row.cpu_seconds / (lived_s * float(cpus)))  # type: ignore[arg-type]


def is_positive(value: object) -> bool:
    """A number above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def peak_rate(found: Findings, row: Row) -> float | None:
    """Most arrivals within any second of any trial that entered the row."""
    peaks = []
    for record in row.entered if row.profile != FORCED_COLD else []:
        at = np.sort(numbers(found.folder.requests(record, ["scheduled_ns"])["scheduled_ns"]))
        within = np.searchsorted(at, at + NS_PER_S, side="left") - np.arange(len(at))
        peaks.append(float(within.max(initial=0)))
    return max((peak for peak in peaks if peak), default=None)
