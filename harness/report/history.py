"""`frostline history`: a table per workload, target, profile and case, as text, Markdown or JSON, and a drawing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.decision.history import Change, History, Point, Series, read_history
from harness.decision.past_runs import NEW_DEFINITION, PastRun
from harness.errors import MissingError, UsageError
from harness.files.text import harmless
from harness.files.whole import replacing
from harness.record.estimate import plain
from harness.record.figures import MISSING, Cell, cell, counted, figure
from harness.record.nouns import FORCED_COLD
from harness.report.cases import words
from harness.report.charts.over_time import over_time
from harness.report.console import page_wide, say, stacked
from harness.report.export import bullets, escaped, together
from harness.report.formats import HistoryFormat

LEGEND = (
    "Below each figure: its interval within that run, and n. Across a changed definition or another machine nothing is "
    "compared. Where nothing changes, at most one series in twenty shows a change point by chance."
)


@dataclass(frozen=True)
class Line:
    """One run in a block: a cell per field, and what is to be said of it."""

    quarter: str
    run: str
    cells: list[Cell]
    remarks: list[str]


@dataclass(frozen=True)
class KeyTable:
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


def blocks(found: History) -> Iterator[KeyTable]:
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
        yield KeyTable(title, [one.field for one in series], lines, anchors, sentences(runs, series))


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


def history_of(
    results: Path, experiment: str, fields: list[str], svg: Path | None, format: HistoryFormat, console: Console
) -> None:
    """Write it to `console` and, if asked, to `svg`. UsageError for what does not exist; nothing is written then."""
    if svg is not None and (svg.is_dir() or not svg.parent.is_dir()):
        raise UsageError([f"svg: {ascii(str(svg))[1:-1]} cannot be a file: name one in a folder that exists"])
    found = read_history(results, experiment, fields)
    if svg is not None:
        draw(found, svg)
    if format == "text":
        render_text(found, console if console.is_terminal else page_wide(console))
        if svg is not None:
            say(console, f"written: {harmless(svg)}")
        return
    # Not through rich, which would wrap lines and read brackets as markup.
    console.file.write({"md": as_markdown, "json": as_json}[format](found) + "\n")


def draw(found: History, svg: Path) -> None:
    """Replace the file as a whole. MissingError when it cannot be written."""
    drawing = over_time(found).encode()
    try:
        with replacing(svg) as file:
            file.write(drawing)
    except OSError as error:
        raise MissingError(f"{svg} cannot be written ({error.strerror}): name another --svg") from None


def render_text(found: History, console: Console) -> None:
    """Heading, what was left out, a table per key."""
    say(console, heading(found), "bold")
    for text in found.told:
        say(console, f"notice: {harmless(text)}", "yellow")
    for block in blocks(found):
        console.print()
        say(console, block.title, "bold")
        console.print(drawn(block))
        for sentence in block.sentences:
            say(console, sentence)
    if not found.series:
        say(console, "no run has any of these figures", "bold")
    console.print()
    say(console, LEGEND, "dim")


def drawn(block: KeyTable) -> Table:
    """Runs below each other, oldest first; anchor runs below a rule."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("quarter", no_wrap=True)
    table.add_column("run", max_width=24, overflow="fold")
    for field in block.fields:
        table.add_column(Text(field.replace("_", " ")), justify="right", min_width=10)
    table.add_column("remarks", ratio=1)
    for lines in (block.lines, block.anchors):
        for line in lines:
            told = Text("; ".join(line.remarks), style="yellow" if line.remarks else "")
            table.add_row(Text(line.quarter), Text(line.run), *map(stacked, line.cells), told)
        table.add_section()
    return table


def as_json(found: History) -> str:
    """frostline/history/1; ASCII only, so that no character of a name can reach a terminal."""
    return json.dumps(found.to_json(), indent=2, allow_nan=False)


def as_markdown(found: History) -> str:
    """The tables and sentences of the terminal, for a pull request."""
    parts = [f"## {escaped(heading(found))}", *bullets("Notices", found.told)]
    for block in blocks(found):
        names = ["quarter", "run", *block.fields, "remarks"]
        rule = ["---", "---", *("---:" for _ in block.fields), "---"]
        rows = [f"| {' | '.join(map(escaped, names))} |", f"| {' | '.join(rule)} |"]
        for line in [*block.lines, *block.anchors]:
            figures = [together(one) for one in line.cells]
            cells = [line.quarter, escaped(line.run), *figures, escaped("; ".join(line.remarks))]
            rows.append(f"| {' | '.join(cells)} |")
        parts += [f"### {escaped(block.title)}", "\n".join(rows), "\n".join(f"- {escaped(s)}" for s in block.sentences)]
    return "\n\n".join([*(part for part in parts if part), LEGEND])
