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
from harness.record.figures import MISSING, Cell, cell, figure, plural
from harness.record.nouns import FORCED_COLD
from harness.report.cases import words
from harness.report.charts.over_time import over_time
from harness.report.console import page_wide, say, stack
from harness.report.export import bullets, escape, join_cell
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


def heading(history: History) -> str:
    """E.g. document-classifier · 5 runs, 2025-Q4 to 2026-Q4; already harmless."""
    span = " to ".join(dict.fromkeys([history.runs[0].quarter, history.runs[-1].quarter]))
    anchors = sum(run.anchor for run in history.runs)
    apart = f", {plural(anchors, 'anchor run')} among them" if anchors else ""
    return f"{harmless(history.experiment)} · {plural(len(history.runs), 'run')}, {span}{apart}"


def key_tables(history: History) -> Iterator[KeyTable]:
    """A table per key, with all its series; already harmless."""
    runs = {run.run: run for run in history.runs}
    groups: dict[str, list[Series]] = {}
    for line in history.series:
        key = json.dumps([line.workload, line.target, line.profile, plain(line.case)], sort_keys=True)
        groups.setdefault(key, []).append(line)
    for series in groups.values():
        first = series[0]
        profile = "forced cold starts" if first.profile == FORCED_COLD else first.profile
        emulated = "emulated" if first.emulated else ""
        about = ", ".join(words(first.case, first.case))
        title = harmless(" · ".join(part for part in (first.workload, first.target, emulated, profile, about) if part))
        lines, anchors = (
            [line_of(runs, series, points) for points in zip(*columns, strict=True)]
            for columns in ([s.points for s in series], [s.anchors for s in series])
        )
        yield KeyTable(title, [s.field for s in series], lines, anchors, sentences(runs, series))


def line_of(runs: dict[str, PastRun], series: list[Series], points: tuple[Point, ...]) -> Line:
    """One run's figures, and everything that is to be said of them."""
    run, first = runs[points[0].run], points[0]
    remarks = ["anchor: an earlier run's images"] if run.anchor else []
    remarks += [
        f"{text}: not comparable with the runs above" if text == NEW_DEFINITION else text for text in run.breaks
    ]
    remarks += run.remarks
    if first.valid and first.invalid_trials:
        remarks.append(f"{first.invalid_trials} of {plural(first.trials, 'trial')} INVALID")
    for line, point in zip(series, points, strict=True):
        remarks += [
            change_words(line.field, change) for s in line.segments for change in s.changes if change.run == run.run
        ]
        if point.valid and point.estimate.value is None and point.estimate.why:
            remarks.append(f"{line.field}: {point.estimate.why}")
    return Line(run.quarter, harmless(run.run), [cell_of(point) for point in points], list(map(harmless, remarks)))


def cell_of(point: Point) -> Cell:
    """A figure with its interval and n."""
    if not point.valid:
        return Cell(MISSING, "INVALID")
    number = cell(point.estimate)
    n = f"n {point.estimate.n:,}" if point.estimate.n else ""
    return Cell(number.main, ", ".join(part for part in (number.small, n) if part))


def change_words(field: str, change: Change) -> str:
    """E.g. latency_p95_ms changes here: x1.21."""
    return f"{field} changes here: x{cell(change.point.ratio).main}"


def sentences(runs: dict[str, PastRun], series: list[Series]) -> list[str]:
    """Every change point; of figures without one, what was looked at since the last break, or why nothing was."""
    fields_by_text: dict[str, list[str]] = {}
    for line in series:
        for text in change_texts(runs, line):
            fields_by_text.setdefault(text, []).append(line.field)
    return [harmless(f"{', '.join(fields)}: {text}") for text, fields in fields_by_text.items()]


def change_texts(runs: dict[str, PastRun], series: Series) -> Iterator[str]:
    """What is to be said of one series: its changes, or that none was found or looked for."""
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
        yield f"no change point in {plural(len(last.runs), 'run')}{since}"


def write_history(
    results: Path, experiment: str, fields: list[str], svg: Path | None, format: HistoryFormat, console: Console
) -> None:
    """Write an experiment over its runs to `console` and, if asked, to `svg`.

    UsageError for what does not exist; nothing is written then.
    """
    if svg is not None and (svg.is_dir() or not svg.parent.is_dir()):
        raise UsageError([f"svg: {ascii(str(svg))[1:-1]} cannot be a file: name one in a folder that exists"])
    history = read_history(results, experiment, fields)
    if svg is not None:
        draw(history, svg)
    if format == "text":
        render_text(history, console if console.is_terminal else page_wide(console))
        if svg is not None:
            say(console, f"written: {harmless(svg)}")
        return
    # Not through rich, which would wrap lines and read brackets as markup.
    console.file.write({"md": as_markdown, "json": as_json}[format](history) + "\n")


def draw(history: History, svg: Path) -> None:
    """Draw a history into `svg`, which is replaced as a whole. MissingError when it cannot be written."""
    drawing = over_time(history).encode()
    try:
        with replacing(svg) as file:
            file.write(drawing)
    except OSError as error:
        raise MissingError(f"{svg} cannot be written ({error.strerror}): name another --svg") from None


def render_text(history: History, console: Console) -> None:
    """Write heading, what was left out and a table per key to `console`."""
    say(console, heading(history), "bold")
    for text in history.told:
        say(console, f"notice: {harmless(text)}", "yellow")
    for block in key_tables(history):
        console.print()
        say(console, block.title, "bold")
        console.print(rich_table(block))
        for sentence in block.sentences:
            say(console, sentence)
    if not history.series:
        say(console, "no run has any of these figures", "bold")
    console.print()
    say(console, LEGEND, "dim")


def rich_table(block: KeyTable) -> Table:
    """Runs below each other, oldest first; anchor runs below a rule."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("quarter", no_wrap=True)
    table.add_column("run", max_width=24, overflow="fold")
    for field in block.fields:
        table.add_column(Text(field.replace("_", " ")), justify="right", min_width=10)
    table.add_column("remarks", ratio=1)
    for lines in (block.lines, block.anchors):
        for line in lines:
            remarks = Text("; ".join(line.remarks), style="yellow" if line.remarks else "")
            table.add_row(Text(line.quarter), Text(line.run), *map(stack, line.cells), remarks)
        table.add_section()
    return table


def as_json(history: History) -> str:
    """frostline/history/1; ASCII only, so that no character of a name can reach a terminal."""
    return json.dumps(history.to_json(), indent=2, allow_nan=False)


def as_markdown(history: History) -> str:
    """The tables and sentences of the terminal, for a pull request."""
    parts = [f"## {escape(heading(history))}", *bullets("Notices", history.told)]
    for block in key_tables(history):
        names = ["quarter", "run", *block.fields, "remarks"]
        rule = ["---", "---", *("---:" for _ in block.fields), "---"]
        rows = [f"| {' | '.join(map(escape, names))} |", f"| {' | '.join(rule)} |"]
        for line in [*block.lines, *block.anchors]:
            figures = [join_cell(cell) for cell in line.cells]
            cells = [line.quarter, escape(line.run), *figures, escape("; ".join(line.remarks))]
            rows.append(f"| {' | '.join(cells)} |")
        parts += [f"### {escape(block.title)}", "\n".join(rows), "\n".join(f"- {escape(s)}" for s in block.sentences)]
    return "\n\n".join([*(part for part in parts if part), LEGEND])
