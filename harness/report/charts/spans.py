"""Figures with their intervals on one log axis, group by group, beside a limit."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.record.estimate import Estimate
from harness.record.figures import MISSING, cell
from harness.report.charts.axes import Area, Axis, draw_x
from harness.report.charts.drawing import WIDTH, Drawing, brief
from harness.report.charts.palette import Style

GROUP_PX, ROW_PX = 24.0, 36.0


@dataclass(frozen=True)
class Span:
    """One figure of one series; a figure without a value is a row with a dash."""

    group: str
    name: str
    style: Style
    estimate: Estimate


def spans(label: str, figures: Sequence[Span], unit: str, limit: float | None) -> str:
    """The SVG: a row for each figure below its group's name, and the limit as a broken line through all."""
    groups = list(dict.fromkeys(figure.group for figure in figures))
    drawing = Drawing(label, GROUP_PX * len(groups) + ROW_PX * len(figures) + 46)
    area = Area(6, WIDTH - 6, 6, drawing.height - 36)
    axis = area.across(*extent(figures, limit), log=True)
    if limit is not None:
        drawing.line((axis.at(limit), area.top), (axis.at(limit), area.bottom), "stem muted broken")
    y = area.top
    for group in groups:
        drawing.text(area.left, y + GROUP_PX / 2, brief(group, 50), "strong halo")
        y += GROUP_PX
        for figure in (figure for figure in figures if figure.group == group):
            draw_span(drawing, axis, area, y + ROW_PX / 2, figure)
            y += ROW_PX
    draw_x(drawing, axis, area, unit)
    return drawing.svg()


def draw_span(drawing: Drawing, axis: Axis, area: Area, y: float, figure: Span) -> None:
    """Draw a name and the figure in words, and below them the marker with its interval."""
    drawing.text(area.left, y - 8, brief(figure.name, 26), "halo")
    estimate, words = figure.estimate, cell(figure.estimate)
    told = f"{words.main} ({words.small})" if words.small else words.main
    drawing.text(area.right, y - 8, told, "soft halo" if words.main == MISSING else "halo", "end")
    if not estimate.value or estimate.value <= 0:
        return
    if estimate.low is not None and estimate.high is not None:
        begin, end = axis.at(estimate.low), axis.at(estimate.high)
        drawing.line((begin, y + 7), (end, y + 7), f"edge {figure.style.colour}")
        for x in (begin, end):
            drawing.line((x, y + 3), (x, y + 11), f"edge {figure.style.colour}")
    drawing.mark((axis.at(estimate.value), y + 7), figure.style.marker, f"mark {figure.style.colour}")


def extent(figures: Sequence[Span], limit: float | None) -> tuple[float, float]:
    """Both ends of the axis, with room for marks."""
    ends = [end for f in figures for end in (f.estimate.low, f.estimate.value, f.estimate.high)]
    numbers = [number for number in (*ends, limit) if number is not None and number > 0] or [1.0, 10.0]
    return min(numbers) / 1.2, max(numbers) * 1.2
