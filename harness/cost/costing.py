"""From a stored run to a Costing."""

from dataclasses import replace

from harness.analysis.notes import Note
from harness.analysis.summary import Row, Summary
from harness.analysis.table import summarise
from harness.cost.book import PriceBook
from harness.cost.break_even import break_even
from harness.cost.notices import notices_of
from harness.cost.nouns import BreakEven, Costing, TermName
from harness.cost.prices import Found, book_of
from harness.cost.side import Side, side_of
from harness.errors import FrostlineError, RecordError
from harness.record.capacity import Capacity, capacity_of, read_capacities
from harness.record.folder import RunFolder
from harness.record.nouns import FORCED_COLD, SCALE_OUT
from harness.record.stated import Economics, economics_of

COST = "cost_per_1k_usd"
PEOPLE: tuple[TermName, ...] = ("engineering",)
"""What nobody measures."""
BLUNT = Note("blunt_cost", "the cost rests on blunt defaults of what people cost: see `frostline cost`", (COST,))


def costing_of(run: RunFolder, summary: Summary, book: PriceBook | None = None) -> Costing:
    """At the experiment's expected traffic, by the prices that the run keeps, or those of `book`.

    Where traffic is expected, the summary's rows learn their cost. UsageError when a price is missing or currencies
    differ; RecordError when the run's own inputs are malformed.
    """
    economics = economics_of(run.manifest.experiment)
    found = book_of(run, economics, book)
    sides, left_out = sides_of(run, summary, economics, found)
    expected = economics.expected
    return Costing(
        run=run.manifest.run,
        experiment=summary.experiment,
        currency=found.book.currency,
        prices=found.words,
        requests_per_month=expected.requests_per_month if expected else highest(sides),
        expected=expected is not None,
        sides=[side.cost() for side in sides],
        break_evens=break_evens(sides),
        notices=[*found.notices, *notices_of(economics, sides), *left_out],
    )


def sides_of(run: RunFolder, summary: Summary, economics: Economics, found: Found) -> tuple[list[Side], list[str]]:
    """Of every row under traffic, and why others cannot be priced; the rows learn their cost if traffic is expected."""
    capacities = read_capacities(run.path.parent.parent / "capacity")
    sides: list[Side] = []
    left_out: list[str] = []
    for row in (row for row in summary.rows if row.valid and row.profile not in (FORCED_COLD, SCALE_OUT)):
        try:
            side = side_of(run, row, economics, found.book, capacity_for(row, capacities))
        except RecordError as error:
            left_out.append(f"{row.workload}, {row.target}, {row.profile} is not priced: {error}")
            continue
        sides.append(side)
        if economics.expected:
            row.cost_per_1k_usd = side.per_1k()
            row.notes += [BLUNT] if economics.at_default("stakes") else []
    return sides, left_out


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
    """Every function beside every service that met the same traffic."""
    functions, services = ([side for side in sides if side.kind == kind] for kind in ("function", "service"))
    pairs = [(f, s) for f in functions for s in services if traffic_of(f) == traffic_of(s)]
    return [found for pair in pairs if (found := crossing_of(*pair)) is not None]


def traffic_of(side: Side) -> tuple[str, str]:
    """What two sides must share to be set beside each other."""
    return side.row.workload, side.row.profile


def crossing_of(function: Side, service: Side) -> BreakEven | None:
    """Of all terms, and of those that do not come from people. None where a side's cost cannot be told."""
    found = []
    for without in ((), PEOPLE):
        dear, steady = function.curves(without), service.curves(without)
        if dear is None or steady is None:
            return None
        found.append(break_even(function.row, service.row, dear, steady))
    whole, bare = found
    words = f"{whole.words}; without engineering: {bare.words}"
    return replace(whole, rate_without_engineering=bare.rate, words=words)


def summary_with_cost(run: RunFolder) -> Summary:
    """The summary, with `cost_per_1k_usd` where the experiment states its traffic; what forbids that is a notice."""
    summary = summarise(run)
    try:
        economics = economics_of(run.manifest.experiment)
        if economics.expected:
            sides_of(run, summary, economics, book_of(run, economics, None))
    except FrostlineError as error:
        summary.notices += [f"no cost: {line}" for line in str(error).split("\n")]
    return summary
