"""Cold starts over the size of the model, where a run has several."""

from functools import partial

from harness.analysis.summary import Row
from harness.decision.model_sizes import MB, SizeSeries, size_lines, size_series, stated_objective
from harness.files.text import harmless
from harness.record.figures import Cell, cell, count, figure, milliseconds
from harness.record.nouns import FORCED_COLD, StartClass
from harness.report.blocks import Column, Table, drop_empty
from harness.report.charts.palette import style
from harness.report.charts.sizes import SizeCurve
from harness.report.charts.sizes import sizes as draw_sizes
from harness.report.material import Material
from harness.report.nouns import Chart, KeyEntry, Part

ABOUT = (
    "Forced cold starts of models that differ in size alone: each point is a median with its interval. Where a "
    "function's initialisation takes longer than its limit it is cut off and done again: the request waits for both."
)


def sizes(material: Material) -> list[Part]:
    """The part, or nothing where no two rows differ in the size of their model."""
    manifest, rows = material.run.manifest, material.summary.rows
    found = size_series(manifest, rows)
    if not found:
        return []
    charts = [chart] if (chart := chart_of(material, found)) else []
    absent = [] if charts else ["no size has a median"]
    lines = [harmless(line) for line in size_lines(manifest, rows)]
    return [Part("sizes", "Size of the model", [ABOUT, *lines], charts, [table(material, found)], [], absent)]


def chart_of(material: Material, found: list[SizeSeries]) -> Chart | None:
    """One curve for each target and regime, and the limits."""
    curves, keys, words = [], [], []
    for place, series in enumerate(found):
        told = [((row.model_bytes or 0) / MB, row.cold_p50_ms) for row in series.rows if row.cold_p50_ms.value]
        if told:
            curves.append(SizeCurve(style(place), told))
            keys.append(KeyEntry(harmless(series.label), place))
            points = ", ".join(f"{figure(ms.value)} ms at {figure(mb)} MB" for mb, ms in told)
            words.append(f"{series.label} {points}")
    if not curves:
        return None
    limits = []
    if objective := stated_objective(material.run.manifest):
        limits.append((objective.latency_ms, f"objective, {figure(objective.latency_ms)} ms"))
    for seconds in sorted({series.init_timeout_s for series in found if series.init_timeout_s}):
        limits.append((1000 * seconds, f"initialisation is cut off at {seconds:g} s"))
    description = f"median cold start over the size of the model: {'; '.join(words)}"
    return Chart("Cold start by size", keys, partial(draw_sizes, label=description, curves=curves, limits=limits))


def table(material: Material, found: list[SizeSeries]) -> Table:
    """A line for each size of each series, with what its warm requests took."""
    lines = [(series, row) for series in found for row in series.rows]
    warm = [warm_of(material.summary.rows, row) for _, row in lines]
    columns = [
        Column(
            "target",
            0,
            [Cell(harmless(f"{series.label}, {figure((r.model_bytes or 0) / MB)} MB")) for series, r in lines],
        ),
        Column("n", 0, [count(row.cold_p50_ms.n) for _, row in lines]),
        Column("cold p50 ms", 0, [cell(row.cold_p50_ms) for _, row in lines]),
        Column("cold p90 ms", 0, [cell(row.cold_p90_ms) for _, row in lines]),
        Column("weights ms", 0, [milliseconds(row.known_phases_ms.get("weights")) for _, row in lines]),
        Column("init cut off", 0, [count(row.start_classes.get(StartClass.COLD_REINIT, 0)) for _, row in lines]),
        Column("not ok", 0, [count((row.scheduled or 0) - (row.ok or 0)) for _, row in lines]),
        Column("warm p50 ms", 0, [cell(row.warm_p50_ms) if row else cell(None) for row in warm]),
        Column("own peak MB", 0, [Cell(figure(row.memory_own_peak_mb)) for _, row in lines]),
    ]
    return Table("Cold starts by the size of the model", "own peak in MB of 1,048,576 bytes", drop_empty(columns))


def warm_of(rows: list[Row], cold: Row) -> Row | None:
    """The first row under traffic of the same workload and target."""
    same = (row for row in rows if (row.workload, row.target) == (cold.workload, cold.target))
    return next((row for row in same if row.profile != FORCED_COLD), None)
