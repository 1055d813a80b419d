"""Cost per month of both sides over the rate of requests, and where they are the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.charts.axes import Area, draw_x, draw_y, room_for
from harness.report.charts.drawing import WIDTH, Drawing
from harness.report.charts.palette import Style


@dataclass(frozen=True)
class Crossing:
    """The rate at which both cost the same, if there is one, and the rate that the experiment expects."""

    rate: float | None
    low: float | None
    high: float | None
    expected: float | None


def break_even(
    label: str,
    rates: Sequence[float],
    sides: Sequence[tuple[Style, Sequence[float]]],
    crossing: Crossing,
    currency: str,
) -> str:
    """The SVG: both curves and where they cross. Both axes are logarithmic; what costs nothing has no place on them."""
    drawing = Drawing(label, 270)
    upright = [(x, kind) for x, kind in ((crossing.rate, "ink"), (crossing.expected, "muted broken")) if x and x > 0]
    across = [*(rate for rate in rates if rate > 0), *(x for x, _ in upright)] or [1.0, 10.0]
    costs = [cost for _, side in sides for cost in side if cost > 0] or [1.0, 10.0]
    low, high = min(costs) / 1.2, max(costs) * 1.2
    area = Area(room_for([low, high], label=True), WIDTH - 14, 8, 270 - 36)
    x, y = area.across(min(across), max(across), log=True), area.upward(low, high, log=True)
    if crossing.low is not None and crossing.high is not None:
        begin, end = x.at(crossing.low), x.at(crossing.high)
        drawing.box(begin, area.top, end - begin, area.bottom - area.top, "shade")
    draw_y(drawing, y, area, f"{currency} per month")
    draw_x(drawing, x, area, "requests per second, mean of the month")
    for rate, kind in upright:
        drawing.line((x.at(rate), area.top), (x.at(rate), area.bottom), f"stem {kind}")
    for style, side in sides:
        points = [(x.at(rate), y.at(cost)) for rate, cost in zip(rates, side, strict=True) if rate > 0 and cost > 0]
        drawing.series(points, style, points[:: max(1, len(points) // 6)])
    return drawing.svg()
