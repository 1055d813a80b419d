"""Memory of one unit: the kernel's peak and the process's own, against the size that was bought."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.record.figures import figure as three_digits
from harness.report.charts.axes import Area, Axis, draw_x
from harness.report.charts.drawing import WIDTH, Drawing, brief
from harness.report.charts.palette import Style

ROW = 42


@dataclass(frozen=True)
class Peak:
    """One row of the run; None for what was not read."""

    label: str
    style: Style
    kernel_mb: float | None
    own_mb: float | None
    bought_mb: float | None


def memory(label: str, peaks: Sequence[Peak]) -> str:
    """The SVG: a bar for each row, under its label."""
    most = max([x for peak in peaks for x in (peak.kernel_mb, peak.own_mb, peak.bought_mb) if x is not None] or [1.0])

    height = 52 + ROW * len(peaks)
    drawing = Drawing(label, height)
    area = Area(6, WIDTH - 20, 4, height - 36)
    axis = area.across(0, most * 1.2)
    draw_x(drawing, axis, area, "MB of one unit", grid=True)
    for place, peak in enumerate(peaks):
        draw_peak(drawing, axis, area.top + ROW * place, peak)
    return drawing.svg()


def draw_peak(drawing: Drawing, axis: Axis, top: float, peak: Peak) -> None:
    """Draw a row: its label above, the kernel's peak as a bar, the own one as a marker, the size as a line across."""
    drawing.text(axis.begin, top + 9, brief(peak.label, 52), "halo")
    y = top + 27
    end = axis.at(max(peak.kernel_mb or 0.0, peak.own_mb or 0.0))
    if peak.kernel_mb is not None:
        drawing.box(axis.begin, y - 8, axis.at(peak.kernel_mb) - axis.begin, 16, f"full {peak.style.colour}")
    if peak.own_mb is not None:
        drawing.mark((axis.at(peak.own_mb), y), "diamond", "empty ink", 0.9)
    words = " / ".join(f"{three_digits(x)}" for x in (peak.kernel_mb, peak.own_mb) if x is not None) or "not read"
    drawing.text(end + 8, y, words, "halo")
    if peak.bought_mb is not None:
        x = axis.at(peak.bought_mb)
        drawing.line((x, y - 10), (x, y + 10), "edge ink")
