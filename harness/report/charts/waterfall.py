"""Waterfall of one kind of cold start: the median of each part, one after the other, and the median of the whole."""

from collections.abc import Mapping

from harness.record.estimate import Estimate
from harness.record.figures import cell, milliseconds
from harness.report.charts.axes import Area, draw_x
from harness.report.charts.drawing import WIDTH, Drawing, width_of
from harness.report.charts.palette import Style

BAR = 20
"""Px that each part takes."""


def waterfall(label: str, parts: Mapping[str, float], whole: Estimate, style: Style, most_ms: float) -> str:
    """The SVG: `parts` in ms and in order; `most_ms` ends the axis of all charts of a workload."""
    names = [*(name.replace("_", " ") for name in parts), *(["whole, median"] if whole.value is not None else [])]
    height = 60 + BAR * len(names)
    drawing = Drawing(label, height)
    area = Area(max(width_of(name) for name in names) + 6, WIDTH - 16, 4, height - 36)
    axis = area.across(0, most_ms * 1.16)
    room = (area.bottom - area.top) / len(names)
    middles = [area.top + room * (place + 0.5) for place in range(len(names))]
    draw_x(drawing, axis, area, "median ms", grid=True)
    drawing.line((area.left, area.top), (area.left, area.bottom), "axis")
    for y, name in zip(middles, names, strict=True):
        drawing.text(area.left - 6, y, name, anchor="end")
    at = 0.0
    for y, (name, ms) in zip(middles, parts.items(), strict=False):
        begin, end = axis.at(at), axis.at(at + ms)
        drawing.box(begin, y - 6, end - begin, 12, f"{'empty' if name == 'unaccounted' else 'full'} {style.colour}")
        drawing.text(end + 4, y, milliseconds(ms).main, "halo")
        at += ms
    if whole.value is not None:
        end = axis.at(whole.value)
        drawing.box(area.left, middles[-1] - 3, end - area.left, 6, "full muted")
        drawing.text(end + 4, middles[-1], cell(whole).main, "strong halo")
    return drawing.svg()
