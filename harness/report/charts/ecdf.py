"""Empirical distribution of latencies on a log axis; it ends below 1 where requests had no good answer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure

from harness.analysis.stats import Floats
from harness.report.charts.canvas import drawn, line, logarithmic
from harness.report.charts.palette import Style

MOST_POINTS = 160
DOTS = 40
"""A line of at most so many requests shows each of them."""


@dataclass(frozen=True)
class Curve:
    """`ms` has one latency per request, infinite without a good answer."""

    style: Style
    ms: Floats


def ecdf(prefix: str, label: str, curves: Sequence[Curve]) -> str:
    """One line per series."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_xscale("log")
        ends: list[float] = []
        for curve in curves:
            x, y = steps(curve.ms)
            dots = len(curve.ms) <= DOTS
            axes.step(x, y, where="post", **line(curve.style), clip_on=False)
            if dots:
                axes.plot(x[1:], y[1:], curve.style.marker, color=curve.style.colour, markersize=4.5, clip_on=False)
            ends += [float(x[0]), float(x[-1])] if len(x) else []
        if ends:
            low, high = min(ends) / 1.2, max(ends) * 1.2
            axes.set_xlim(low, high)
            logarithmic(axes.xaxis, low, high)
        axes.set_ylim(0, 1)
        axes.set_yticks((0, 0.25, 0.5, 0.75, 1), ("0", "25", "50", "75", "100"))
        axes.grid(axis="y")
        axes.set_xlabel("latency from the scheduled moment, ms")
        axes.set_ylabel("% of requests")

    return drawn(prefix, label, 250, draw)


def steps(ms: Floats) -> tuple[Floats, Floats]:
    """Corners of the curve, thinned evenly over the requests: first, last and MOST_POINTS at most."""
    finite = np.sort(ms[np.isfinite(ms) & (ms > 0)])
    if not len(finite):
        return np.empty(0), np.empty(0)
    ranks = np.arange(1, len(finite) + 1)
    if len(finite) > MOST_POINTS:
        ranks = np.unique(np.linspace(1, len(finite), MOST_POINTS).astype(int))
    return np.concatenate([finite[:1], finite[ranks - 1]]), np.concatenate([[0.0], ranks / len(ms)])
