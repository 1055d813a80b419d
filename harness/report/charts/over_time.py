"""Figures of an experiment over its runs as an SVG file of its own: a panel per workload, profile and figure."""

import io
import json
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from harness.decision.history import History, Point, Series, era_of
from harness.decision.past_runs import NEW_DEFINITION, PastRun
from harness.files.text import harmless
from harness.record.estimate import plain
from harness.record.figures import cell
from harness.record.nouns import FORCED_COLD
from harness.report.cases import words

SETTINGS: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "frostline",
    "text.parse_math": False,
    "axes.unicode_minus": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "font.family": ["sans-serif"],
    "font.size": 9,
}
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#8A6D00", "#4B4B4B")
"""Okabe and Ito's, told apart by colour-blind people; marks differ as well."""
MARKS = ("o", "s", "^", "D", "v", "P")
MOST_PANELS = 40
MOST_TICKS = 12
LONGEST = 60
WIDTH, HEIGHT = 9.0, 2.8
"""In inches, of each panel."""


@dataclass(frozen=True)
class Panel:
    """Series that share an axis."""

    title: str
    field: str
    series: list[Series]


def over_time(found: History) -> bytes:
    """The same bytes for the same history. Every text is drawn as it is: no markup, no mathematics."""
    shown = list(panels(found.series))
    left_out = len(shown) - MOST_PANELS
    shown = shown[:MOST_PANELS]
    with matplotlib.rc_context(SETTINGS), warnings.catch_warnings():
        # The viewer's fonts are used, not those in which matplotlib looks up how wide a text will be.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(WIDTH, HEIGHT * max(1, len(shown)) + 0.5), layout="constrained")
        rest = f" ({left_out} more panels left out)" if left_out > 0 else ""
        figure.suptitle(brief(found.experiment) + rest)
        if shown:
            for axes, panel in zip(figure.subplots(len(shown), 1, squeeze=False)[:, 0], shown, strict=True):
                draw_panel(axes, panel, found.runs)
        stream = io.BytesIO()
        FigureCanvasSVG(figure).print_svg(stream, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    return stream.getvalue()


def panels(series: Sequence[Series]) -> Iterator[Panel]:
    """Targets and cases of one workload, profile and figure together."""
    groups: dict[tuple[str, str, str], list[Series]] = {}
    for one in series:
        groups.setdefault((one.workload, one.profile, one.field), []).append(one)
    for (workload, profile, field), members in groups.items():
        shown = "forced cold starts" if profile == FORCED_COLD else profile
        yield Panel(f"{brief(workload)} · {brief(shown)} · {field}", field, members)


def draw_panel(axes: Any, panel: Panel, runs: list[PastRun]) -> None:
    """Lines over the order of runs; what sets runs apart stands as vertical lines behind them."""
    places = {run.run: place for place, run in enumerate(runs)}
    for run in runs:
        if run.breaks:
            new = NEW_DEFINITION in run.breaks
            mark(axes, places[run.run] - 0.5, NEW_DEFINITION if new else "different machine", "#555555", "--", 0.98)
    handles = []
    for place, one in enumerate(panel.series):
        colour, sign = COLOURS[place % len(COLOURS)], MARKS[place % len(MARKS)]
        handles.append(axes.plot([], [], color=colour, marker=sign)[0])
        draw_series(axes, one, places, runs, place)
    # matplotlib leaves out labels that begin with "_", as a name from a stranger may: so they are set afterwards.
    legend = axes.legend(handles, ["-"] * len(handles), loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
    for text, label in zip(legend.get_texts(), labels(panel.series), strict=True):
        text.set_text(label)
    every = -(-len(runs) // MOST_TICKS)
    ticked = runs[::every]
    axes.set_xticks(
        [places[run.run] for run in ticked], [f"{run.quarter}\n{harmless(run.started_at)[:10]}" for run in ticked]
    )
    axes.set_xlim(-0.6, len(runs) - 0.4)
    axes.set_title(panel.title, loc="left", fontsize=9)
    axes.set_ylabel(panel.field)
    axes.margins(y=0.25)
    axes.grid(axis="y", linewidth=0.4)


def draw_series(axes: Any, series: Series, places: dict[str, int], runs: list[PastRun], place: int) -> None:
    """Joined within an unbroken stretch; anchor runs hollow and by themselves; an INVALID row as a word."""
    colour, sign = COLOURS[place % len(COLOURS)], MARKS[place % len(MARKS)]
    eras = {run.run: era_of(run, series.field) for run in runs}
    for era in dict.fromkeys(eras.values()):
        points = [point for point in series.points if eras[point.run] == era]
        plotted(axes, points, places, {"color": colour, "marker": sign, "linewidth": 1.2})
    hollow = {"color": colour, "marker": sign, "linestyle": "none", "markerfacecolor": "none"}
    plotted(axes, series.anchors, places, hollow, "anchor, ")
    for point in [*series.points, *series.anchors]:
        if not point.valid:
            where = {"transform": axes.get_xaxis_transform(), "rotation": 90, "ha": "center", "va": "bottom"}
            axes.text(places[point.run], 0.02, "INVALID", color=colour, fontsize=7, **where)
    for change in (change for segment in series.segments for change in segment.changes):
        label = f"{brief(series.target)} x{cell(change.point.ratio).main}"
        mark(axes, places[change.run] - 0.5, label, colour, "-", 0.98 - 0.3 * (place % 3))


def plotted(axes: Any, points: list[Point], places: dict[str, int], style: dict[str, Any], word: str = "") -> None:
    """Values with their intervals, and n beside each."""
    known = [(places[p.run], p.estimate.value, p.estimate) for p in points if p.valid and p.estimate.value is not None]
    if not known:
        return
    below = [value - value if e.low is None else max(0.0, value - e.low) for _, value, e in known]
    above = [value - value if e.high is None else max(0.0, e.high - value) for _, value, e in known]
    x, y = [place for place, _, _ in known], [value for _, value, _ in known]
    axes.errorbar(x, y, yerr=[below, above], capsize=3, markersize=5, elinewidth=0.9, **style)
    for place, value, estimate in known:
        offset = {"xytext": (5, 4), "textcoords": "offset points", "fontsize": 6.5, "color": style["color"]}
        axes.annotate(f"{word}n={estimate.n:,}", (place, value), **offset)


def mark(axes: Any, x: float, label: str, colour: str, dashes: str, height: float) -> None:
    """A vertical line with its meaning beside it; `height` as a share of the panel."""
    axes.axvline(x, color=colour, linestyle=dashes, linewidth=1.0, zorder=0)
    where = {"transform": axes.get_xaxis_transform(), "rotation": 90, "ha": "right", "va": "top"}
    axes.text(x, height, label, color=colour, fontsize=7, **where)


def labels(series: Sequence[Series]) -> list[str]:
    """Each target; with what its case does not share with another of the same target, where there is one."""
    found = []
    for one in series:
        same = [other.case for other in series if other.target == one.target]
        differing = [key for key in one.case if len({json.dumps(plain(case.get(key))) for case in same}) > 1]
        emulated = " (emulated)" if one.emulated else ""
        found.append(brief(", ".join([one.target + emulated, *words(one.case, differing)])))
    return found


def brief(text: str) -> str:
    """A name from a run folder, harmless and as long as there is room for."""
    text = harmless(text)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
