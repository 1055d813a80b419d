"""From a stored run to a Costing: its rows priced, its break-evens, the notices that belong to both."""

from dataclasses import dataclass, replace

from harness.analysis.summary import Row, Summary
from harness.analysis.table import summarise
from harness.cost.book import ChosenBook, PriceBook, choose_book
from harness.cost.break_even import break_even
from harness.cost.nouns import BILLED, TERMS, BreakEven, Costing, SideCost
from harness.cost.side import Side, Terms, price_side
from harness.cost.words import PEAK_NOT_STATED, notices_of
from harness.errors import FrostlineError, RecordError, UsageError
from harness.record.capacity import KeptCapacity, Subject, kept_capacity, misfits, subject_of
from harness.record.folder import RunFolder
from harness.record.nouns import FORCED_COLD, SCALE_OUT
from harness.record.stated import Economics, economics_of
from harness.record.target_facts import TargetFacts

SIZE = ("memory_mb", "cpus")


@dataclass(frozen=True)
class PricedRun:
    """Every row under traffic that can be priced, by whose prices, and why others cannot."""

    economics: Economics
    book: ChosenBook
    sides: list[Side]
    left_out: list[str]


def costing_of(
    run: RunFolder, summary: Summary, book: PriceBook | None = None, capacity: KeptCapacity | None = None
) -> Costing:
    """Price a run at its expected traffic, by the prices and capacities that it keeps, or those given.

    UsageError when a price is missing, currencies differ or the capacity is not of this run; RecordError when the
    run's own inputs are malformed.
    """
    priced = price_rows(run, summary, book, capacity)
    expected, chosen, sides = priced.economics.expected, priced.book, priced.sides
    in_cloud = bool(sides) and all(runs_elsewhere(run.manifest.target(side.row.target)) for side in sides)
    notices = notices_of(priced.economics, [(side.bought, side.row.case) for side in sides], in_cloud)
    given = [f"capacity: not what the run keeps, but {capacity.file}, wherever it belongs"] if capacity else []
    return Costing(
        run=run.manifest.run,
        experiment=summary.experiment,
        currency=chosen.book.currency,
        prices=chosen.words,
        requests_per_month=expected.requests_per_month if expected else most_requests(sides),
        expected=expected is not None,
        sides=[side.cost() for side in sides],
        break_evens=break_evens(sides),
        notices=[*chosen.notices, *given, *notices, *priced.left_out],
    )


def runs_elsewhere(target: TargetFacts) -> bool:
    """Whether a target is the service that is sold: its units ran under another clock, and it stands in for nothing."""
    return target.capabilities.get("clock") == "own" and target.emulated is False


def price_rows(
    run: RunFolder, summary: Summary, book: PriceBook | None = None, capacity: KeptCapacity | None = None
) -> PricedRun:
    """The sides of a run, without their break-evens, which take longer. Errors as of costing_of."""
    economics = economics_of(run.manifest)
    chosen = choose_book(run, economics, book)
    rows = [row for row in summary.rows if row.valid and row.profile not in (FORCED_COLD, SCALE_OUT)]
    if capacity is not None:
        check_capacity(run, rows, capacity)
    sides: list[Side] = []
    left_out: list[str] = []
    for row in rows:
        try:
            sides.append(price_side(run, row, economics, chosen.book, capacity_for(run, row, capacity)))
        except RecordError as error:
            left_out.append(f"{row.workload}, {row.target}, {row.profile} is not priced: {error}")
    return PricedRun(economics, chosen, sides, left_out)


def capacity_for(run: RunFolder, row: Row, given: KeptCapacity | None) -> KeptCapacity | None:
    """The capacity given where it belongs to the row, otherwise the one that the run keeps."""
    if given is not None and not misfits(given.capacity, subject_for(run, row)):
        return given
    return kept_capacity(run.manifest, row.workload, row.target)


def subject_for(run: RunFolder, row: Row) -> Subject:
    """What a capacity must be of to price this row; a size that is not known is that of none."""
    memory_mb, cpus = (value if isinstance(value, int | float) else 0 for value in map(row.case.get, SIZE))
    return subject_of(run.manifest, row.workload, row.target, memory_mb, cpus)


def check_capacity(run: RunFolder, rows: list[Row], given: KeptCapacity) -> None:
    """UsageError with every reason where a capacity belongs to no row of the run."""
    reasons_by_row = {(row.workload, row.target): misfits(given.capacity, subject_for(run, row)) for row in rows}
    if not all(reasons_by_row.values()):
        return
    own = {key: why for key, why in reasons_by_row.items() if key[1] == given.capacity.target} or reasons_by_row
    raise UsageError(
        [
            f"capacity: {given.file} is not of {workload} on {target}: {why}"
            for (workload, target), reasons in own.items()
            for why in reasons
        ]
        or [f"capacity: {given.file}: the run has no row under traffic to price"]
    )


def most_requests(sides: list[Side]) -> float:
    """The most requests a month of any side; 0 without sides."""
    return max((side.arrivals for side in sides), default=0.0)


def break_evens(sides: list[Side]) -> list[BreakEven]:
    """Every side that is billed by use beside every one that is bought by the hour and met the same traffic."""
    by_use, by_hour = ([side for side in sides if side.bought.way.replicated is hours] for hours in (False, True))
    pairs = [(f, s) for f in by_use for s in by_hour if traffic_of(f) == traffic_of(s)]
    return [crossing for pair in pairs if (crossing := crossing_of(*pair)) is not None]


def traffic_of(side: Side) -> tuple[str, str]:
    """What two sides must share to be set beside each other."""
    return side.row.workload, side.row.profile


def crossing_of(function: Side, service: Side) -> BreakEven | None:
    """The break-even of what is billed and, where the experiment states something, of that too; None without a cost."""
    billed = crossing_in(function, service, BILLED)
    if billed is None or not (function.has_stated or service.has_stated):
        return billed
    whole = crossing_in(function, service, TERMS)
    if whole is None:
        return billed
    return replace(billed, rate_with_stated=whole.rate, words=f"{billed.words}; with what you stated: {whole.words}")


def crossing_in(function: Side, service: Side, terms: Terms) -> BreakEven | None:
    """The break-even of these terms alone; None where a side's cost cannot be told."""
    dear, steady = function.curves(terms), service.curves(terms)
    return None if dear is None or steady is None else break_even(function.row, service.row, dear, steady)


def summary_with_cost(run: RunFolder) -> Summary:
    """The summary, with `cost_per_1k_usd` where the experiment states its traffic; what forbids that is a notice."""
    summary = summarise(run)
    try:
        priced = price_rows(run, summary)
    except FrostlineError as error:
        notices = [f"no cost: {line}" for line in str(error).split("\n")]
        return replace(summary, notices=[*summary.notices, *notices])
    expected = priced.economics.expected
    if expected is None:
        return summary
    if expected.peak_to_mean is None and any(side.bought.way.replicated for side in priced.sides):
        summary = replace(summary, notices=[*summary.notices, PEAK_NOT_STATED])
    return with_costs(summary, [side.cost() for side in priced.sides])


def with_costs(summary: Summary, sides: list[SideCost]) -> Summary:
    """The same rows, each with its own side's cost per 1,000 good answers."""

    def cost_of(row: Row) -> SideCost | None:
        key = row.workload, row.target, row.profile, row.case
        return next((side for side in sides if (side.workload, side.target, side.profile, side.case) == key), None)

    rows = [(row, cost_of(row)) for row in summary.rows]
    return replace(summary, rows=[replace(row, cost_per_1k_usd=side.per_1k_usd) if side else row for row, side in rows])
