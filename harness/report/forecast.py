"""`frostline forecast`: the answer in words, the figures of each side, money and what-ifs; marked as a forecast."""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console

from harness.cost.nouns import Costing, SideCost
from harness.files.text import harmless
from harness.record.capacity import Goal
from harness.record.figures import MISSING, Cell, cell, figure
from harness.record.forecast import AS_IT_IS, CLAIM, Figure, Forecast, ForecastRow, Quantities, Traffic
from harness.report.blocks import Column, Table, drop_empty
from harness.report.console import page_wide, say, say_table
from harness.report.export import bullets, escape, no_formula, table_text
from harness.report.forecast_tables import about_traffic, citations, groups_of, name_of, sources, tables_of
from harness.report.formats import TableFormat

MARK = "FORECAST, not measured"
WhatIfUsd = dict[tuple[str, str, str, str], float]
"""USD a month by workload, target, profile and name of the what-if."""


@dataclass(frozen=True)
class Told:
    """A forecast and its money; `no_money` says why there is none."""

    forecast: Forecast
    costing: Costing | None
    no_money: list[str]
    what_ifs_usd: WhatIfUsd

    def side(self, row: ForecastRow) -> SideCost | None:
        """The money of a row."""
        sides = self.costing.sides if self.costing else []
        key = row.workload, row.target, row.profile
        return next((s for s in sides if (s.workload, s.target, s.profile) == key and s.basis == "forecast"), None)


def render(told: Told, format: TableFormat, console: Console) -> None:
    """Write the forecast to `console`."""
    if format == "text":
        render_text(told, console if console.is_terminal else page_wide(console))
        return
    as_format = {"md": as_markdown, "csv": as_csv, "json": as_json}[format]
    console.file.write(as_format(told) + "\n")


def render_text(told: Told, console: Console) -> None:
    """The answer first, then tables, then what they rest on."""
    for line in answer(told):
        say(console, line, "bold")
    for table in all_tables(told):
        say_table(console, table)
    console.print()
    for line in remarks(told):
        say(console, f"* {line}", "dim")


def answer(told: Told) -> list[str]:
    """What the month says, in a few plain words for each workload and traffic; already harmless."""
    lines = []
    for traffic, rows in groups_of(told.forecast):
        lines.append(f"{MARK}: {name_of(rows)}: {about_traffic(traffic).removeprefix('forecast of ')}")
        lines += [harmless(verdict(row, told.forecast.objective)) for row in rows]
        lines += [harmless(line) for line in money(told, rows)]
        lines += [harmless(line) for line in drawn_elsewhere(rows)]
    if not lines:
        lines = [f"{MARK}: no side of this run can be forecast; the reasons are below"]
    return lines


def drawn_elsewhere(rows: list[ForecastRow]) -> Iterator[str]:
    """That the warm answers were not measured under this traffic, which all sides of it then have in common."""
    others = dict.fromkeys(row.unit.from_profile for row in rows if row.unit.from_profile != row.profile)
    if others:
        yield f"doubt: warm answers are those of {', '.join(others)}, not measured under {rows[0].profile}"


def verdict(row: ForecastRow, objective: Goal | None) -> str:
    """Latency, how much of it is late, and how often a request meets a start."""
    percentile = objective.percentile if objective else 95
    latency, late = row.latency_at_objective_ms or row.latency_p95_ms, row.late_share
    text = f"{units_of(row)}: p{percentile:g} {milliseconds(latency)}"
    if late is not None and late.value is not None:
        text += f", {figure(100 * late.value)} % late or without a good answer"
    return f"{text}, {cold_words(row)}"


def cold_words(row: ForecastRow) -> str:
    """Cold starts a day and their share."""
    if row.cold_starts_per_day.value is None or row.cold_share.value is None:
        return f"cold starts are not known ({row.cold_share.why})"
    if not row.cold_starts_per_day.value:
        return "no cold starts"
    each = cell(row.cold_starts_per_day.estimate)
    interval = f" ({each.small})" if each.small else ""
    return f"{each.main}{interval} cold starts a day, {figure(100 * row.cold_share.value)} % of requests"


def units_of(row: ForecastRow) -> str:
    """The target, with its replicas where these do not change."""
    replicas = row.parameters.get("replicas")
    return f"{row.target} with {replicas} replica{'' if replicas == 1 else 's'}" if replicas else row.target


def milliseconds(value: Figure) -> str:
    """A latency with its interval, or why it is not told."""
    told = cell(value.estimate)
    if told.empty:
        return f"is not told ({value.why})"
    return f"{told.main} ms ({told.small})" if told.small else f"{told.main} ms"


def meets(row: ForecastRow, limit_ms: float) -> str:
    """Whether a side holds the objective by its whole interval."""
    latency = row.latency_at_objective_ms
    if latency is None or latency.value is None:
        return "is not known to hold it"
    if latency.low is not None and latency.low > limit_ms:
        return "misses it"
    return "holds it" if latency.high is not None and latency.high <= limit_ms else "is not clearly on one side of it"


def money(told: Told, rows: list[ForecastRow]) -> Iterator[str]:
    """Which sides hold the objective, which is cheaper, and where that changes."""
    if (objective := told.forecast.objective) is not None:
        held = "; ".join(f"{row.target} {meets(row, objective.latency_ms)}" for row in rows)
        yield f"objective, p{objective.percentile:g} within {objective.latency_ms:g} ms: {held}"
    priced = [(side.per_month_usd.value, row.target) for row in rows if (side := told.side(row)) is not None]
    known = sorted((usd, target) for usd, target in priced if usd is not None)
    if len(known) > 1:
        (least, cheapest), *rest = known
        beside = ", ".join(f"{target} {usd:,.2f}" for usd, target in rest)
        yield f"cheaper: {cheapest} with {least:,.2f} USD a month, beside {beside}"
    for crossing in told.costing.break_evens if told.costing else []:
        if (crossing.workload, crossing.profile, crossing.basis) == (rows[0].workload, rows[0].profile, "forecast"):
            yield f"break-even: {crossing.words}"


def all_tables(told: Told) -> Iterator[Table]:
    """Each workload and traffic, then what they rest on."""
    for traffic, rows in groups_of(told.forecast):
        for table in tables_of(traffic, rows):
            yield with_usd(table, told, rows)
    if told.forecast.rows:
        yield sources(told.forecast)
        yield citations(told.forecast)


def with_usd(table: Table, told: Told, rows: list[ForecastRow]) -> Table:
    """The table of what can be billed with its price, and that of what-ifs with theirs."""
    if table.title.endswith("what can be billed"):
        sides = [told.side(row) for row in rows]
        usd = [cell(side.per_month_usd) if side else Cell(MISSING) for side in sides]
    elif table.title.endswith("what if"):
        usd = []
        for row, side in ((row, told.side(row)) for row in rows):
            if all(what.name != AS_IT_IS for what in row.what_ifs):
                usd.append(cell(side.per_month_usd) if side else Cell(MISSING))
            keys = [(row.workload, row.target, row.profile, what.name) for what in row.what_ifs]
            usd += [Cell(figure(told.what_ifs_usd.get(key))) for key in keys]
    else:
        return table
    columns = [*table.columns, *drop_empty([Column("USD a month", 0, usd)])]
    return Table(table.title, table.about, columns, table.remarks, table.whole)


def remarks(told: Told) -> list[str]:
    """What the forecast rests on and what makes it doubtful; already harmless."""
    forecast = told.forecast
    lines = [f"withheld: {line}" for line in forecast.withheld]
    if not forecast.rows:
        return [harmless(line) for line in dict.fromkeys([*lines, *forecast.notices])]
    for traffic in forecast.traffic:
        lines += [f"{traffic.name}: {note}" for note in traffic.notes]
    for row in forecast.rows:
        lines += [f"{row.target}, {row.profile}: warning: {text}" for text in row.warnings]
        lines += [f"{row.target}, {row.profile}: {text}" for text in row.notes]
    lines += [*forecast.notices, *(f"no cost: {line}" for line in told.no_money)]
    said = {f"forecast: {line}" for line in (*forecast.withheld, *forecast.notices)}
    lines += [line for line in told.costing.notices if line not in said] if told.costing else []
    lines.append(
        f"{forecast.resamples} resamples of {forecast.run}, {forecast.requests:,} requests simulated, "
        f"seed {forecast.seed}; {CLAIM}"
    )
    return [harmless(line) for line in dict.fromkeys(lines)]


def as_markdown(told: Told) -> str:
    """The same for a pull request."""
    first, *rest = answer(told)
    parts = [f"## {escape(first)}", *map(escape, rest), *(table_text(table) for table in all_tables(told))]
    return "\n\n".join([*parts, *bullets("Remarks", remarks(told))])


def as_json(told: Told) -> str:
    """The record as it is stored, and its money; ASCII only."""
    record = json.loads(told.forecast.model_dump_json(by_alias=True))
    cost = told.costing.to_json() if told.costing else None
    usd = [
        dict(zip(("workload", "target", "profile", "what_if"), key, strict=True)) | {"usd_per_month": value}
        for key, value in told.what_ifs_usd.items()
    ]
    whole = {"kind": "forecast", "forecast": record, "cost": cost, "what_ifs_usd": usd, "no_cost": told.no_money}
    return json.dumps(whole, indent=2, allow_nan=False)


def as_csv(told: Told) -> str:
    """A line for each side's month, each of its what-ifs and each rate of its curve; each of the kind forecast."""
    lines = list(csv_lines(told))
    names = list(dict.fromkeys(name for line in lines for name in line)) or ["kind"]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: no_formula(x) if isinstance(x, str) else x for name, x in line.items()} for line in lines)
    return stream.getvalue().rstrip("\n")


def csv_lines(told: Told) -> Iterator[dict[str, Any]]:
    """Cells by column."""
    for traffic, rows in groups_of(told.forecast):
        for row in rows:
            side = told.side(row)
            own = key_of(told.forecast, traffic, row)
            figures = {name: value for name, value in row if isinstance(value, Figure)}
            usd = {"usd_per_month": side.per_month_usd.value if side else None}
            month = {"of": "month", "rps": traffic.mean_rps} | flat(figures) | quantities(row.quantities) | usd
            yield own | month
            for what in row.what_ifs:
                price = told.what_ifs_usd.get((row.workload, row.target, row.profile, what.name))
                figures = {name: value for name, value in what if isinstance(value, Figure)}
                named = {"of": what.name, "rps": traffic.mean_rps} | flat(figures)
                yield own | named | quantities(what.quantities) | {"usd_per_month": price}
            for point in row.curve:
                latency = {"latency_at_objective_ms": point.latency_ms} if point.latency_ms else {}
                yield own | {"of": "rate", "rps": point.rps} | flat(latency) | quantities(point.quantities)


def key_of(forecast: Forecast, traffic: Traffic, row: ForecastRow) -> dict[str, Any]:
    """What each line says of itself: that it is a forecast, of which run and trace."""
    return {
        "kind": "forecast",
        "run": forecast.run,
        "trials_sha256": forecast.trials_sha256,
        "trace_sha256": traffic.sha256 or "",
        "workload": row.workload,
        "target": row.target,
        "profile": row.profile,
        "case": json.dumps(row.case, sort_keys=True),
        "rule": row.rule,
        "parameters": json.dumps(row.parameters, sort_keys=True),
    }


def quantities(given: Quantities) -> dict[str, Any]:
    """Those of a month, each with its interval."""
    found = {name: value for name, value in given if isinstance(value, Figure)}
    return {"arrivals": given.arrivals} | flat(found)


def flat(figures: dict[str, Figure]) -> dict[str, Any]:
    """Value, ends and number of resamples as columns of their own."""
    return {
        f"{name}{suffix}": getattr(value, field)
        for name, value in figures.items()
        for suffix, field in (("", "value"), ("_low", "low"), ("_high", "high"), ("_n", "n"))
    }
