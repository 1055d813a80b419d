"""Function beside service in every figure that is compared, as a forest plot and a table."""

from collections.abc import Iterator
from functools import partial

from harness.analysis.compare import Comparison, ComparisonRow
from harness.files.text import harmless
from harness.record.figures import MISSING, Cell, cell, figure, milliseconds, plural
from harness.report.blocks import Column, Table
from harness.report.charts.forest import Ratio, forest
from harness.report.comparison import OF_TRIALS, RatioTable, figure_name, ratio_tables, short_names
from harness.report.material import Material, limit_charts, profile_name
from harness.report.nouns import Chart, KeyEntry, Part

ABOUT = (
    "Each ratio is paired round by round: both targets met the same arrivals within the same round. A ratio whose "
    "whole interval lies to the right of the shaded margin is slower, to the left of it faster, within it the same."
)


def ratios(material: Material) -> Part:
    """One chart and several tables per pair and workload."""
    charts, remarks = limit_charts([chart for comparison in material.pairs for chart in charts_of(comparison)])
    tables = [table(comparison, block) for comparison in material.pairs for block in ratio_tables(comparison)]
    absent = list(material.reasons.get("comparison", []))
    if material.pairs and not charts:
        absent.append("no figure can be compared: what could be wrong, below, says why")
    return Part(
        "ratios", "Function beside service", [ABOUT, OF_TRIALS] if charts else [], charts, tables, [], absent, remarks
    )


def charts_of(comparison: Comparison) -> Iterator[Chart]:
    """A forest per workload."""
    a, b = short_names(comparison)
    for workload in dict.fromkeys(row.workload for row in comparison.rows):
        rows = [row for row in comparison.rows if row.workload == workload]
        low, high = figure(1 / (1 + comparison.margin)), figure(1 + comparison.margin)
        description = f"{b} / {a}, ratio of latencies with 95 % intervals; margin {low} to {high}"
        bars = [ratio(row, [r for r in rows if r.profile == row.profile]) for row in rows]
        title = harmless(f"{workload}: {b} / {a}")
        keys = [KeyEntry("ratio and its 95 % interval", pattern="interval")]
        if any(r.value is not None and r.low is None for r in bars):
            keys.append(KeyEntry("ratio without an interval", pattern="hollow"))
        axis = f"{b} / {a}, above 1 is slower"
        draw = partial(forest, label=description, ratios=bars, margin=comparison.margin, axis_label=axis)
        yield Chart(title, [*keys, KeyEntry(f"margin, {low} to {high}", pattern="band")], draw)


def ratio(row: ComparisonRow, group: list[ComparisonRow]) -> Ratio:
    """A row of the forest plot with its words: ratio, interval, verdict."""
    fewest, most = min(r.ratio.n for r in group), max(r.ratio.n for r in group)
    n = f"n = {plural(most, 'round')}" if fewest == most else f"n = {fewest} to {plural(most, 'round')}"
    number = cell(row.ratio)
    text = f"{number.main}x{f' ({number.small})' if number.small else ''}" if not number.empty else "no ratio"
    if row.verdict is not None:
        text += f" {row.verdict}"
    ends = row.ratio.low, row.ratio.high
    return Ratio(f"{profile_name(row.profile)}, {n}", figure_name(row), row.ratio.value, *ends, text)


def table(comparison: Comparison, block: RatioTable) -> Table:
    """The table of a profile; each figure with the rounds that it rests on."""
    a, b = short_names(comparison)
    rows = block.rows
    columns = [
        Column("figure", 0, [Cell(figure_name(row)) for row in rows]),
        Column(f"{a} ms", 0, [milliseconds(row.a_ms) for row in rows]),
        Column(f"{b} ms", 0, [milliseconds(row.b_ms) for row in rows]),
        Column("ratio", 0, [cell(row.ratio) for row in rows]),
        Column("n rounds", 0, [Cell(f"{row.ratio.n:,}") for row in rows]),
        Column("verdict", 0, [verdict(row) for row in rows]),
    ]
    return Table(block.title, harmless(block.about), columns, [harmless(text) for text in block.remarks])


def verdict(row: ComparisonRow) -> Cell:
    """The verdict and what it would still take, or why there is none."""
    if row.verdict is None:
        return Cell(MISSING, harmless(row.why or ""))
    more = f"about {plural(row.rounds_needed, 'more round')} needed" if row.rounds_needed is not None else ""
    return Cell(str(row.verdict), more)
