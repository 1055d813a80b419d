"""What a run itself consumed of a cloud, priced: its own bill, beside the forecast of a month.

Quantities come from whoever metered them, minima included; each SKU begins at its first tier, as in a month of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from harness.cost.book import Price, PriceBook
from harness.record.estimate import plain
from harness.record.folder import RunFolder
from harness.record.metered import MeteredLine, Word

PLACES = Decimal("0.000000001")
"""Of a unit: a megabyte of logs, kept for an hour, is a millionth of a GB-month."""


@dataclass(frozen=True)
class MeteredCost:
    """A row of a run's own bill, in FOCUS's names where FOCUS has one: PricingQuantity x ListUnitPrice = ListCost.

    A SKU that the book lacks has no service, unit, price and cost: None, and never 0.
    """

    workload: str
    target: str
    of: str
    """What consumed it."""
    source: Word
    SkuId: str
    PricingQuantity: Decimal
    ServiceName: str | None = None
    PricingUnit: str | None = None
    ListUnitPrice: Decimal | None = None
    ListCost: Decimal | None = None
    confidence: str | None = None
    """Of the price, as the book has it: verified, corroborated or unverified."""

    def to_json(self) -> dict[str, Any]:
        """Every column; exact numbers as text."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        return {name: str(value) if isinstance(value, Decimal) else value for name, value in columns.items()}


@dataclass(frozen=True)
class MeteredBill:
    """Priced rows, and a line for each SKU that has no price and is in no total."""

    costs: list[MeteredCost]
    provider: str
    currency: str
    problems: list[str]

    @property
    def total(self) -> Decimal | None:
        """Of all that has a price: the least that is owed where there are problems. None where nothing has one."""
        return total_of(self.costs)

    def to_json(self) -> dict[str, Any]:
        """Rows, total as text, and what is in no total."""
        total = None if self.total is None else str(self.total)
        return {
            "lines": [cost.to_json() for cost in self.costs],
            "provider": self.provider,
            "currency": self.currency,
            "total": total,
            "problems": self.problems,
        }


@dataclass(frozen=True)
class OwnBill:
    """What the run itself was billed for, by our own metering."""

    bill: MeteredBill
    budget_usd: float | None
    spent_usd: float | None
    """When it last looked, by the prices of that time."""
    emulated: dict[str, bool | None]
    """By target of its lines: whether it stands in for a cloud, so that nothing was really billed; None where the
    manifest does not say."""

    def to_json(self) -> dict[str, Any]:
        """The bill's own fields, and what the run says of it."""
        own = {name: plain(getattr(self, name)) for name in ("budget_usd", "spent_usd", "emulated")}
        return self.bill.to_json() | own


def total_of(costs: Iterable[MeteredCost]) -> Decimal | None:
    """Of those that have a price; 0 of no rows at all, None of rows that all lack one."""
    rows = list(costs)
    priced = [cost.ListCost for cost in rows if cost.ListCost is not None]
    return sum(priced, Decimal(0)) if priced or not rows else None


def price(lines: Iterable[MeteredLine], book: PriceBook) -> MeteredBill:
    """The bill of what was metered so far. Lines that differ in nothing but their quantity become one row, or one for
    each tier that they reach, in the order in which they first came."""
    rows, before = {row.sku: row for row in book.prices}, dict[str, Decimal]()
    costs: list[MeteredCost] = []
    lacking: dict[str, dict[str, None]] = {}
    for (workload, target, of, source, sku), quantity in quantities(lines).items():
        found, row = MeteredCost(workload, target, of, source, sku, quantity), rows.get(sku)
        if row is None:
            lacking.setdefault(sku, {})[of] = None
            costs.append(found)
            continue
        begin = before.get(sku, Decimal(0))
        before[sku] = begin + quantity
        costs += [priced(found, row, part, asked) for part, asked in tiers_of(row, quantity, begin)]
    problems = [problem_of(sku, consumers, book) for sku, consumers in lacking.items()]
    return MeteredBill(costs, book.provider, book.currency, problems)


def quantities(lines: Iterable[MeteredLine]) -> Mapping[tuple[str, str, str, Word, str], Decimal]:
    """Sums by all that a line says besides its quantity."""
    sums: dict[tuple[str, str, str, Word, str], Decimal] = {}
    for line in lines:
        key = line.workload, line.target, line.of, line.source, line.sku
        exact = Decimal(repr(line.quantity)).quantize(PLACES, ROUND_HALF_UP)
        sums[key] = sums.get(key, Decimal(0)) + exact
    return sums


def tiers_of(row: Price, quantity: Decimal, before: Decimal) -> list[tuple[Decimal, Decimal]]:
    """(quantity, unit price) for each tier that it reaches; none of it, where that was metered, is a row of its own."""
    here = next(tier.price for tier in reversed(row.tiers) if tier.begin <= before)
    return row.parts(quantity, before) or [(quantity, here)]


def priced(cost: MeteredCost, row: Price, quantity: Decimal, asked: Decimal) -> MeteredCost:
    """A part of it that lies in one tier."""
    key = cost.workload, cost.target, cost.of, cost.source, cost.SkuId
    return MeteredCost(*key, quantity, row.service, row.unit, asked, quantity * asked, row.confidence)


def problem_of(sku: str, consumers: Iterable[str], book: PriceBook) -> str:
    """That a SKU has no price, what consumed it, and the fix."""
    where, whose = f"{book.provider} {book.region}", ", ".join(consumers)
    return f"{sku}: no price in {where}, so what {whose} took of it is in no total: give a book that has it with --book"


def own_bill(run: RunFolder, book: PriceBook) -> OwnBill | None:
    """A run's own bill by this book; None where nothing was metered. RecordError where its record cannot be read."""
    metered = run.read_metered()
    if metered is None:
        return None
    targets = dict.fromkeys(line.target for line in metered.lines)
    emulated = {name: run.manifest.target(name).emulated for name in targets}
    return OwnBill(price(metered.lines, book), metered.budget_usd, metered.spent_usd, emulated)
