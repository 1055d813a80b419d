"""The four numbers of every target: cold median, warm p95, failures, cost per 1,000 good answers."""

from collections.abc import Callable, Iterator

from harness.analysis.fitness import unfit
from harness.analysis.summary import Row
from harness.files.text import harmless
from harness.record.estimate import Estimate
from harness.record.figures import Cell, cell, decimals, fixed, plural
from harness.record.nouns import FORCED_COLD
from harness.report.material import Material, profile_name, side_of
from harness.report.nouns import FourNumbers, Number, NumberCard

OfRow = Callable[[Row], tuple[Estimate, str]]
"""An estimate and the noun of what its n counts."""


def numbers(material: Material) -> list[FourNumbers]:
    """The four numbers of each workload."""
    workloads = list(dict.fromkeys(row.workload for row in material.summary.rows))
    return [FourNumbers(harmless(workload), list(cards(material, workload))) for workload in workloads]


def cards(material: Material, workload: str) -> Iterator[NumberCard]:
    """A card for each of the four numbers."""
    blocks = [block for block in material.blocks() if material.summary.rows[block[0]].workload == workload]
    forced: list[list[int]] = []
    traffic: list[list[int]] = []
    for block in blocks:
        (forced if material.summary.rows[block[0]].profile == FORCED_COLD else traffic).append(block)
    yield card(material, "Cold start, median", "ms", forced or traffic, lambda row: (row.cold_p50_ms, "cold start"))
    yield card(material, "Warm latency, p95", "ms", traffic, lambda row: (row.warm_p95_ms, "trial"))
    yield card(
        material, "Requests without a good answer", "%", blocks, lambda row: (row.failure_share.scale(100), "request")
    )
    currency = material.costing.currency if material.costing else "USD"
    yield card(
        material,
        "Cost of 1,000 good answers",
        currency,
        traffic or blocks,
        lambda row: (cost_of(material, row), rests_on(material, row)),
    )


def failures(row: Row) -> tuple[Estimate, str]:
    """Percent of the arrivals that had no good answer."""
    return row.failure_share.scale(100), "request"


def card(material: Material, title: str, unit: str, blocks: list[list[int]], of: OfRow) -> NumberCard:
    """One of the four cards, with a number per row under its profile."""
    groups = []
    for block in blocks:
        rows = [material.summary.rows[place] for place in block]
        of_profile = [number(label, row, *of(row)) for label, row in zip(material.labels(block), rows, strict=True)]
        groups.append((profile_name(rows[0].profile), of_profile))
    return NumberCard(title, unit, groups)


def number(label: str, row: Row, estimate: Estimate, noun: str) -> Number:
    """A number with its n written out; without a value or an interval the reason."""
    n = f"n = {plural(estimate.n, noun)}, {plural(row.rounds, 'round')}"
    if not estimate.n:
        n = plural(row.rounds, "round")
    elif noun == "resample":  # of a forecast, which is of no round
        n = f"forecast, n = {plural(estimate.n, noun)}"
    why = estimate.why or ("" if estimate.low is not None or estimate.value is None else "no interval")
    return Number(label, zero_cell(estimate) or cell(estimate), n, harmless(why or ""))


def zero_cell(estimate: Estimate) -> Cell | None:
    """The cell of a 0 with an upper end, which has two digits since 0 has none to go by; None for any other number."""
    if estimate.value != 0 or not estimate.high:
        return None
    return Cell("0", f"0–{fixed(estimate.high, decimals(estimate.high, 2))}")  # noqa: RUF001


def rests_on(material: Material, row: Row) -> str:
    """What n counts of a cost."""
    side = side_of(material.costing.sides, row) if material.costing else None
    return side.counted if side is not None else "trial"


def cost_of(material: Material, row: Row) -> Estimate:
    """What costing says of the row, or why it says nothing."""
    if material.costing is None:
        reason = "; ".join(material.reasons.get("cost", ())) or "not worked out"
        return Estimate(None, why=f"no cost: {reason}")
    side = side_of(material.costing.sides, row)
    if side is not None:
        return side.per_1k_usd
    reasons = unfit(row, "cost") or ["no cost is worked out for this row"]
    return Estimate(None, why=f"no cost: {'; '.join(reasons)}")
