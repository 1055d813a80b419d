"""Empirical distribution of latencies on a log axis; it ends below 1 where requests had no good answer."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.stats import Floats
from harness.report.charts.axes import Area, draw_x, draw_y, room_for
from harness.report.charts.drawing import WIDTH, Drawing, stairs
from harness.report.charts.palette import Style

MOST_POINTS = 160
DOTS = 40
"""A line of at most so many requests shows each of them."""


@dataclass(frozen=True)
class Curve:
    """`ms` has one latency per request, infinite without a good answer."""

    style: Style
    ms: Floats


def ecdf(label: str, curves: Sequence[Curve]) -> str:
    """The SVG: one line per series."""
    drawing = Drawing(label, 250)
    area = Area(room_for([100], label=True), WIDTH - 18, 8, 250 - 36)
    lines = [(curve, *steps(curve.ms)) for curve in curves]
    ends = [float(end) for _, x, _ in lines if len(x) for end in (x[0], x[-1])] or [1.0, 10.0]
    across, upward = area.across(min(ends) / 1.2, max(ends) * 1.2, log=True), area.upward(0, 100)
    draw_y(drawing, replace(upward, ticks=(0, 25, 50, 75, 100)), area, "% of requests")
    draw_x(drawing, across, area, "latency from the scheduled moment, ms")
    for curve, x, y in lines:
        points = [(across.at(ms), upward.at(100 * share)) for ms, share in zip(x.tolist(), y.tolist(), strict=True)]
        drawing.path(stairs(points), f"line {curve.style.colour}", curve.style.dashes)
        for point in points[1:] if len(curve.ms) <= DOTS else []:
            drawing.mark(point, curve.style.marker, f"mark {curve.style.colour}", 0.75)
    return drawing.svg()


def steps(ms: Floats) -> tuple[Floats, Floats]:
    """Corners of the curve, thinned evenly over the requests: first, last and MOST_POINTS at most."""
    finite = np.sort(ms[np.isfinite(ms) & (ms > 0)])
    if not len(finite):
        return np.empty(0), np.empty(0)
    ranks = np.arange(1, len(finite) + 1)
    if len(finite) > MOST_POINTS:
        ranks = np.unique(np.linspace(1, len(finite), MOST_POINTS).astype(int))
    return np.concatenate([finite[:1], finite[ranks - 1]]), np.concatenate([[0.0], ranks / len(ms)])
