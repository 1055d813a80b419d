"""Peak memory of one unit against the size it was given."""

from collections.abc import Iterator
from functools import partial
from typing import Any

from harness.analysis.summary import Row
from harness.files.text import harmless
from harness.record.figures import MISSING, Cell, count
from harness.record.figures import figure as three_digits
from harness.report.blocks import Column, Table
from harness.report.charts.memory import Peak, memory
from harness.report.material import Material, limit_charts, profile_name, side_of
from harness.report.nouns import Chart, KeyEntry, Part

ABOUT = (
    "The bar is the kernel's own peak, which counts page cache to whoever touched it first; the diamond is the peak of "
    "what is the process's own, sampled; the line across is the size that was given. 1 MB is 1,048,576 bytes."
)


def memory_part(material: Material) -> Part:
    """A chart per workload, and a table of all rows."""
    charts, remarks = limit_charts(list(charts_of(material)))
    absent = [] if charts else ["no memory counter was read"]
    tables = [table(material)] if material.summary.rows else []
    return Part("memory", "Memory", [ABOUT] if charts else [], charts, tables, [], absent, remarks)


def charts_of(material: Material) -> Iterator[Chart]:
    """A chart per workload, of the rows of which anything was read."""
    peaks_of: dict[str, list[Peak]] = {}
    for label, row in rows_of(material):
        if row.memory_peak_mb is not None or row.memory_own_peak_mb is not None:
            name = f"{label}, {profile_name(row.profile)}"
            peak = Peak(name, material.style(label), row.memory_peak_mb, row.memory_own_peak_mb, size_given_mb(row))
            peaks_of.setdefault(row.workload, []).append(peak)
    for workload, peaks in peaks_of.items():
        description = f"peak memory of one unit, {harmless(workload)}: " + "; ".join(
            f"{p.label} {three_digits(p.kernel_mb)} MB" for p in peaks
        )
        keys = [
            KeyEntry("kernel's peak, MB (first number)", pattern="bar"),
            KeyEntry("own peak, MB (second number)", pattern="diamond"),
            KeyEntry("size given", pattern="tick"),
        ]
        yield Chart(harmless(workload), keys, partial(memory, label=description, peaks=peaks))


def rows_of(material: Material) -> list[tuple[str, Row]]:
    """Every row with its label, in the order of the page."""
    rows = material.summary.rows
    return [pair for b in material.blocks() for pair in zip(material.labels(b), (rows[i] for i in b), strict=True)]


def size_given_mb(row: Row) -> float | None:
    """Sizing of one unit in MB, where the case has one."""
    given: Any = row.case.get("memory_mb")
    usable = isinstance(given, int | float) and not isinstance(given, bool) and 0 < given < 1e9
    return float(given) if usable else None


def table(material: Material) -> Table:
    """A table of all rows, with what would be bought for them where costs are known."""
    rows = rows_of(material)
    columns = [
        Column("target", 0, [Cell(f"{label}, {profile_name(row.profile)}") for label, row in rows]),
        Column("n trials", 0, [count(row.trials - row.invalid_trials) for _, row in rows]),
        Column("kernel peak MB", 0, [Cell(three_digits(row.memory_peak_mb)) for _, row in rows]),
        Column("own peak MB", 0, [Cell(three_digits(row.memory_own_peak_mb)) for _, row in rows]),
        Column("mean MB", 0, [Cell(three_digits(row.memory_mean_mb)) for _, row in rows]),
        Column(
            "size given MB", 0, [Cell(f"{size:,g}" if (size := size_given_mb(row)) else MISSING) for _, row in rows]
        ),
    ]
    if material.costing:
        sides = [side_of(material.costing.sides, row) for _, row in rows]
        columns.append(
            Column("priced as", 0, [Cell(harmless(side.purchase.sku) if side else MISSING) for side in sides])
        )
    return Table("Memory of one unit", "the largest of all units of valid trials", columns)
