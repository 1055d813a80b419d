"""Cost per month of both sides over the rate of requests, with their intervals, and every rate where they cross."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.record.estimate import Estimate
from harness.report.charts.axes import Area, Axis, draw_x, draw_y, room_for
from harness.report.charts.drawing import WIDTH, Drawing
from harness.report.charts.palette import Style

Ends = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class CostCurve:
    """USD of a month at each rate, and its cheap and dear ends; empty where one is not known."""

    style: Style
    usd: Sequence[float]
    ends: Ends = ()


def break_even(
    label: str,
    rates: Sequence[float],
    sides: Sequence[CostCurve],
    crossings: Sequence[Estimate],
    expected: float | None,
    currency: str,
) -> str:
    """The SVG: both curves and where they cross. Both axes are logarithmic; what costs nothing has no place on them."""
    drawing = Drawing(label, 270)
    crossed = [each.value for each in crossings if each.value is not None and each.value > 0]
    upright = [*((x, "ink") for x in crossed), *([(expected, "muted broken")] if expected else [])]
    across = [*(rate for rate in rates if rate > 0), *(x for x, _ in upright)] or [1.0, 10.0]
    costs = [cost for side in sides for cost in (*side.usd, *(end for ends in side.ends for end in ends)) if cost > 0]
    low, high = min(costs, default=1.0) / 1.2, max(costs, default=10.0) * 1.2
    area = Area(room_for([low, high], label=True), WIDTH - 14, 8, 270 - 36)
    x, y = area.across(min(across), max(across), log=True), area.upward(low, high, log=True)
    for each in crossings:
        if each.low is not None and each.high is not None:
            begin, end = x.at(each.low), x.at(each.high)
            drawing.box(begin, area.top, end - begin, area.bottom - area.top, "shade")
    draw_y(drawing, y, area, f"{currency} per month")
    draw_x(drawing, x, area, "requests per second, mean of the month")
    for rate, kind in upright:
        drawing.line((x.at(rate), area.top), (x.at(rate), area.bottom), f"stem {kind}")
    for side in sides:
        draw_ends(drawing, x, y, rates, side)
    for side in sides:
        told = zip(rates, side.usd, strict=True)
        points = [(x.at(rate), y.at(cost)) for rate, cost in told if rate > 0 and cost > 0]
        drawing.series(points, side.style, points[:: max(1, len(points) // 6)])
    return drawing.svg()


def draw_ends(drawing: Drawing, x: Axis, y: Axis, rates: Sequence[float], side: CostCurve) -> None:
    """Draw the interval as a surface in the side's colour, which lets the lines below it through."""
    known = [(rate, *ends) for rate, ends in zip(rates, side.ends, strict=False) if rate > 0 and ends[1] > 0]
    above = [(x.at(rate), y.at(dear)) for rate, _, dear in known]
    below = [(x.at(rate), y.at(cheap)) for rate, cheap, _ in reversed(known)]
    drawing.path([*above, *below], f"spread {side.style.colour}")
