"""From a stored run to a Costing."""

from dataclasses import dataclass, replace

from harness.analysis.summary import Row, Summary
from harness.analysis.table import summarise
from harness.cost.book import PriceBook
from harness.cost.break_even import break_even
from harness.cost.nouns import BILLED, TERMS, BreakEven, Costing, SideCost
from harness.cost.prices import Found, book_of
from harness.cost.side import Side, Terms, side_of
from harness.cost.words import notices_of
from harness.errors import FrostlineError, RecordError
from harness.record.capacity import Capacity, capacity_of, read_capacities
from harness.record.folder import RunFolder
from harness.record.nouns import FORCED_COLD, SCALE_OUT
from harness.record.stated import Economics, economics_of


@dataclass(frozen=True)
class Priced:
    """Every row under traffic that can be priced, by whose prices, and why others cannot."""

    economics: Economics
    prices: Found
    sides: list[Side]
    left_out: list[str]


def costing_of(run: RunFolder, summary: Summary, book: PriceBook | None = None) -> Costing:
    """At the experiment's expected traffic, by the prices that the run keeps, or those of `book`.

    UsageError when a price is missing or currencies differ; RecordError when the run's own inputs are malformed.
    """
    priced = price(run, summary, book)
    expected, found, sides = priced.economics.expected, priced.prices, priced.sides
    told = notices_of(priced.economics, [(side.bought, side.row.case) for side in sides])
    return Costing(
        run=run.manifest.run,
        experiment=summary.experiment,
        currency=found.book.currency,
        prices=found.words,
        requests_per_month=expected.requests_per_month if expected else highest(sides),
        expected=expected is not None,
        sides=[side.cost() for side in sides],
        break_evens=break_evens(sides),
        notices=[*found.notices, *told, *priced.left_out],
    )


def price(run: RunFolder, summary: Summary, book: PriceBook | None = None) -> Priced:
    """The sides of a run, without their break-evens, which take longer. Errors as of costing_of."""
    economics = economics_of(run.manifest)
    found = book_of(run, economics, book)
    capacities = read_capacities(run.path.parent.parent / "capacity")
    sides: list[Side] = []
    left_out: list[str] = []
    for row in (row for row in summary.rows if row.valid and row.profile not in (FORCED_COLD, SCALE_OUT)):
        try:
            sides.append(side_of(run, row, economics, found.book, capacity_for(row, capacities)))
        except RecordError as error:
            left_out.append(f"{row.workload}, {row.target}, {row.profile} is not priced: {error}")
    return Priced(economics, found, sides, left_out)


def capacity_for(row: Row, capacities: list[Capacity]) -> Capacity | None:
    """The newest search for the same workload on the same target in the same size."""
    memory_mb, cpus = row.case.get("memory_mb"), row.case.get("cpus")
    if not isinstance(memory_mb, int) or not isinstance(cpus, int | float):
        return None
    return capacity_of(capacities, row.workload, row.target, memory_mb, cpus)


def highest(sides: list[Side]) -> float:
    """Of the rows' own rates, kept up all month."""
    return max((side.arrivals for side in sides), default=0.0)


def break_evens(sides: list[Side]) -> list[BreakEven]:
    """Every side that is billed by use beside every one that is bought by the hour and met the same traffic."""
    by_use, by_hour = ([side for side in sides if side.bought.way.replicated is hours] for hours in (False, True))
    pairs = [(f, s) for f in by_use for s in by_hour if traffic_of(f) == traffic_of(s)]
    return [found for pair in pairs if (found := crossing_of(*pair)) is not None]


def traffic_of(side: Side) -> tuple[str, str]:
    """What two sides must share to be set beside each other."""
    return side.row.workload, side.row.profile


def crossing_of(function: Side, service: Side) -> BreakEven | None:
    """Of what is billed; beside it, where the experiment states something, of that too. None without a cost."""
    billed = crossing_in(function, service, BILLED)
    if billed is None or not (function.states or service.states):
        return billed
    whole = crossing_in(function, service, TERMS)
    if whole is None:
        return billed
    return replace(billed, rate_with_stated=whole.rate, words=f"{billed.words}; with what you stated: {whole.words}")


def crossing_in(function: Side, service: Side, terms: Terms) -> BreakEven | None:
    """Of these terms alone; None where a side's cost cannot be told."""
    dear, steady = function.curves(terms), service.curves(terms)
    return None if dear is None or steady is None else break_even(function.row, service.row, dear, steady)


def summary_with_cost(run: RunFolder) -> Summary:
    """The summary, with `cost_per_1k_usd` where the experiment states its traffic; what forbids that is a notice."""
    summary = summarise(run)
    try:
        priced = price(run, summary)
    except FrostlineError as error:
        told = [f"no cost: {line}" for line in str(error).split("\n")]
        return replace(summary, notices=[*summary.notices, *told])
    return with_costs(summary, [side.cost() for side in priced.sides]) if priced.economics.expected else summary


def with_costs(summary: Summary, sides: list[SideCost]) -> Summary:
    """The same rows, each with its own side's cost per 1,000 good answers."""

    def cost_of(row: Row) -> SideCost | None:
        key = row.workload, row.target, row.profile, row.case
        return next((side for side in sides if (side.workload, side.target, side.profile, side.case) == key), None)

    rows = [(row, cost_of(row)) for row in summary.rows]
    return replace(summary, rows=[replace(row, cost_per_1k_usd=side.per_1k_usd) if side else row for row, side in rows])
