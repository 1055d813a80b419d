"""Forest plot: ratios with their intervals on a log axis, the margin shaded."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from harness.report.charts.canvas import brief, drawn, logarithmic, shade
from harness.report.charts.palette import INK, MUTED, SURFACE

ROW = 36
BEYOND = 8
"""An interval is drawn as far as so many times the largest ratio."""


@dataclass(frozen=True)
class Ratio:
    """One figure: `low` and `high` are None without an interval, `value` where there is no ratio either."""

    group: str
    label: str
    value: float | None
    low: float | None
    high: float | None
    told: str
    """What stands at the right."""


def forest(prefix: str, label: str, ratios: Sequence[Ratio], margin: float, axis_label: str) -> str:
    """Groups one below another, each under its name."""
    lines: list[str | Ratio] = []
    for ratio in ratios:
        if not lines or (isinstance(lines[-1], Ratio) and lines[-1].group != ratio.group):
            lines.append(ratio.group)
        lines.append(ratio)

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_xscale("log")
        low, high = span(ratios, margin)
        axes.set_xlim(low, high)
        axes.set_ylim(len(lines) - 0.5, -0.6)
        shade(axes, 1 / (1 + margin), 1 + margin)
        axes.axvline(1, color=MUTED, linewidth=1)
        for y, entry in enumerate(lines):
            draw_row(axes, y, entry)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        logarithmic(axes.xaxis, low, high)
        axes.set_xlabel(brief(axis_label, 58))

    return drawn(prefix, label, 56 + ROW * len(lines), draw)


def draw_row(axes: Any, y: int, entry: str | Ratio) -> None:
    """A group's name, or a figure with its words and, below them, a point with its interval."""
    place = {
        "transform": blended_transform_factory(axes.transAxes, axes.transData),
        "va": "center",
        # On a ground of their own, or the margin's lines would run through the letters.
        "bbox": {"facecolor": SURFACE, "edgecolor": "none", "pad": 1},
    }
    if isinstance(entry, str):
        axes.text(0, y + 0.12, brief(entry, 50), weight="bold", ha="left", color=INK, **place)
        return
    axes.text(0, y - 0.25, brief(entry.label, 20), ha="left", color=INK, **place)
    axes.text(1, y - 0.25, entry.told, ha="right", color=INK if entry.value else MUTED, **place)
    if entry.value is None:
        return
    whole = entry.low is not None and entry.high is not None
    if entry.low is not None and entry.high is not None:
        draw_interval(axes, y + 0.2, entry.low, entry.high)
    face = INK if whole else SURFACE
    axes.plot([entry.value], [y + 0.2], marker="D", color=INK, markerfacecolor=face, markeredgecolor=INK)


def draw_interval(axes: Any, y: float, low: float, high: float) -> None:
    """An arrow stands where it goes on beyond the axis."""
    least, most = axes.get_xlim()
    axes.plot((max(low, least), min(high, most)), (y, y), color=INK, linewidth=2, solid_capstyle="butt")
    for beyond, edge, marker in ((low < least, least, "<"), (high > most, most, ">")):
        if beyond:
            axes.plot([edge], [y], marker=marker, color=INK, clip_on=False)


def span(ratios: Sequence[Ratio], margin: float) -> tuple[float, float]:
    """Both ends of the axis: all ratios, the margin, and as much of the intervals as leaves them readable."""
    values = [*(r.value for r in ratios if r.value), 1 / (1 + margin) ** 2, (1 + margin) ** 2]
    low, high = min(values), max(values)
    ends = [x for ratio in ratios for x in (ratio.low, ratio.high) if x is not None and x > 0]
    return max(min([low, *ends]), low / BEYOND) / 1.15, min(max([high, *ends]), high * BEYOND) * 1.15
