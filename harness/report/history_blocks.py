"""What `frostline history` shows: the runs of one workload, target, profile and case below each other."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from harness.decision.history import Change, History, Point, Series
from harness.decision.past_runs import NEW_DEFINITION, PastRun
from harness.files.text import harmless
from harness.record.estimate import plain
from harness.record.figures import MISSING, Cell, cell, counted, figure
from harness.record.nouns import FORCED_COLD
from harness.report.cases import words


@dataclass(frozen=True)
class Line:
    """One run in a block: a cell per field, and what is to be said of it."""

    quarter: str
    run: str
    cells: list[Cell]
    remarks: list[str]


@dataclass(frozen=True)
class Block:
    """All chosen figures of one key. `anchors` are shown apart."""

    title: str
    fields: list[str]
    lines: list[Line]
    anchors: list[Line]
    sentences: list[str]


def heading(found: History) -> str:
    """E.g. document-classifier · 5 runs, 2025-Q4 to 2026-Q4; already harmless."""
    span = " to ".join(dict.fromkeys([found.runs[0].quarter, found.runs[-1].quarter]))
    anchors = sum(run.anchor for run in found.runs)
    apart = f", {counted(anchors, 'anchor run')} among them" if anchors else ""
    return f"{harmless(found.experiment)} · {counted(len(found.runs), 'run')}, {span}{apart}"


def blocks(found: History) -> Iterator[Block]:
    """Series of one key together; already harmless."""
    runs = {run.run: run for run in found.runs}
    groups: dict[str, list[Series]] = {}
    for one in found.series:
        key = json.dumps([one.workload, one.target, one.profile, plain(one.case)], sort_keys=True)
        groups.setdefault(key, []).append(one)
    for series in groups.values():
        first = series[0]
        profile = "forced cold starts" if first.profile == FORCED_COLD else first.profile
        emulated = "emulated" if first.emulated else ""
        about = ", ".join(words(first.case, first.case))
        title = harmless(" · ".join(part for part in (first.workload, first.target, emulated, profile, about) if part))
        lines, anchors = (
            [line_of(runs, series, points) for points in zip(*columns, strict=True)]
            for columns in ([one.points for one in series], [one.anchors for one in series])
        )
        yield Block(title, [one.field for one in series], lines, anchors, sentences(runs, series))


def line_of(runs: dict[str, PastRun], series: list[Series], points: tuple[Point, ...]) -> Line:
    """One run's figures."""
    run, first = runs[points[0].run], points[0]
    told = ["anchor: an earlier run's images"] if run.anchor else []
    told += [f"{text}: not comparable with the runs above" if text == NEW_DEFINITION else text for text in run.breaks]
    told += run.remarks
    if first.valid and first.invalid_trials:
        told.append(f"{first.invalid_trials} of {counted(first.trials, 'trial')} INVALID")
    for one, point in zip(series, points, strict=True):
        told += [changed(one.field, change) for s in one.segments for change in s.changes if change.run == run.run]
        if point.valid and point.estimate.value is None and point.estimate.why:
            told.append(f"{one.field}: {point.estimate.why}")
    return Line(run.quarter, harmless(run.run), [cell_of(point) for point in points], list(map(harmless, told)))


def cell_of(point: Point) -> Cell:
    """A figure with its interval and n."""
    if not point.valid:
        return Cell(MISSING, "INVALID")
    shown = cell(point.estimate)
    n = f"n {point.estimate.n:,}" if point.estimate.n else ""
    return Cell(shown.main, ", ".join(part for part in (shown.small, n) if part))


def changed(field: str, change: Change) -> str:
    """E.g. latency_p95_ms changes here: x1.21."""
    return f"{field} changes here: x{cell(change.point.ratio).main}"


def sentences(runs: dict[str, PastRun], series: list[Series]) -> list[str]:
    """Every change point; of figures without one, what was looked at since the last break, or why nothing was."""
    said: dict[str, list[str]] = {}
    for one in series:
        for text in told_of(runs, one):
            said.setdefault(text, []).append(one.field)
    return [harmless(f"{', '.join(fields)}: {text}") for text, fields in said.items()]


def told_of(runs: dict[str, PastRun], series: Series) -> Iterator[str]:
    """About one series."""
    changes = [change for segment in series.segments for change in segment.changes]
    for change in changes:
        point, ratio = change.point, cell(change.point.ratio)
        levels = f"{figure(point.before)} to {figure(point.after)}"
        at = f"from {runs[change.run].quarter} on (run {change.run})"
        yield f"{levels} {at}: x{ratio.main} ({ratio.small}), n {point.ratio.n}, p {point.p:.2g}"
    if not series.segments:
        return
    last = series.segments[-1]
    since = " since the last break" if len(series.segments) > 1 else ""
    if last.why:
        yield f"change points: {last.why}{since}"
    elif not last.changes:
        yield f"no change point in {counted(len(last.runs), 'run')}{since}"
