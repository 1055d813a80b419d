"""Median cold start over the size of the model, with intervals, and the limits that it meets. Both axes logarithmic."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.record.estimate import Estimate
from harness.report.charts.axes import Area, draw_x, draw_y, room_for
from harness.report.charts.drawing import WIDTH, Drawing
from harness.report.charts.palette import Style

APART_PX = 5
"""Between the curves' points of one size, so that no interval hides another."""


@dataclass(frozen=True)
class SizeCurve:
    """One point for each size in MB; each estimate has a value, in ms."""

    style: Style
    points: Sequence[tuple[float, Estimate]]


def sizes(label: str, curves: Sequence[SizeCurve], limits: Sequence[tuple[float, str]]) -> str:
    """The SVG. `limits` are ms with what they are called; each is a broken line across."""
    drawing = Drawing(label, 270)
    points = [point for curve in curves for point in curve.points]
    ends = [end for _, ms in points for end in (ms.low, ms.value, ms.high) if end]
    ends += [limit_ms for limit_ms, _ in limits]
    across = [mb for mb, _ in points]
    low, high = min(ends) / 1.3, max(ends) * 1.3
    area = Area(room_for([low, high], label=True), WIDTH - 14, 8, 270 - 36)
    x, y = area.across(min(across) / 1.3, max(across) * 1.3, log=True), area.upward(low, high, log=True)
    draw_y(drawing, y, area, "median cold start, ms")
    draw_x(drawing, x, area, "model, MB of 1,000,000 bytes")
    for limit_ms, name in limits:
        drawing.line((area.left, y.at(limit_ms)), (area.right, y.at(limit_ms)), "stem muted broken")
        drawing.text(area.left + 6, y.at(limit_ms) - 8, name, "soft")
    for number, curve in enumerate(curves):
        aside = APART_PX * (number - (len(curves) - 1) / 2)
        places = [(x.at(mb) + aside, y.at(ms.value or 0.0)) for mb, ms in curve.points]
        for (place, _), (_, ms) in zip(places, curve.points, strict=True):
            if ms.low is not None and ms.high is not None:
                drawing.line((place, y.at(ms.low)), (place, y.at(ms.high)), f"line {curve.style.colour}")
        drawing.series(places, curve.style, places)
    return drawing.svg()
