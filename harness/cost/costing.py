"""From a stored run to a Costing: its forecast's rows priced, or its own, their break-evens, and all notices."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

from harness.analysis.summary import Row, Summary
from harness.analysis.table import summarise
from harness.cost.book import ChosenBook, PriceBook, choose_book
from harness.cost.break_even import Names, break_even
from harness.cost.from_forecast import price_forecast
from harness.cost.from_run import price_row
from harness.cost.metered import OwnBill, own_bill
from harness.cost.nouns import BILLED, HOURS, STATED, BreakEven, Costing, SideCost
from harness.cost.side import Side, Terms
from harness.cost.words import PEAK_NOT_STATED, notices_of, unverified
from harness.errors import FrostlineError, RecordError, UsageError
from harness.files.whole import one_line
from harness.record.capacity import KeptCapacity, Subject, kept_capacity, misfits, subject_of
from harness.record.folder import RunFolder
from harness.record.forecast import Forecast, ForecastRow, read_forecast
from harness.record.nouns import FORCED_COLD, SCALE_OUT, Manifest
from harness.record.stated import Economics, economics_of
from harness.record.target_facts import incomparable

Place = tuple[str, str, str]
"""Workload, target and profile."""
SIZE = ("memory_mb", "cpus")
BESIDE = tuple(term for term in STATED if term != HOURS)
"""What is stated of requests and platforms."""
OTHER_TRAFFIC = 0.01
"""So far may a forecast's arrivals be from what the experiment expects without a word about it."""


@dataclass(frozen=True)
class PricedRun:
    """Every side that can be priced, by whose prices, and why others cannot."""

    economics: Economics
    book: ChosenBook
    sides: list[Side]
    left_out: list[str]
    forecast: Forecast | None


def costing_of(
    run: RunFolder,
    summary: Summary,
    book: PriceBook | None = None,
    capacity: KeptCapacity | None = None,
    forecast: Forecast | None = None,
) -> Costing:
    """Price a run by its forecast, otherwise by its own mix at its expected traffic, with the prices, capacities and
    forecast that it keeps, or those given.

    UsageError when a price is missing, currencies differ or the capacity is not of this run; RecordError when the
    run's own inputs are malformed.
    """
    priced = price_run(run, summary, book, capacity, forecast)
    expected, chosen, sides = priced.economics.expected, priced.book, priced.sides
    costs, (metered, unread) = [side.cost() for side in sides], own_bill_or_why(run, chosen.book)
    in_cloud = bool(sides) and all(run.manifest.target(side.target).elsewhere for side in sides)
    given = [f"capacity: not what the run keeps, but {capacity.file}, wherever it belongs"] if capacity else []
    if capacity and any(side.grounds.basis == "forecast" for side in sides):
        given.append("capacity: a forecast has replicas of its own, so the one given prices none of its rows")
    return Costing(
        run=run.manifest.run,
        experiment=summary.experiment,
        currency=chosen.book.currency,
        prices=chosen.words,
        requests_per_month=expected.requests_per_month if expected else most_requests(sides),
        expected=expected is not None,
        sides=costs,
        break_evens=break_evens(sides, run.manifest),
        notices=[
            *chosen.notices,
            *given,
            *notices_of(priced.economics, [(side.bought, side.grounds.basis) for side in sides], in_cloud),
            *unverified((line for side in costs for line in side.lines), chosen.book),
            *notices_of_forecast(priced),
            *priced.left_out,
            *unread,
        ],
        metered=metered,
    )


def own_bill_or_why(run: RunFolder, book: PriceBook) -> tuple[OwnBill | None, list[str]]:
    """What the run itself was billed for, or why its record cannot be read: a month is priced all the same."""
    try:
        return own_bill(run, book), []
    except RecordError as error:
        return None, [one_line(f"what the run itself was billed for is not told: {error}")]


def notices_of_forecast(priced: PricedRun) -> Iterator[str]:
    """What the forecast itself says, and where its traffic is not what the experiment expects."""
    if priced.forecast is None:
        return
    expected = priced.economics.expected
    for traffic in priced.forecast.traffic:
        if expected and abs(traffic.mean_rps / expected.mean_rps - 1) > OTHER_TRAFFIC:
            its, ours = f"{traffic.mean_rps:.3g}", f"{expected.mean_rps:.3g}"
            yield f"forecast: {traffic.name} is of {its} requests per second, and the experiment expects {ours}"
    yield from (f"forecast: {text}" for text in (*priced.forecast.withheld, *priced.forecast.notices))


def price_run(
    run: RunFolder,
    summary: Summary,
    book: PriceBook | None = None,
    capacity: KeptCapacity | None = None,
    forecast: Forecast | None = None,
) -> PricedRun:
    """The sides of a run, without their break-evens, which take longer. Errors as of costing_of.

    What the run forecasts of a workload, target and traffic is priced by that, and its own row is not.
    """
    economics, forecast = economics_of(run.manifest), forecast or read_forecast(run)
    chosen = choose_book(run, economics, book)
    rows = [row for row in summary.rows if row.valid and row.profile not in (FORCED_COLD, SCALE_OUT)]
    if capacity is not None:
        check_capacity(run, rows, capacity)
    makers: list[tuple[Place, Callable[[], Side]]] = [
        (place_of(row), partial(price_forecast, run, forecast, row, economics, chosen.book))
        for row in (forecast.rows if forecast else [])
        if forecast is not None
    ]
    forecasted = {place for place, _ in makers}
    makers += [
        (place_of(row), partial(price_own, run, row, economics, chosen.book, capacity))
        for row in rows
        if place_of(row) not in forecasted
    ]
    sides: list[Side] = []
    left_out: list[str] = []
    for place, make in makers:
        try:
            sides.append(make())
        except RecordError as error:
            left_out.append(one_line(f"{', '.join(place)} is not priced: {error}"))
    return PricedRun(economics, chosen, sides, left_out, forecast)


def price_own(run: RunFolder, row: Row, economics: Economics, book: PriceBook, given: KeptCapacity | None) -> Side:
    """A row by its own mix. RecordError with the reason where it cannot be priced."""
    return price_row(run, row, economics, book, capacity_for(run, row, given))


def place_of(row: Row | ForecastRow) -> Place:
    """Workload, target and profile."""
    return row.workload, row.target, row.profile


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
    return max((side.month.arrivals for side in sides), default=0.0)


def break_evens(sides: list[Side], manifest: Manifest) -> list[BreakEven]:
    """Every side that is billed by use beside every one that is bought by the hour and met the same traffic; one of
    two parts is both, to each of the others. None of a cloud service beside an emulation."""
    by_use = [side for side in sides if side.bought.by_use]
    by_hour = [side for side in sides if side.bought.replicated]
    return [
        crossing_of(f, s)
        for f in by_use
        for s in by_hour
        if f is not s
        and f.traffic == s.traffic
        and not incomparable(manifest.target(f.target), manifest.target(s.target))
    ]


def crossing_of(function: Side, service: Side) -> BreakEven:
    """The break-even of what is billed; and of what the experiment states too, but for people's hours."""
    billed = crossing_in(function, service, BILLED)
    if not ({line.term for side in (function, service) for line in side.lines()} & set(BESIDE)):
        return billed
    whole = crossing_in(function, service, (*BILLED, *BESIDE))
    told = f"with what you stated: {whole.words}" if whole.words != billed.words else "the same with what you stated"
    return replace(billed, rate_with_stated=whole.rate, words=f"{billed.words}; {told}")


def crossing_in(function: Side, service: Side, terms: Terms) -> BreakEven:
    """The break-even of these terms alone."""
    workload, profile, basis = function.traffic
    names = Names(workload, profile, function.target, service.target, basis)
    return break_even(names, function.curves(terms), service.curves(terms))


def summary_with_cost(run: RunFolder) -> Summary:
    """The summary, with `cost_per_1k_usd` where the experiment states its traffic; what forbids that is a notice."""
    summary = summarise(run)
    try:
        priced = price_run(run, summary)
    except FrostlineError as error:
        notices = [f"no cost: {line}" for line in str(error).split("\n")]
        return replace(summary, notices=[*summary.notices, *notices])
    expected = priced.economics.expected
    if expected is None:
        return summary
    own = [side for side in priced.sides if side.grounds.basis == "run"]
    if expected.peak_to_mean is None and any(side.bought.replicated for side in own):
        summary = replace(summary, notices=[*summary.notices, PEAK_NOT_STATED])
    return with_costs(summary, [side.cost() for side in priced.sides])


def with_costs(summary: Summary, sides: list[SideCost]) -> Summary:
    """The same rows, each with its own side's cost per 1,000 good answers.

    A forecast is of a traffic; what it was drawn from may be of another row, so its case is none to go by.
    """

    def cost_of(row: Row) -> SideCost | None:
        own = [side for side in sides if (side.workload, side.target, side.profile) == place_of(row)]
        return next((side for side in own if side.basis == "forecast" or side.case == row.case), None)

    rows = [(row, cost_of(row)) for row in summary.rows]
    return replace(summary, rows=[replace(row, cost_per_1k_usd=side.per_1k_usd) if side else row for row, side in rows])
