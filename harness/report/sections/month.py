"""The month that the run's samples and the platforms' rules forecast: by the hour, in latency, in quantities."""

from collections.abc import Iterator
from functools import partial

from harness.cost.from_forecast import what_ifs_usd
from harness.files.text import harmless
from harness.record.figures import cell, figure, plural
from harness.record.forecast import CLAIM, Forecast, ForecastRow, Hours
from harness.report.cases import labels
from harness.report.charts.spans import Span, spans
from harness.report.charts.week import Side, week
from harness.report.forecast import Told, with_usd
from harness.report.forecast_tables import citations, groups_of, name_of, sources, tables_of
from harness.report.material import Material, limit_charts
from harness.report.nouns import Chart, KeyEntry, Part
from harness.report.sections.money import charts_of as costs

TITLE = "The month (forecast)"
ABOUT = (
    "Forecast, not measured: this run's own warm answers and forced cold starts, drawn at random, meet the arrivals of "
    "a month under the rules of each platform, one side after the other and the same arrivals for both. Latency counts "
    "from arrival, waiting included; what was throttled or failed counts as infinitely late."
)


def month(material: Material) -> Part:
    """Charts and figures of every workload and traffic; how to make a forecast where the run has none."""
    forecast = material.forecast
    if forecast is None:
        why = f"the run has no forecast: `frostline forecast {material.summary.run}` makes one of its samples"
        return Part("month", TITLE, absent=[harmless(why)])
    groups = list(groups_of(forecast))
    drawn = [chart for _, rows in groups for chart in charts_of(material, forecast, rows)]
    priced = costs(material, material.costing, "forecast") if material.costing else []
    charts, remarks = limit_charts([*drawn, *priced])
    usd = what_ifs_usd(material.run, forecast) if material.costing else {}
    told = Told(forecast, material.costing, [], usd)
    tables = [with_usd(table, told, rows) for traffic, rows in groups for table in tables_of(traffic, rows)]
    about = [ABOUT, made_of(forecast)] if groups else []
    absent = list(map(harmless, forecast.withheld)) or ([] if groups else ["no side could be forecast"])
    remarks += map(harmless, remarks_of(forecast))
    return Part("month", TITLE, about, charts, tables, [sources(forecast), citations(forecast)], absent, remarks)


def made_of(forecast: Forecast) -> str:
    """Where the intervals come from."""
    return (
        f"{CLAIM}, from {plural(forecast.resamples, 'resample')} of the run's trials and of the month's days; "
        f"{forecast.requests:,} requests were simulated, seed {forecast.seed}."
    )


def charts_of(material: Material, forecast: Forecast, rows: list[ForecastRow]) -> Iterator[Chart]:
    """The week by the hour, and latency beside the objective."""
    names = labels(rows)
    keys = [KeyEntry(name, place(material, row)) for name, row in zip(names, rows, strict=True)]
    hourly = [(key, row, row.hours) for key, row in zip(keys, rows, strict=True) if row.hours and row.hours.arrivals]
    if hourly:
        yield week_chart(material, hourly)
    yield latency_chart(material, forecast, list(zip(keys, rows, strict=True)))


def week_chart(material: Material, sides: list[tuple[KeyEntry, ForecastRow, Hours]]) -> Chart:
    """Arrivals, cold starts and units by the hour."""
    title = f"{name_of([row for _, row, _ in sides])}, forecast · by the hour"
    label = f"arrivals, cold starts and units, {title}: {'; '.join(key.label for key, _, _ in sides)}"
    lines = [Side(material.style(harmless(row.target)), hours.cold_starts, hours.units) for _, row, hours in sides]
    draw = partial(week, label=label, arrivals=sides[0][2].arrivals, sides=lines)
    return Chart(title, [key for key, _, _ in sides], draw)


def latency_chart(material: Material, forecast: Forecast, sides: list[tuple[KeyEntry, ForecastRow]]) -> Chart:
    """Percentiles with their intervals; what was not forecast has no row."""
    title = f"{name_of([row for _, row in sides])}, forecast · latency"
    figures = [
        Span(group, key.label, material.style(harmless(row.target)), latency.estimate)
        for group, field in percentiles(forecast)
        for key, row in sides
        if (latency := getattr(row, field)) is not None
    ]
    told = "; ".join(f"{span.name} {span.group} {cell(span.estimate).main} ms" for span in figures)
    keys, limit = [key for key, _ in sides], None
    if (objective := forecast.objective) is not None:
        limit = objective.latency_ms
        keys.append(KeyEntry(f"objective: p{objective.percentile:g} at most {figure(limit)} ms", pattern="dotted"))
    draw = partial(spans, label=f"{title}: {told}", figures=figures, unit="latency from arrival, ms", limit=limit)
    return Chart(title, keys, draw)


def percentiles(forecast: Forecast) -> list[tuple[str, str]]:
    """Those that are drawn, in words, with their fields; the objective's own where it is none of the usual."""
    usual = {f"p{p}": f"latency_p{p}_ms" for p in (50, 95, 99)}
    own = f"p{forecast.objective.percentile:g}" if forecast.objective else "p95"
    return list((usual if own in usual else {**usual, own: "latency_at_objective_ms"}).items())


def place(material: Material, row: ForecastRow) -> int:
    """The place of a side's target among all series of the run."""
    return material.places.get(harmless(row.target), 0)


def remarks_of(forecast: Forecast) -> Iterator[str]:
    """What was assumed of the traffic and of each side, and what makes them doubtful."""
    for traffic in forecast.traffic:
        yield from (f"{traffic.name}: {note}" for note in traffic.notes)
    for row in forecast.rows:
        yield from (f"{row.target} under {row.profile}: {text}" for text in (*row.warnings, *row.notes))
    yield from forecast.notices
