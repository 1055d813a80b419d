"""Cost and break-even as a review shows them."""

from dataclasses import dataclass

from harness.cost.nouns import TERMS, BreakEven, SideCost
from harness.record.figures import figure
from harness.review.findings import Findings
from harness.review.ledger import cited, of, rate
from harness.review.record import Evidence


@dataclass(frozen=True)
class Bill:
    """One side's month: the five terms in order, then both totals by id."""

    where: str
    bought: str
    terms: list[str]
    month: str
    per_1k: str


def bills(found: Findings, evidence: list[Evidence]) -> list[Bill]:
    """Every side of the costing."""
    return [bill(side, evidence) for side in (found.costing.sides if found.costing else [])]


def bill(side: SideCost, evidence: list[Evidence]) -> Bill:
    """A term that was not stated is absent, never 0."""
    terms = {term.name: term.usd_per_month for term in side.terms}
    totals = [
        cited(of(evidence, side.target, side.profile, field, side.workload))
        for field in ("cost_per_month_usd", "cost_per_1k_usd")
    ]
    bought = side.purchase.sku if side.replicas is None else f"{side.replicas} x {side.purchase.sku}"
    return Bill(
        f"{side.workload}, {side.target}, {side.profile}", bought, [figure(terms.get(name)) for name in TERMS], *totals
    )


def remarks(found: Findings) -> list[str]:
    """What must be told with every figure: absent terms, sizes that are not the measured ones, assumptions."""
    if found.costing is None:
        return []
    about: dict[tuple[str, str], dict[str, None]] = {}
    for side in found.costing.sides:
        told = [f"{term.name}: {term.basis}" for term in side.terms if term.usd_per_month is None]
        told += [text for text in (side.purchase.remark, side.per_month_usd.why, *side.notes) if text]
        for text in told:
            about.setdefault((side.target, text), {})[side.profile] = None
    sides = [f"{target} ({', '.join(profiles)}): {text}" for (target, text), profiles in about.items()]
    return list(dict.fromkeys([*sides, *found.costing.notices]))


def break_evens(found: Findings) -> list[str]:
    """The crossing with its interval, in the costing's own words where there is none."""
    return [crossing(b) for b in (found.costing.break_evens if found.costing else [])]


def crossing(found: BreakEven) -> str:
    """E.g. filetype, steady: docker-lambda and docker-service cost the same at 12.1 (10.4-13.9) requests per second."""
    where = f"{found.workload}, {found.profile}"
    if found.rate.value is None:
        return f"{where}: {found.words}"
    low, high = found.rate.low, found.rate.high
    interval = f" ({figure(low)} to {figure(high)})" if low is not None and high is not None else " (no interval)"
    same = f"{found.function} and {found.service} cost the same at {rate(found.rate.value)}{interval}"
    return f"{where}: {same}; {found.words}"
