"""What requests met over the time of the schedule: the traffic on top, below it a strip of shares per series."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from harness.analysis.stats import Floats
from harness.report.charts.axes import Area, draw_x, draw_y, room_for, ticks
from harness.report.charts.drawing import WIDTH, Drawing, brief, stairs
from harness.report.charts.palette import Style

KINDS = ("warm", "cold", "bad", "unknown")
"""The kinds of request, from the bottom of a bar; the page's key shows the same patterns."""
TRAFFIC_PX, STRIP_PX = 92.0, 84.0


@dataclass(frozen=True)
class Strip:
    """Requests of one series by kind and bin; `edges_s` has one more value than there are bins."""

    label: str
    style: Style
    edges_s: Floats
    arrivals_per_s: Floats
    kinds: dict[str, Floats]


def mix(label: str, strips: Sequence[Strip]) -> str:
    """The SVG: the traffic and all strips, over one axis of time."""
    drawing = Drawing(label, TRAFFIC_PX + STRIP_PX * len(strips) + 32)
    seconds = max(float(strip.edges_s[-1]) for strip in strips)
    most = max([1e-9, *(float(strip.arrivals_per_s.max(initial=0)) for strip in strips)])
    left = max(room_for([100], label=False), room_for(ticks(0, most, False, 3, False), label=False)) + 4
    draw_traffic(drawing, Area(left, WIDTH - 14, 24, TRAFFIC_PX - 10), seconds, most, strips)
    for place, strip in enumerate(strips):
        top = TRAFFIC_PX + STRIP_PX * place
        draw_strip(drawing, Area(left, WIDTH - 14, top + 24, top + STRIP_PX - 8), seconds, strip)
    area = Area(left, WIDTH - 14, TRAFFIC_PX, TRAFFIC_PX + STRIP_PX * len(strips) - 8)
    draw_x(drawing, area.across(0, seconds), area, "seconds since the schedule began")
    return drawing.svg()


def draw_traffic(drawing: Drawing, area: Area, seconds: float, most: float, strips: Sequence[Strip]) -> None:
    """Draw the traffic: one line where all series had the same arrivals, otherwise one each."""
    first = strips[0]
    same = all(
        np.array_equal(strip.edges_s, first.edges_s) and np.array_equal(strip.arrivals_per_s, first.arrivals_per_s)
        for strip in strips
    )
    title = "arrivals per second, mean of all trials" if same else "arrivals per second, each series"
    drawing.text(area.left, area.top - 14, title)
    x, y = area.across(0, seconds), area.upward(0, most * 1.05, most=3)
    draw_y(drawing, y, area)
    draw_x(drawing, replace(x, ticks=()), area)
    for strip in strips[:1] if same else strips:
        rates = [*strip.arrivals_per_s.tolist(), float(strip.arrivals_per_s[-1])]
        points = [(x.at(at), y.at(rate)) for at, rate in zip(strip.edges_s.tolist(), rates, strict=True)]
        kind, dashes = ("ink", ()) if same else (strip.style.colour, strip.style.dashes)
        drawing.path(stairs(points), f"line {kind}", dashes)


def draw_strip(drawing: Drawing, area: Area, seconds: float, strip: Strip) -> None:
    """Draw a series' strip: shares of each bin in percent; a bin without requests stays empty."""
    x, y = area.across(0, seconds), replace(area.upward(0, 100), ticks=(0, 50, 100))
    drawing.text(area.left, area.top - 14, f"{brief(strip.label, 40)}, % of requests")
    draw_y(drawing, y, area)
    draw_x(drawing, replace(x, ticks=()), area)
    total = np.asarray(sum(strip.kinds.values()))
    below = np.zeros(len(total))
    for kind in KINDS:
        share = np.divide(100 * strip.kinds[kind], total, out=np.zeros(len(total)), where=total > 0)
        for place in np.flatnonzero(share).tolist():
            begin, end = x.at(float(strip.edges_s[place])), x.at(float(strip.edges_s[place + 1]))
            top, bottom = y.at(float(below[place] + share[place])), y.at(float(below[place]))
            drawing.box(begin, top, end - begin, bottom - top, f"met-{kind}")
        below += share
