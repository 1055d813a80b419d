"""From a stored run to a Costing."""

import json
from dataclasses import replace

from harness.capacity.record import Capacity, capacity_of, read_capacities
from harness.cost.break_even import break_even
from harness.cost.notices import notices_of
from harness.cost.nouns import BreakEven, Costing, TermName
from harness.cost.prices import book_of
from harness.cost.side import Side, side_of
from harness.economics import economics_of
from harness.errors import FrostlineError, RecordError
from harness.estimate import plain
from harness.notes import FORCED_COLD, Note
from harness.price_book import PriceBook
from harness.records import TrialRecord
from harness.store import RunFolder
from harness.summary import Row, Summary
from harness.table import latest_attempts, summarise

COST = "cost_per_1k_usd"
SCALE_OUT = "scale-out"
WITHOUT: tuple[tuple[TermName, ...], ...] = ((), ("engineering",))

BLUNT = Note("blunt_cost", "the cost rests on blunt defaults of what people cost: see `frostline cost`", (COST,))


def costing_of(run: RunFolder, summary: Summary, book: PriceBook | None = None) -> Costing:
    """At the experiment's expected traffic, by the prices that the run keeps, or those of `book`.

    UsageError when a price is missing or currencies differ; RecordError when the run's own inputs are malformed.
    """
    economics = economics_of(run.manifest.experiment)
    found = book_of(run, economics, book)
    trials, capacities = valid_trials(run), read_capacities(run.path.parent.parent / "capacity")
    sides: list[Side] = []
    left_out: list[str] = []
    for row in (row for row in summary.rows if row.valid and row.profile not in (FORCED_COLD, SCALE_OUT)):
        try:
            fitting = capacity_for(row, capacities)
            sides.append(side_of(run, row, trials.get(key(row), []), economics, found.book, fitting))
        except RecordError as error:
            left_out.append(f"{row.workload}, {row.target}, {row.profile} is not priced: {error}")
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


def valid_trials(run: RunFolder) -> dict[str, list[TrialRecord]]:
    """By key of the row; a trial whose files are damaged enters no figure."""
    found: dict[str, list[TrialRecord]] = {}
    for record in latest_attempts(run.trials()):
        if record.valid and not run.damaged(record):
            found.setdefault(key(record), []).append(record)
    return found


def key(of: Row | TrialRecord) -> str:
    """What tells rows apart."""
    return json.dumps([of.workload, of.target, of.profile, plain(of.case)], sort_keys=True)


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
    """Of all terms; the words also say where it lies without the hours, which nobody measures. None where a side's cost
    cannot be told."""
    costs, found = (function.cost(), service.cost()), []
    for without in WITHOUT:
        dear, steady = function.curves(without), service.curves(without)
        if dear is None or steady is None:
            return None
        found.append(break_even(*costs, dear, steady))
    return replace(found[0], words=f"{found[0].words}; without engineering: {found[1].words}")


def summary_with_cost(run: RunFolder) -> Summary:
    """The summary, with `cost_per_1k_usd` where the experiment states its traffic; what forbids that is a notice."""
    summary = summarise(run)
    try:
        economics = economics_of(run.manifest.experiment)
        if economics.expected:
            costing = costing_of(run, summary)
            costs = {(side.workload, side.target, side.profile): side.per_1k_usd for side in costing.sides}
            for row in summary.rows:
                row.cost_per_1k_usd = costs.get((row.workload, row.target, row.profile))
                if row.cost_per_1k_usd is not None and economics.at_default("stakes"):
                    row.notes.append(BLUNT)
    except FrostlineError as error:
        summary.notices += [f"no cost: {line}" for line in str(error).split("\n")]
    return summary
