"""What a run itself was billed for, as a table with its words: beside the cost of a month, never in it."""

from collections.abc import Iterator
from decimal import Decimal

from harness.cost.metered import MeteredBill, MeteredCost, OwnBill, total_of
from harness.files.text import harmless
from harness.record.figures import MISSING, Cell, figure, money
from harness.record.metered import Word
from harness.report.blocks import Column, Table

TITLE = "What this run itself was billed for, by our own metering"
ABOUT = "not of a month: what was deployed and asked to measure"
WORDS: dict[Word, str] = {"witnessed": "the platform's", "clock": "our clock's", "bound": "nobody's: at most"}
SHARES: dict[Word, str] = {
    "witnessed": "by the platform's own word",
    "clock": "by our clock",
    "bound": "that nobody told, reckoned as the most it can be",
}
MOST_ROWS = 60
"""So many a table lists; a stranger's run can hold any number."""


def table_of(own: OwnBill) -> Table:
    """What, SKU, quantity, unit price, cost and whose word; its total and all that must be said of it below."""
    costs = own.bill.costs[:MOST_ROWS]
    columns = [
        Column("what", 0, [Cell(harmless(f"{cost.of}, {cost.workload}"), harmless(cost.target)) for cost in costs]),
        Column("SKU", 0, [Cell(harmless(cost.SkuId)) for cost in costs]),
        Column("quantity", 0, [Cell(figure(float(cost.PricingQuantity)), unit_of(cost)) for cost in costs]),
        Column("unit\nprice", 0, [price_of(cost) for cost in costs]),
        Column(own.bill.currency, 0, [Cell(usd(cost.ListCost)) for cost in costs]),
        Column("whose\nword", 0, [Cell(WORDS[cost.source]) for cost in costs]),
    ]
    return Table(TITLE, ABOUT, columns, [harmless(text) for text in remarks(own)], whole=True)


def unit_of(cost: MeteredCost) -> str:
    """As the book has it; empty where it has none."""
    return harmless(cost.PricingUnit or "")


def price_of(cost: MeteredCost) -> Cell:
    """With every digit, and with its doubt."""
    if cost.ListUnitPrice is None:
        return Cell(MISSING)
    return Cell(f"{cost.ListUnitPrice:f}", "unverified" if cost.confidence == "unverified" else "")


def usd(value: Decimal | None) -> str:
    """A cost as other tables have it; a dash where there is no price."""
    return money(None if value is None else float(value))


def remarks(own: OwnBill) -> Iterator[str]:
    """Total and whose word it is, budget, what stands in for a cloud, what has no price or a doubtful one."""
    yield total_words(own.bill)
    if own.budget_usd is not None:
        yield f"budget: {money(own.budget_usd)} USD"
    if own.spent_usd is not None:
        yield f"when the run last looked, {money(own.spent_usd)} USD were spent by its own prices"
    yield from emulation_words(own)
    yield from own.bill.problems
    doubtful = dict.fromkeys(cost.SkuId for cost in own.bill.costs if cost.confidence == "unverified")
    if doubtful:
        yield f"unverified prices, to look up before they are quoted: {', '.join(doubtful)}"
    if (rest := len(own.bill.costs) - MOST_ROWS) > 0:
        yield f"{rest:,} more rows are in the total: see `frostline cost --format json`"


def total_words(bill: MeteredBill) -> str:
    """E.g. in all 0.52 USD: 0.50 by the platform's own word, 0.02 by our clock."""
    if bill.total is None:
        return "in all: not known, since nothing of it has a price"
    least = "at least " if bill.problems else ""
    shares = [
        f"{usd(total)} {words}"
        for word, words in SHARES.items()
        if (total := total_of(cost for cost in bill.costs if cost.source == word))
    ]
    told = f": {', '.join(shares)}" if shares else ""
    return f"in all {least}{usd(bill.total)} {bill.currency}{told}"


def emulation_words(own: OwnBill) -> Iterator[str]:
    """What was not really billed, and what nobody knows."""
    stand_ins = [name for name, emulated in own.emulated.items() if emulated]
    if stand_ins:
        theirs = total_of(cost for cost in own.bill.costs if cost.target in stand_ins)
        part = "" if len(stand_ins) == len(own.emulated) else f", {usd(theirs)} {own.bill.currency} of the total"
        would = f"nothing was really billed, this is what {own.bill.provider} would ask"
        yield f"emulated: {', '.join(stand_ins)}{part}: {would}"
    untold = [name for name, emulated in own.emulated.items() if emulated is None]
    if untold:
        yield f"{', '.join(untold)}: the manifest does not say whether it is emulated, so whether this was billed"
