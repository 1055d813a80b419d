"""Memory of one unit: the kernel's peak and the process's own, against the size that was bought."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from harness.record.figures import figure as three_digits
from harness.report.charts.canvas import brief, drawn, linear
from harness.report.charts.palette import INK, SURFACE, Style

ROW = 42


@dataclass(frozen=True)
class Peak:
    """One row of the run; None for what was not read."""

    label: str
    style: Style
    kernel_mb: float | None
    own_mb: float | None
    bought_mb: float | None


def memory(prefix: str, label: str, peaks: Sequence[Peak]) -> str:
    """A bar each, under its label."""
    most = max([x for peak in peaks for x in (peak.kernel_mb, peak.own_mb, peak.bought_mb) if x is not None] or [1.0])

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_xlim(0, most * 1.2)
        axes.set_ylim(len(peaks) - 0.35, -0.75)
        for y, peak in enumerate(peaks):
            draw_peak(axes, y, peak, most)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x")
        linear(axes.xaxis)
        axes.set_xlabel("MB of one unit")

    return drawn(prefix, label, 52 + ROW * len(peaks), draw)


def draw_peak(axes: Any, y: int, peak: Peak, most: float) -> None:
    """Label above; the kernel's peak as a bar, the own one as a marker, the size as a line across."""
    axes.text(0, y - 0.42, brief(peak.label, 60), va="center", color=INK)
    end = max(peak.kernel_mb or 0.0, peak.own_mb or 0.0)
    if peak.kernel_mb is not None:
        axes.barh(y, peak.kernel_mb, height=0.38, facecolor=peak.style.colour, edgecolor=peak.style.colour)
    if peak.own_mb is not None:
        axes.plot([peak.own_mb], [y], marker="D", color=INK, markerfacecolor=SURFACE, markeredgewidth=1.4, markersize=6)
    told = " / ".join(f"{three_digits(x)}" for x in (peak.kernel_mb, peak.own_mb) if x is not None) or "not read"
    axes.text(end + most * 0.02, y, told, va="center", color=INK)
    if peak.bought_mb is not None:
        axes.plot([peak.bought_mb] * 2, [y - 0.24, y + 0.24], color=INK, linewidth=2.4, solid_capstyle="butt")
