"""Every trial of one kind in the order in which they were made, so that drift shows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure
from matplotlib.markers import CARETUP
from matplotlib.transforms import blended_transform_factory

from harness.report.charts.canvas import drawn, linear, logarithmic
from harness.report.charts.palette import BAD, SURFACE, Style


@dataclass(frozen=True)
class Mark:
    """One trial. `median_ms` is infinite when it falls among failures and None when there is none."""

    style: Style
    order: int
    median_ms: float | None
    valid: bool


def run_order(prefix: str, label: str, marks: Sequence[Mark]) -> str:
    """Medians on a log axis; what has none stands at the edge: above without an end, below without a value."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_yscale("log")
        values = [m.median_ms for m in marks if m.median_ms is not None and 0 < m.median_ms < math.inf]
        low, high = (min(values) / 1.3, max(values) * 1.3) if values else (1.0, 10.0)
        axes.set_ylim(low, high)
        orders = [mark.order for mark in marks]
        axes.set_xlim(min(orders) - 0.8, max(orders) + 0.8)
        for mark in marks:
            draw_mark(axes, mark)
        logarithmic(axes.yaxis, low, high)
        linear(axes.xaxis, integer=True)
        axes.grid(axis="y")
        axes.set_xlabel("place in the run")
        axes.set_ylabel("median latency, ms")

    return drawn(prefix, label, 220, draw)


def draw_mark(axes: Any, mark: Mark) -> None:
    """Filled when valid; INVALID ones are hollow with a cross."""
    edge = blended_transform_factory(axes.transData, axes.transAxes)
    known = mark.median_ms is not None and 0 < mark.median_ms < math.inf
    y = mark.median_ms if known else 0.97 if mark.median_ms == math.inf else 0.03
    where = {} if known else {"transform": edge}
    face = mark.style.colour if mark.valid else SURFACE
    colours = {"color": mark.style.colour, "markerfacecolor": face, "markeredgecolor": mark.style.colour}
    marker = CARETUP if mark.median_ms == math.inf else mark.style.marker
    axes.plot([mark.order], [y], marker=marker, markersize=7, clip_on=False, **colours, **where)
    if not mark.valid:
        axes.plot([mark.order], [y], marker="x", markersize=10, markeredgewidth=2, color=BAD, clip_on=False, **where)
