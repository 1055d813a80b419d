"""Forest plot: ratios with their intervals on a log axis, the margin shaded."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.charts.axes import Area, Axis, draw_x
from harness.report.charts.drawing import WIDTH, Drawing, brief

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
    words: str
    """The text at the right."""


def forest(label: str, ratios: Sequence[Ratio], margin: float, axis_label: str) -> str:
    """The SVG: groups one below another, each under its name."""
    lines: list[str | Ratio] = []
    for ratio in ratios:
        if not lines or (isinstance(lines[-1], Ratio) and lines[-1].group != ratio.group):
            lines.append(ratio.group)
        lines.append(ratio)

    height = 56 + ROW * len(lines)
    drawing = Drawing(label, height)
    area = Area(6, WIDTH - 6, 6, height - 36)
    axis = area.across(*span(ratios, margin), log=True)
    low, high = axis.at(1 / (1 + margin)), axis.at(1 + margin)
    drawing.box(low, area.top, high - low, area.bottom - area.top, "shade")
    drawing.line((axis.at(1), area.top), (axis.at(1), area.bottom), "stem muted")
    for place, entry in enumerate(lines):
        draw_row(drawing, axis, area, area.top + ROW * (place + 0.5), entry)
    draw_x(drawing, axis, area, brief(axis_label, 58))
    return drawing.svg()


def draw_row(drawing: Drawing, axis: Axis, area: Area, y: float, entry: str | Ratio) -> None:
    """Draw a group's name, or a figure with its words and, below them, a point with its interval."""
    if isinstance(entry, str):
        drawing.text(area.left, y + 6, brief(entry, 50), "strong halo")
        return
    drawing.text(area.left, y - 7, brief(entry.label, 20), "halo")
    drawing.text(area.right, y - 7, entry.words, "halo" if entry.value else "soft halo", "end")
    if entry.value is None:
        return
    whole = entry.low is not None and entry.high is not None
    if entry.low is not None and entry.high is not None:
        draw_interval(drawing, axis, y + 9, entry.low, entry.high)
    drawing.mark((axis.at(entry.value), y + 9), "diamond", "mark ink" if whole else "empty ink")


def draw_interval(drawing: Drawing, axis: Axis, y: float, low: float, high: float) -> None:
    """Draw an interval; an arrow stands where it goes on beyond the axis."""
    drawing.line((axis.at(low), y), (axis.at(high), y), "edge ink")
    if low < axis.low:
        drawing.mark((axis.begin, y), "left", "mark ink")
    if high > axis.high:
        drawing.mark((axis.end, y), "right", "mark ink")


def span(ratios: Sequence[Ratio], margin: float) -> tuple[float, float]:
    """Both ends of the axis: all ratios, the margin, and as much of the intervals as leaves them readable."""
    values = [*(r.value for r in ratios if r.value), 1 / (1 + margin) ** 2, (1 + margin) ** 2]
    low, high = min(values), max(values)
    ends = [x for ratio in ratios for x in (ratio.low, ratio.high) if x is not None and x > 0]
    return max(min([low, *ends]), low / BEYOND) / 1.15, min(max([high, *ends]), high * BEYOND) * 1.15
