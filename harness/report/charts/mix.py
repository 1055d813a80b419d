"""What requests met over the time of the schedule: the traffic on top, below it a strip of shares per series."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from harness.analysis.stats import Floats
from harness.report.charts.canvas import brief, drawn, line, linear
from harness.report.charts.palette import BAD, COLD, INK, MUTED, SURFACE, WARM, Style

FILLS: dict[str, dict[str, Any]] = {
    "warm": {"facecolor": WARM, "edgecolor": WARM},
    "cold": {"facecolor": SURFACE, "edgecolor": COLD, "hatch": "////"},
    "bad": {"facecolor": BAD, "edgecolor": BAD},
    "unknown": {"facecolor": SURFACE, "edgecolor": MUTED, "hatch": ".."},
}
"""Of each kind of request, from the bottom of a bar; the page's key shows the same patterns."""


@dataclass(frozen=True)
class Strip:
    """Requests of one series by kind and bin; `edges_s` has one more value than there are bins."""

    label: str
    style: Style
    edges_s: Floats
    arrivals_per_s: Floats
    kinds: dict[str, Floats]


def mix(prefix: str, label: str, strips: Sequence[Strip]) -> str:
    """All strips under one axis of time."""

    def draw(figure: Figure) -> None:
        heights = [1.15, *([1.0] * len(strips))]
        traffic, *rest = figure.subplots(len(strips) + 1, 1, sharex=True, height_ratios=heights)
        draw_traffic(traffic, strips)
        for axes, strip in zip(rest, strips, strict=True):
            draw_strip(axes, strip)
        rest[-1].set_xlabel("seconds since the schedule began")
        linear(rest[-1].xaxis)
        figure.align_ylabels()

    return drawn(prefix, label, 130 + 84 * len(strips), draw)


def draw_traffic(axes: Any, strips: Sequence[Strip]) -> None:
    """One line where all series had the same arrivals, otherwise one each."""
    first = strips[0]
    same = all(
        np.array_equal(strip.edges_s, first.edges_s) and np.array_equal(strip.arrivals_per_s, first.arrivals_per_s)
        for strip in strips
    )
    if same:
        axes.stairs(first.arrivals_per_s, first.edges_s, color=INK, linewidth=1.6, baseline=None)
    else:
        for strip in strips:
            axes.stairs(strip.arrivals_per_s, strip.edges_s, linewidth=1.6, baseline=None, **line(strip.style))
    axes.set_xlim(0, max(float(strip.edges_s[-1]) for strip in strips))
    axes.set_ylim(0, None)
    axes.set_title("arrivals per second, mean of all trials" if same else "arrivals per second, each series")
    axes.grid(axis="y")
    linear(axes.yaxis, ticks=3)


def draw_strip(axes: Any, strip: Strip) -> None:
    """Shares of each bin in percent; a bin without requests stays empty."""
    widths, total = np.diff(strip.edges_s), sum(strip.kinds.values())
    bottom = np.zeros(len(widths))
    some = np.asarray(total) > 0
    for kind, fill in FILLS.items():
        share = np.divide(100 * strip.kinds[kind], total, out=np.zeros(len(widths)), where=some)
        use = share > 0
        if use.any():
            axes.bar(strip.edges_s[:-1][use], share[use], widths[use], bottom[use], align="edge", linewidth=0.6, **fill)
        bottom += share
    axes.set_ylim(0, 100)
    axes.set_yticks((0, 50, 100))
    axes.set_title(f"{brief(strip.label, 40)}, % of requests")
