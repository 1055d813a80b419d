"""The tables of a review: what was measured, what is forecast, the bill; each row names its figures by their ids."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.compare import ComparisonRow
from harness.analysis.table import Key, key_of
from harness.cost.nouns import BILLED, SideCost
from harness.record.figures import MISSING, cell, figure, plural
from harness.record.nouns import FORCED_COLD
from harness.report.cases import words
from harness.review.figures import COLD, LATENCY, cite, find, number, with_interval
from harness.review.record import CitedFigure
from harness.review.runs import MeasuredRun

MOST_COLUMNS, MOST_ROWS, MOST_LINES, MOST_NAMES = 6, 6, 4, 3
"""A review has two sheets: so many targets and traffics stand side by side, a list has so many lines."""
MEASURED = {
    "latency_p50_ms": "p50, ms",
    "latency_p95_ms": "p95, ms",
    "latency_p99_ms": "p99, ms",
    "warm_p95_ms": "warm p95, ms",
    "cold_p50_ms": "cold p50, ms",
    "cold_share": "cold, %",
    "failure_rate": "not good, %",
    "throughput_rps": "good, a second",
    "peak_1s_rps": "most, a second",
    "cpu_busy_share": "CPU used, %",
    "memory_peak_mb": "peak, MB",
}
"""Lines of what was measured."""
MONTH = {
    "forecast_cold_share": "cold, %",
    "forecast_cold_starts_per_day": "cold, a day",
    "forecast_latency_p50_ms": "p50, ms",
    "forecast_latency_p95_ms": "p95, ms",
    "forecast_latency_p99_ms": "p99, ms",
    "forecast_late_share": "late, %",
    "forecast_units_mean": "units, mean",
    "forecast_units_peak": "units, most",
}
"""Lines of what is forecast."""
Figures = list[CitedFigure]


@dataclass(frozen=True)
class FigureTable:
    """A column for each target and traffic, a line for each measure that any has; for `more` there is no room."""

    heads: list[str]
    rows: list[list[str]]
    more: int


def measured_table(run: MeasuredRun, figures: Figures) -> FigureTable:
    """What the run measured."""
    labels = run.labels
    rows: dict[Key, tuple[str, Figures]] = {}
    for f in (f for f in figures if f.field in MEASURED):
        profile = profile_words(labels.get(key_of(f), f.profile), f)
        name = f"{workload_words(run, f.workload)}{target_title(run, f.target)}, {profile}"
        rows.setdefault(key_of(f), (name, []))[1].append(f)
    return figure_table(list(rows.values()), MEASURED)


def month_table(run: MeasuredRun, figures: Figures) -> FigureTable:
    """What is forecast; its cost has a table of its own."""
    rows: dict[Key, tuple[str, Figures]] = {}
    for f in (f for f in figures if f.field in MONTH):
        rows.setdefault(
            key_of(f), (f"{workload_words(run, f.workload)}{target_title(run, f.target)}, {f.profile}", [])
        )[1].append(f)
    return figure_table(list(rows.values()), MONTH)


def figure_table(columns: Sequence[tuple[str, Figures]], measures: dict[str, str]) -> FigureTable:
    """These measures, as far as any column has a value; the last line says the ids."""
    shown = [(name, {f.field: f for f in figures}) for name, figures in columns[:MOST_COLUMNS]]
    used = [m for m in measures if any(m in column and column[m].value is not None for _, column in shown)]
    lines = [
        [measures[m], *(number(m, column[m].estimate) if m in column else MISSING for _, column in shown)] for m in used
    ]
    ids = ["ids", *(ids_of(list(column.values())) for _, column in shown)]
    return FigureTable(["", *(name for name, _ in shown)], [*lines, ids] if shown else [], len(columns) - len(shown))


def ids_of(figures: Figures) -> str:
    """E.g. E1 to E13: those of one row follow each other."""
    numbers = sorted(int(f.id[1:]) for f in figures)
    return f"E{numbers[0]} to E{numbers[-1]}" if numbers else MISSING


def workload_words(run: MeasuredRun, workload: str | None) -> str:
    """The workload before what is told of it, where the run has several."""
    return f"{workload}, " if len({row.workload for row in run.summary.rows}) > 1 else ""


def target_title(run: MeasuredRun, target: str) -> str:
    """An emulated target is called that wherever it stands."""
    return f"{target} (emulated)" if run.emulated(target) else target


def profile_words(label: str, row: CitedFigure) -> str:
    """The profile with its rate, or as forced cold starts."""
    if label.startswith(FORCED_COLD):
        return label.replace(FORCED_COLD, "forced cold starts", 1)
    return ", ".join([label, *words(row.case, ["rate"])])


def ratio_lines(run: MeasuredRun) -> Iterator[str]:
    """Function over service, measured: a line per pair, workload and profile."""
    for (service, function), compared in run.compared.items():
        groups: dict[tuple[str | None, str], list[ComparisonRow]] = {}
        for row in compared.rows:
            if row.field in (*LATENCY, *COLD) and row.ratio.value is not None:
                groups.setdefault((row.workload, row.profile), []).append(row)
        for (workload, profile), rows in groups.items():
            told = "; ".join(ratio_words(row) for row in rows)
            yield f"{workload_words(run, workload)}{profile}, {function} / {service}: {told}"


def ratio_words(row: ComparisonRow) -> str:
    """E.g. p95 9.9 (2.8-35.8) SLOWER."""
    name = row.field.removesuffix("_ms").removeprefix("latency_").replace("_", " ")
    verdict = str(row.verdict) if row.verdict is not None else f"no verdict: {row.why}"
    needed = "" if row.rounds_needed is None else f", about {plural(row.rounds_needed, 'more round')} needed"
    return f"{name} {with_interval(cell(row.ratio))} {verdict}{needed}"


@dataclass(frozen=True)
class BillLine:
    """One side's month: what the provider bills in order, both totals with their ids, the month with what is stated."""

    where: str
    bought: str
    busy: str
    """Of what is paid by the hour, in percent, with its id."""
    terms: list[str]
    month: str
    per_1k: str
    with_stated: str


def bill(run: MeasuredRun, figures: Figures) -> list[BillLine]:
    """A line for every side of the costing that there is room for."""
    return [bill_line(run, side, figures) for side in (run.costing.sides if run.costing else [])[:MOST_ROWS]]


def bill_line(run: MeasuredRun, side: SideCost, figures: Figures) -> BillLine:
    """A term that is not known is absent, never 0."""
    usd = {term.name: term.usd_per_month for term in side.terms}
    month, per_1k, busy = (
        cite(find(figures, side.target, side.profile, field, side.workload))
        for field in ("cost_per_month_usd", "cost_per_1k_usd", "utilisation")
    )
    bought = side.purchase.sku if side.replicas is None else f"{side.replicas} x {side.purchase.sku}"
    where = f"{workload_words(run, side.workload)}{side.target}, {side.profile}"
    with_stated = figure(side.per_month_with_stated_usd.value) if side.per_month_with_stated_usd else MISSING
    return BillLine(where, bought, busy, [figure(usd.get(name)) for name in BILLED], month, per_1k, with_stated)


def bill_remarks(run: MeasuredRun) -> list[str]:
    """What must be told with the figures: sizes that are not the measured ones, costs that are not known, notices."""
    if run.costing is None:
        return []
    told = [
        (side.target, text) for side in run.costing.sides for text in (side.purchase.remark, side.per_month_usd.why)
    ]
    return [*gather((target, text) for target, text in told if text), *run.costing.notices]


def break_even_lines(run: MeasuredRun) -> Iterator[str]:
    """Each sentence once, with the traffics that it is true of."""
    crossings = run.costing.break_evens if run.costing else []
    return gather((f"{workload_words(run, b.workload)}{b.profile}", b.words) for b in crossings)


def gather(told: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Each sentence once, behind the first few names that it is told of."""
    names: dict[str, dict[str, None]] = {}
    for name, sentence in told:
        names.setdefault(sentence, {})[name] = None
    for sentence, all_names in names.items():
        rest = len(all_names) - MOST_NAMES
        first = "; ".join(list(all_names)[:MOST_NAMES]) + (f" and {rest} more" if rest > 0 else "")
        yield f"{first}: {sentence}" if first else sentence


def shorten(texts: Sequence[str], elsewhere: str, most: int = MOST_LINES) -> list[str]:
    """Each text once, as many as there is room for, and where the others stand."""
    once = list(dict.fromkeys(texts))
    rest = len(once) - most
    return once if rest <= 0 else [*once[:most], f"and {rest} more: {elsewhere}"]
