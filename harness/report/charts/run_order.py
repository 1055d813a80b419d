"""Every trial of one kind in the order in which they were made, so that drift shows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.report.charts.axes import Area, Axis, draw_x, draw_y, room_for, ticks
from harness.report.charts.drawing import WIDTH, Drawing
from harness.report.charts.palette import Style


@dataclass(frozen=True)
class Mark:
    """One trial. `median_ms` is infinite when it falls among failures and None when there is none."""

    style: Style
    order: int
    median_ms: float | None
    valid: bool


def run_order(label: str, marks: Sequence[Mark]) -> str:
    """The SVG: medians on a log axis; what has none stands at the edge: above without an end, below without a value."""
    drawing = Drawing(label, 220)
    values = [m.median_ms for m in marks if m.median_ms is not None and 0 < m.median_ms < math.inf]
    low, high = (min(values) / 1.3, max(values) * 1.3) if values else (1.0, 10.0)
    orders = [mark.order for mark in marks]
    area = Area(room_for(ticks(low, high, True, 5, False), label=True) + 4, WIDTH - 14, 8, 220 - 36)
    x, y = area.across(min(orders) - 0.8, max(orders) + 0.8, whole=True), area.upward(low, high, log=True)
    draw_y(drawing, y, area, "median latency, ms")
    draw_x(drawing, x, area, "place in the run")
    for mark in marks:
        draw_mark(drawing, x.at(mark.order), y, mark)
    return drawing.svg()


def draw_mark(drawing: Drawing, x: float, axis: Axis, mark: Mark) -> None:
    """Draw a trial's mark: filled when valid; INVALID ones are hollow with a cross."""
    known = mark.median_ms is not None and 0 < mark.median_ms < math.inf
    edge = axis.end + 5 if mark.median_ms == math.inf else axis.begin - 5
    y = axis.at(mark.median_ms) if known and mark.median_ms is not None else edge
    shape = "up" if mark.median_ms == math.inf else mark.style.marker
    drawing.mark((x, y), shape, f"{'mark' if mark.valid else 'empty'} {mark.style.colour}")
    if not mark.valid:
        drawing.mark((x, y), "cross", "edge failed")
