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
from harness.errors import FrostlineError, RecordError, UsageError
from harness.record.capacity import KeptCapacity, Subject, kept_capacity, misfits, subject_of
from harness.record.folder import RunFolder
from harness.record.nouns import FORCED_COLD, SCALE_OUT
from harness.record.stated import Economics, economics_of

SIZE = ("memory_mb", "cpus")


@dataclass(frozen=True)
class Priced:
    """Every row under traffic that can be priced, by whose prices, and why others cannot."""

    economics: Economics
    prices: Found
    sides: list[Side]
    left_out: list[str]


def costing_of(
    run: RunFolder, summary: Summary, book: PriceBook | None = None, capacity: KeptCapacity | None = None
) -> Costing:
    """At the experiment's expected traffic, by the prices and capacities that the run keeps, or those given.

    UsageError when a price is missing, currencies differ or the capacity is not of this run; RecordError when the
    run's own inputs are malformed.
    """
    priced = price(run, summary, book, capacity)
    expected, found, sides = priced.economics.expected, priced.prices, priced.sides
    told = notices_of(priced.economics, [(side.bought, side.row.case) for side in sides])
    given = [f"capacity: not what the run keeps, but {capacity.file}, wherever it belongs"] if capacity else []
    return Costing(
        run=run.manifest.run,
        experiment=summary.experiment,
        currency=found.book.currency,
        prices=found.words,
        requests_per_month=expected.requests_per_month if expected else highest(sides),
        expected=expected is not None,
        sides=[side.cost() for side in sides],
        break_evens=break_evens(sides),
        notices=[*found.notices, *given, *told, *priced.left_out],
    )


def price(
    run: RunFolder, summary: Summary, book: PriceBook | None = None, capacity: KeptCapacity | None = None
) -> Priced:
    """The sides of a run, without their break-evens, which take longer. Errors as of costing_of."""
    economics = economics_of(run.manifest)
    found = book_of(run, economics, book)
    rows = [row for row in summary.rows if row.valid and row.profile not in (FORCED_COLD, SCALE_OUT)]
    if capacity is not None:
        check_capacity(run, rows, capacity)
    sides: list[Side] = []
    left_out: list[str] = []
    for row in rows:
        try:
            sides.append(side_of(run, row, economics, found.book, capacity_for(run, row, capacity)))
        except RecordError as error:
            left_out.append(f"{row.workload}, {row.target}, {row.profile} is not priced: {error}")
    return Priced(economics, found, sides, left_out)


def capacity_for(run: RunFolder, row: Row, given: KeptCapacity | None) -> KeptCapacity | None:
    """The one given where it belongs to the row, otherwise the one that the run keeps."""
    if given is not None and not misfits(given.capacity, subject_for(run, row)):
        return given
    return kept_capacity(run.manifest, row.workload, row.target)


def subject_for(run: RunFolder, row: Row) -> Subject:
    """What a capacity must be of to price this row; a size that is not known is that of none."""
    memory_mb, cpus = (value if isinstance(value, int | float) else 0 for value in map(row.case.get, SIZE))
    return subject_of(run.manifest, row.workload, row.target, memory_mb, cpus)


def check_capacity(run: RunFolder, rows: list[Row], given: KeptCapacity) -> None:
    """UsageError with every reason where a capacity belongs to no row of the run."""
    found = {(row.workload, row.target): misfits(given.capacity, subject_for(run, row)) for row in rows}
    if not all(found.values()):
        return
    own = {key: why for key, why in found.items() if key[1] == given.capacity.target} or found
    raise UsageError(
        [
            f"capacity: {given.file} is not of {workload} on {target}: {why}"
            for (workload, target), reasons in own.items()
            for why in reasons
        ]
        or [f"capacity: {given.file}: the run has no row under traffic to price"]
    )


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
