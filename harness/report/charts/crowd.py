"""Requests in flight and units alive over the time of the schedule."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.analysis.stats import Floats
from harness.report.charts.axes import Area, draw_x, draw_y, room_for
from harness.report.charts.drawing import WIDTH, Drawing
from harness.report.charts.palette import Style


@dataclass(frozen=True)
class Course:
    """One series: the mean over its trials of the most within each bin; `units` is None where none was seen."""

    style: Style
    edges_s: Floats
    in_flight: Floats
    units: Floats | None


def crowd(label: str, courses: Sequence[Course]) -> str:
    """The SVG: requests in flight above, units alive below, on the same axis of time."""
    drawing = Drawing(label, 270)
    panels = [
        ("requests in flight, most", 0.0, [(course, course.in_flight) for course in courses]),
        ("sandboxes or replicas alive, most", 120.0, [(c, c.units) for c in courses if c.units is not None]),
    ]
    most = [max([1.0, *(float(values.max()) for _, values in lines)]) for _, _, lines in panels]
    left = max(room_for([value], label=False) for value in most) + 4
    seconds = max(float(course.edges_s[-1]) for course in courses)
    for (title, top, lines), highest in zip(panels, most, strict=True):
        area = Area(left, WIDTH - 14, top + 24, top + 112)
        x, y = area.across(0, seconds), area.upward(0, highest * 1.05, most=4, whole=True)
        drawing.text(area.left, top + 10, title)
        draw_y(drawing, y, area)
        last = top > 0
        draw_x(drawing, x if last else replace(x, ticks=()), area, "seconds since the schedule began" if last else "")
        for course, values in lines:
            middles = (course.edges_s[:-1] + course.edges_s[1:]) / 2
            points = [(x.at(at), y.at(value)) for at, value in zip(middles.tolist(), values.tolist(), strict=True)]
            drawing.series(points, course.style, points[::3])
    return drawing.svg()
