"""Cost per month of both sides over the rate of requests, and where they are the same."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from harness.report.charts.canvas import drawn, line, logarithmic, shade
from harness.report.charts.palette import INK, MUTED, Style


@dataclass(frozen=True)
class Crossing:
    """The rate at which both cost the same, if there is one, and the rate that the experiment expects."""

    rate: float | None
    low: float | None
    high: float | None
    expected: float | None


def break_even(
    prefix: str,
    label: str,
    rates: Sequence[float],
    sides: Sequence[tuple[Style, Sequence[float]]],
    crossing: Crossing,
    currency: str,
) -> str:
    """Both axes are logarithmic; what costs nothing has no place on them."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_yscale("log")
        if crossing.low is not None and crossing.high is not None:
            shade(axes, crossing.low, crossing.high)
        for x, dashes, name in ((crossing.rate, "-", "same cost"), (crossing.expected, (0, (2, 2)), "expected")):
            if x is not None and x > 0:
                axes.axvline(x, color=INK if name == "same cost" else MUTED, linestyle=dashes, linewidth=1)
        places = [i for i, rate in enumerate(rates) if rate > 0]
        every = max(1, len(places) // 6)
        for style, costs in sides:
            use = [i for i in places if costs[i] > 0]
            axes.plot(
                [rates[i] for i in use], [costs[i] for i in use], marker=style.marker, markevery=every, **line(style)
            )
        logarithmic(axes.xaxis, *axes.get_xlim())
        logarithmic(axes.yaxis, *axes.get_ylim())
        axes.grid(axis="y")
        axes.set_xlabel("requests per second, mean of the month")
        axes.set_ylabel(f"{currency} per month")

    return drawn(prefix, label, 270, draw)
