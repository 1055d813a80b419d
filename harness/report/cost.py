"""`frostline cost`: the sides term by term and where they cost the same, on a terminal or as Markdown, CSV or JSON."""

import csv
import io
import json
from pathlib import Path

from rich.console import Console

from harness.analysis.table import summarise
from harness.cost.book import read_book
from harness.cost.costing import OTHER_TRAFFIC, costing_of
from harness.cost.nouns import BASIS_WORDS, BILLED, STATED, BreakEven, Costing, CostLine, SideCost
from harness.cost.words import NOT_STATED
from harness.files.text import harmless
from harness.record.capacity import read_capacity
from harness.record.figures import Cell, cell, count, money, percent_of
from harness.record.shelf import find_run
from harness.report.blocks import Column, Table, drop_empty
from harness.report.console import page_wide, say, say_table
from harness.report.export import bullets, escape, no_formula, table_text
from harness.report.formats import TableFormat
from harness.report.metered import table_of

MILLION = 1e6
KEY = ("run", "workload", "target", "profile", "case")
"""Of a side, in every line of the CSV; the case as JSON."""


def write_cost(
    results: Path, name: str, book: Path | None, capacity: Path | None, format: TableFormat, console: Console
) -> None:
    """Write what a run costs to `console`. UsageError for prices that are not there."""
    run = find_run(results, name)
    own = read_book(book) if book else None, read_capacity(capacity) if capacity else None
    costing = costing_of(run, summarise(run), *own)
    if format == "text":
        render_text(costing, console if console.is_terminal else page_wide(console))
        return
    as_format = {"md": as_markdown, "csv": as_csv, "json": as_json}[format]
    console.file.write(as_format(costing) + "\n")


def render_text(costing: Costing, console: Console) -> None:
    """Write heading, a table per workload and profile, break-evens and notices to `console`."""
    title, *lines = heading(costing)
    say(console, title, "bold")
    for line in lines:
        say(console, line, "dim")
    for table in tables(costing):
        say_table(console, table)
    console.print()
    for line in sentences(costing):
        say(console, line, "bold")
    for notice in costing.notices:
        say(console, f"* {harmless(notice)}", "dim")


def heading(costing: Costing) -> list[str]:
    """What is priced, at what traffic, by whose prices; already harmless."""
    month = f"{costing.requests_per_month / MILLION:,.3g} million requests a month"
    forecast = bool(costing.sides) and all(side.basis == "forecast" for side in costing.sides)
    whose = "expected" if costing.expected else "forecast, at most" if forecast else "each row's own traffic, at most"
    others = other_forecasts(costing)
    if others and forecast:
        month, whose = others, "forecast of"
    elif others:
        month += f"; of these, forecast at {others}"
    at = f"{whose} {month}; " if costing.expected or costing.sides else ""
    return [
        harmless(f"Cost · {costing.experiment or 'unnamed experiment'} · run {costing.run}"),
        harmless(f"{at}prices: {costing.prices}; {costing.currency}"),
        *([f"n counts {counted(costing.sides)}"] if costing.sides else []),
    ]


def counted(sides: list[SideCost]) -> str:
    """E.g. resamples (docker-lambda, forecast) and trials (docker-service, the run's own mix)."""
    names: dict[str, dict[str, None]] = {}
    for side in sides:
        names.setdefault(f"{side.counted}s ({{}}; {BASIS_WORDS[side.basis]})", {})[side.target] = None
    return harmless(" and ".join(noun.format(", ".join(targets)) for noun, targets in names.items()))


def other_forecasts(costing: Costing) -> str:
    """The traffic of forecasts that are not of what the experiment expects; empty where there are none."""
    if not costing.expected:
        return ""
    least, most = (costing.requests_per_month * factor for factor in (1 - OTHER_TRAFFIC, 1 + OTHER_TRAFFIC))
    of_forecast = (side.arrivals for side in costing.sides if side.basis == "forecast")
    others = sorted({arrivals for arrivals in of_forecast if not least <= arrivals <= most})
    if not others:
        return ""
    told = " and ".join(f"{arrivals / MILLION:,.3g}" for arrivals in others)
    return f"{told} million requests a month, not the expected {costing.requests_per_month / MILLION:,.3g} million"


def tables(costing: Costing) -> list[Table]:
    """A table per workload and profile, then the run's own bill where something was metered."""
    groups: dict[tuple[str, str], list[SideCost]] = {}
    for side in costing.sides:
        groups.setdefault((side.workload, side.profile), []).append(side)
    months = [
        Table(harmless(f"{workload} · {profile}"), "USD a month, term by term", columns(sides), remarks(sides))
        for (workload, profile), sides in groups.items()
    ]
    return [*months, table_of(costing.metered)] if costing.metered else months


def columns(sides: list[SideCost]) -> list[Column]:
    """What is billed, its terms and how many units they pay for; then, apart, what the experiment states."""
    terms = [{term.name: term.usd_per_month for term in side.terms} for side in sides]
    billed, stated = (
        [Column(name.replace(" ", "\n"), 0, [Cell(money(by.get(name))) for by in terms]) for name in names]
        for names in (BILLED, STATED)
    )
    measured = [
        Column("per 1,000\nok", 0, [cell(side.per_1k_usd) for side in sides]),
        Column("a month", 0, [cell(side.per_month_usd) for side in sides]),
        *billed,
        Column("replicas", 1, [count(side.replicas) for side in sides]),
        Column("busy\n%", 1, [percent_of(side.utilisation) for side in sides]),
        Column("n", 1, [count(side.per_month_usd.n or None) for side in sides]),
        *stated,
        Column("a month\nwith stated", 0, [cell(side.per_month_with_stated_usd) for side in sides]),
    ]
    return [Column("target", 0, [Cell(harmless(side.target)) for side in sides]), *drop_empty(measured)]


def remarks(sides: list[SideCost]) -> list[str]:
    """What each side is bought as and what its terms rest on."""
    lines = []
    for side in sides:
        lines.append(harmless(f"{side.target}: {'; '.join((side.source, *side.notes))}"))
        lines += [harmless(f"  {term.name}: {term.basis}") for term in side.terms if term.basis != NOT_STATED]
        if side.per_month_usd.value is None and side.per_month_usd.why:
            lines.append(harmless(f"  no cost: {side.per_month_usd.why}"))
    return lines


def sentences(costing: Costing) -> list[str]:
    """Where the sides cost the same; already harmless."""
    places = [where_of(crossing) for crossing in costing.break_evens]
    return [
        harmless(f"Break-even, {place}{whose(crossing, places.count(place))}: {crossing.words} (n = {crossing.rate.n})")
        for place, crossing in zip(places, costing.break_evens, strict=True)
    ]


def whose(crossing: BreakEven, count: int) -> str:
    """The two targets, where there are more pairs of one traffic."""
    return f", {crossing.function} or {crossing.service}" if count > 1 else ""


def where_of(crossing: BreakEven) -> str:
    """Workload, traffic, and that it is of a forecast where it is."""
    where = f"{crossing.workload}, {crossing.profile}"
    return f"{where}, forecast" if crossing.basis == "forecast" else where


def as_json(costing: Costing) -> str:
    """frostline/cost/1; ASCII only."""
    return json.dumps(costing.to_json(), indent=2, allow_nan=False)


def as_csv(costing: Costing) -> str:
    """The bills of the month line by line, in FOCUS's columns: PricingQuantity x ListUnitPrice = ListCost. Only lines
    whose `billed` is true are the provider's; the others are what the experiment states."""
    stream = io.StringIO()
    names = list(CostLine.__dataclass_fields__)
    writer = csv.DictWriter(stream, [*KEY, "billed", *names], lineterminator="\n")
    writer.writeheader()
    for side in costing.sides:
        case = json.dumps(side.case, sort_keys=True)
        own = dict(zip(KEY, (costing.run, side.workload, side.target, side.profile, case), strict=True))
        for line in side.lines:
            billed = "true" if line.term in BILLED else "false"
            row = own | {"billed": billed} | line.to_json()
            writer.writerow({name: no_formula(str(x)) for name, x in row.items()})
    return stream.getvalue().rstrip("\n")


def as_markdown(costing: Costing) -> str:
    """The tables and sentences of the terminal, for a pull request."""
    title, *lines = heading(costing)
    parts = [f"## {escape(title)}", *map(escape, lines), *(table_text(table) for table in tables(costing))]
    return "\n\n".join([*parts, *bullets("Break-even", sentences(costing)), *bullets("Notices", costing.notices)])
