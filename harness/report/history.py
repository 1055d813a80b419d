"""`frostline history`: a table per workload, target, profile and case, as text, Markdown or JSON, and a drawing."""

import json
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.decision.history import History, history
from harness.errors import MissingError, UsageError
from harness.files.text import harmless
from harness.files.whole import replacing
from harness.report.console import page_wide, say, stacked
from harness.report.export import bullets, escaped, together
from harness.report.formats import HistoryFormat
from harness.report.history_blocks import Block, blocks, heading

LEGEND = (
    "Below each figure: its interval within that run, and n. Across a changed definition or another machine nothing is "
    "compared. Where nothing changes, at most one series in twenty shows a change point by chance."
)


def history_of(
    results: Path, experiment: str, fields: list[str], svg: Path | None, format: HistoryFormat, console: Console
) -> None:
    """Write it to `console` and, if asked, to `svg`. UsageError for what does not exist; nothing is written then."""
    if svg is not None and (svg.is_dir() or not svg.parent.is_dir()):
        raise UsageError([f"svg: {ascii(str(svg))[1:-1]} cannot be a file: name one in a folder that exists"])
    found = history(results, experiment, fields)
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
    from harness.report.charts.over_time import over_time

    drawing = over_time(found)
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


def drawn(block: Block) -> Table:
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
