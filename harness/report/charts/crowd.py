"""Requests in flight and units alive over the time of the schedule."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from harness.analysis.stats import Floats
from harness.report.charts.canvas import drawn, line, linear
from harness.report.charts.palette import Style


@dataclass(frozen=True)
class Course:
    """One series: the mean over its trials of the most within each bin; `units` is None where none was seen."""

    style: Style
    edges_s: Floats
    in_flight: Floats
    units: Floats | None


def crowd(prefix: str, label: str, courses: Sequence[Course]) -> str:
    """Two axes under one another."""

    def draw(figure: Figure) -> None:
        flight, units = figure.subplots(2, 1, sharex=True)
        for course in courses:
            draw_course(flight, course.in_flight, course)
            if course.units is not None:
                draw_course(units, course.units, course)
        for axes, title in ((flight, "requests in flight, most"), (units, "sandboxes or replicas alive, most")):
            axes.set_title(title)
            axes.set_ylim(0, None)
            axes.grid(axis="y")
            linear(axes.yaxis, ticks=4, integer=True)
        units.set_xlim(0, max(float(course.edges_s[-1]) for course in courses))
        units.set_xlabel("seconds since the schedule began")
        linear(units.xaxis)
        figure.align_ylabels()

    return drawn(prefix, label, 270, draw)


def draw_course(axes: Any, values: Floats, course: Course) -> None:
    """A line in the middle of the bins."""
    middles = (course.edges_s[:-1] + course.edges_s[1:]) / 2
    axes.plot(
        middles, values, marker=course.style.marker, markersize=4, markevery=3, clip_on=False, **line(course.style)
    )
