"""Waterfall of one kind of cold start: the median of each part, one after the other, and the median of the whole."""

from collections.abc import Mapping

from matplotlib.figure import Figure

from harness.record.estimate import Estimate
from harness.record.figures import cell, milliseconds
from harness.report.charts.canvas import drawn, linear
from harness.report.charts.palette import INK, MUTED, SURFACE, Style


def waterfall(
    prefix: str, label: str, parts: Mapping[str, float], whole: Estimate, style: Style, most_ms: float
) -> str:
    """`parts` in ms and in order; `most_ms` is the length of the axis, the same for all charts of a workload."""
    whole_ms = whole.value
    names = list(parts)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_xlim(0, most_ms * 1.16)
        axes.set_ylim(len(names) - 0.4 + (whole_ms is not None), -0.6)
        at = 0.0
        for y, name in enumerate(names):
            rest = name == "unaccounted"
            face = SURFACE if rest else style.colour
            axes.barh(y, parts[name], left=at, height=0.62, facecolor=face, edgecolor=style.colour, linewidth=1)
            at += parts[name]
            axes.text(at + most_ms * 0.012, y, milliseconds(parts[name]).main, va="center", color=INK)
        ticks = [name.replace("_", " ") for name in names]
        if whole_ms is not None:
            axes.barh(len(names), whole_ms, height=0.3, facecolor=MUTED, edgecolor="none")
            axes.text(whole_ms + most_ms * 0.012, len(names), cell(whole).main, va="center", weight="bold")
            ticks.append("whole, median")
        axes.set_yticks(range(len(ticks)), ticks, color=INK)
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x")
        linear(axes.xaxis)
        axes.set_xlabel("median ms")

    return drawn(prefix, label, 60 + 20 * (len(names) + (whole_ms is not None)), draw)
