"""Figures of an experiment over its runs as an SVG file of its own: a panel per workload, profile and figure."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.decision.history import History, Point, Series, era_of
from harness.decision.past_runs import NEW_DEFINITION, PastRun
from harness.record.estimate import Estimate, plain
from harness.record.figures import cell
from harness.record.nouns import FORCED_COLD
from harness.report.cases import words
from harness.report.charts.axes import LINE_PX, Area, Axis, draw_y, room_for
from harness.report.charts.drawing import Drawing, brief
from harness.report.charts.palette import Style, style

SHEETS = tuple(Path(__file__).parents[1] / "templates" / name for name in ("colours.css", "chart.css"))
WIDTH, MARGIN = 900.0, 16.0
PLOT_PX = 190.0
TITLE_PX = 30.0
TICKS_PX = 44.0
"""Below each plot, for a run's quarter and, under it, its day."""
RIGHT_PX = 52.0
"""Room for what stands beside the last run."""
MOST_PANELS = 40
MOST_TICKS = 10
LONGEST_NAME = 60
LONGEST_TARGET = 18
"""Of what stands upright within a plot."""
ACROSS = 0.4
"""Share of the way from run to run over which the series of one run stand side by side."""


@dataclass(frozen=True)
class Panel:
    """Series that share their axes."""

    title: str
    field: str
    series: list[Series]

    @property
    def height(self) -> float:
        """In px, with its title and a line of the key per series."""
        return TITLE_PX + PLOT_PX + TICKS_PX + LINE_PX * len(self.series) + MARGIN


@dataclass(frozen=True)
class Plot:
    """Where the marks of a panel go: `places` are the runs' places on the x axis, from 0."""

    drawing: Drawing
    area: Area
    x: Axis
    y: Axis
    places: dict[str, int]


def over_time(history: History) -> str:
    """The same text for the same history, which needs no other file; every name stands in it as a text."""
    panels = list(panels_of(history.series))
    left_out = len(panels) - MOST_PANELS
    panels = panels[:MOST_PANELS]
    title = brief(history.experiment, LONGEST_NAME)
    drawing = Drawing(title, 2 * MARGIN + LINE_PX + sum(panel.height for panel in panels), WIDTH)
    drawing.stand_alone("".join(sheet.read_text() for sheet in SHEETS))
    rest = f" ({left_out} more panels left out)" if left_out > 0 else ""
    drawing.text(MARGIN, MARGIN + LINE_PX / 2, title + rest, "strong")
    top = MARGIN + LINE_PX
    for panel in panels:
        draw_panel(drawing, panel, history.runs, top)
        top += panel.height
    return drawing.svg()


def panels_of(series: Sequence[Series]) -> Iterator[Panel]:
    """Targets and cases of one workload, profile and figure together."""
    groups: dict[tuple[str, str, str], list[Series]] = {}
    for line in series:
        groups.setdefault((line.workload, line.profile, line.field), []).append(line)
    for (workload, profile, field), members in groups.items():
        traffic = "forced cold starts" if profile == FORCED_COLD else profile
        title = f"{brief(workload, LONGEST_NAME)} · {brief(traffic, LONGEST_NAME)} · {field}"
        yield Panel(title, field, members)


def draw_panel(drawing: Drawing, panel: Panel, runs: list[PastRun], top: float) -> None:
    """Lines over the order of runs; what sets runs apart stands as vertical lines behind them."""
    low, high = extent([*finite(panel.series)])
    ends = Area(0, 0, 0, PLOT_PX).upward(low, high).ticks
    left = MARGIN + room_for(ends, label=True)
    area = Area(left, WIDTH - RIGHT_PX, top + TITLE_PX, top + TITLE_PX + PLOT_PX)
    x = Axis(-0.6, len(runs) - 0.4, area.left, area.right)
    plot = Plot(drawing, area, x, area.upward(low, high), {run.run: place for place, run in enumerate(runs)})
    drawing.text(area.left, top + TITLE_PX - LINE_PX / 2, panel.title, "strong")
    draw_y(drawing, plot.y, area, panel.field)
    draw_runs(plot, runs)
    for place, series in enumerate(panel.series):
        aside = ACROSS * ((place + 0.5) / len(panel.series) - 0.5)
        draw_series(plot, series, runs, style(place), aside)
        draw_changes(plot, series, style(place), area.top + 50 * (place % 3))
    for place, label in enumerate(labels(panel.series)):
        y = area.bottom + TICKS_PX + LINE_PX * (place + 0.5)
        drawing.series([(area.left, y), (area.left + 28, y)], style(place), [(area.left + 14, y)])
        drawing.text(area.left + 36, y, label)


def finite(series: Sequence[Series]) -> Iterator[float]:
    """Every value and end of an interval that has a place on an axis."""
    estimates = (point.estimate for line in series for point in [*line.points, *line.anchors] if point.valid)
    numbers = (number for e in estimates if e.value is not None for number in (e.value, e.low, e.high))
    return (number for number in numbers if number is not None and math.isfinite(number))


def extent(numbers: Sequence[float]) -> tuple[float, float]:
    """Both ends of the y axis, with room for marks; below 0 only where a number is."""
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    room = 0.25 * ((high - low) or abs(high) or 1.0)
    return (low - room if low < 0 else max(0.0, low - room)), high + room


def draw_runs(plot: Plot, runs: list[PastRun]) -> None:
    """The x axis: quarter and day of as many runs as there is room for, and a broken line at each break."""
    drawing, area = plot.drawing, plot.area
    drawing.line((area.left, area.bottom), (area.right, area.bottom), "axis")
    for run in runs[:: -(-len(runs) // MOST_TICKS) or 1]:
        x = plot.x.at(plot.places[run.run])
        drawing.line((x, area.bottom), (x, area.bottom + 4), "axis")
        drawing.text(x, area.bottom + 13, run.quarter, "soft", "middle")
        drawing.text(x, area.bottom + 13 + LINE_PX, brief(run.started_at[:10]), "soft", "middle")
    for run in (run for run in runs if run.breaks):
        label = NEW_DEFINITION if NEW_DEFINITION in run.breaks else "different machine"
        draw_upright(plot, plot.places[run.run] - 0.5, label, "stem muted broken", area.top)


def draw_series(plot: Plot, series: Series, runs: list[PastRun], style: Style, aside: float) -> None:
    """Joined within an unbroken stretch; anchor runs hollow and by themselves; an INVALID row as a word."""
    eras = {run.run: era_of(run, series.field) for run in runs}
    for era in dict.fromkeys(eras.values()):
        points = [point for point in series.points if eras[point.run] == era]
        spots = draw_points(plot, points, style, aside, "mark")
        plot.drawing.path(spots, f"line {style.colour}", style.dashes)
    draw_points(plot, series.anchors, style, aside, "empty", "anchor, ")
    for point in (point for point in [*series.points, *series.anchors] if not point.valid):
        x = plot.x.at(plot.places[point.run] + aside)
        plot.drawing.text(x, plot.area.bottom - 4, "INVALID", "small halo", upright=True)


def draw_points(
    plot: Plot, points: list[Point], style: Style, aside: float, kind: str, word: str = ""
) -> list[tuple[float, float]]:
    """Values with their intervals, and n beside each; where they stand."""
    spots = []
    for point in points:
        value = point.estimate.value
        if not point.valid or value is None or not math.isfinite(value):
            continue
        x, y = plot.x.at(plot.places[point.run] + aside), plot.y.at(value)
        draw_interval(plot, x, point.estimate, style)
        plot.drawing.mark((x, y), style.marker, f"{kind} {style.colour}")
        plot.drawing.text(x + 6, y - 8, f"{word}n={point.estimate.n:,}", "small halo")
        spots.append((x, y))
    return spots


def draw_interval(plot: Plot, x: float, estimate: Estimate, style: Style) -> None:
    """A line from end to end, or from the value where one end is unknown; one without an end goes on to the edge."""
    ends = [plot.y.at(end) for end in (estimate.low, estimate.value, estimate.high) if end is not None]
    if len(ends) < 2:
        return
    kind = f"stem {style.colour}"
    plot.drawing.line((x, ends[0]), (x, ends[-1]), kind)
    for y in (ends[0], ends[-1]):
        plot.drawing.line((x - 3, y), (x + 3, y), kind)


def draw_changes(plot: Plot, series: Series, style: Style, top: float) -> None:
    """Each change point as a line before the first run of the new level, with the ratio of the levels."""
    for change in (change for segment in series.segments for change in segment.changes):
        label = f"{brief(series.target, LONGEST_TARGET)} x{cell(change.point.ratio).main}"
        draw_upright(plot, plot.places[change.run] - 0.5, label, f"stem {style.colour}", top)


def draw_upright(plot: Plot, place: float, label: str, kind: str, top: float) -> None:
    """A vertical line through the plot; its meaning reads upwards beside it and ends at `top`."""
    x = plot.x.at(place)
    plot.drawing.line((x, plot.area.top), (x, plot.area.bottom), kind)
    plot.drawing.text(x - 9, top + 2, label, "small halo", "end", upright=True)


def labels(series: Sequence[Series]) -> list[str]:
    """Each target; with what its case does not share with another of the same target, where there is one."""
    texts = []
    for line in series:
        same = [other.case for other in series if other.target == line.target]
        differing = [key for key in line.case if len({json.dumps(plain(case.get(key))) for case in same}) > 1]
        emulated = " (emulated)" if line.emulated else ""
        texts.append(brief(", ".join([line.target + emulated, *words(line.case, differing)]), LONGEST_NAME))
    return texts
