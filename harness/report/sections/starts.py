"""Where cold starts spend their time."""

from collections.abc import Iterator
from functools import partial

from harness.analysis.stats import floor
from harness.analysis.summary import Row
from harness.record.figures import plural
from harness.record.nouns import FORCED_COLD
from harness.report.blocks import phase_tables
from harness.report.charts.waterfall import waterfall
from harness.report.material import Material, limit_charts, title
from harness.report.nouns import Chart, Part

ABOUT = (
    "Each bar is the median of one part over all cold starts that stamped it, and begins where the one before ends. "
    "The medians of the parts do not add up to the median of the whole, which stands below them. The hollow bar is "
    "what no part accounts for. Forced cold starts have an axis of their own."
)


def starts(material: Material) -> Part:
    """A waterfall per row that has stamped cold starts, forced ones first, and a table of all."""
    charts, remarks = limit_charts(list(charts_of(material)))
    absent = [] if charts else [f"no row has {floor(0.5)} cold starts with stamped parts, as a median needs"]
    tables = phase_tables([material.summary.rows[place] for block in material.blocks() for place in block])
    return Part("starts", "Cold starts, part by part", [ABOUT] if charts else [], charts, tables, [], absent, remarks)


def charts_of(material: Material) -> Iterator[Chart]:
    """A chart per row; all of a workload's that were forced on one axis, and those under traffic, which slow each
    other down, on another."""
    rows = material.summary.rows
    longest: dict[tuple[str, bool], float] = {}
    for row in rows:
        whole = max(sum(row.known_phases_ms.values()), row.cold_p50_ms.value or 0.0)
        longest[axis_of(row)] = max(longest.get(axis_of(row), 0.0), whole)
    for block in reversed(material.blocks()):
        for label, row in zip(material.labels(block), (rows[place] for place in block), strict=True):
            if not row.known_phases_ms or not longest[axis_of(row)]:
                continue
            n = plural(row.cold_p50_ms.n, "cold start")
            name = title(material, row, label, f"n = {n}")
            parts = row.known_phases_ms
            description = f"{name}: " + ", ".join(
                f"{phase.replace('_', ' ')} {ms:.3g} ms" for phase, ms in parts.items()
            )
            draw = partial(
                waterfall,
                label=description,
                parts=parts,
                whole=row.cold_p50_ms,
                style=material.style(label),
                most_ms=longest[axis_of(row)],
            )
            yield Chart(name, [], draw)


def axis_of(row: Row) -> tuple[str, bool]:
    """The charts that share an axis: its workload's, forced or not."""
    return row.workload, row.profile == FORCED_COLD
