"""`frostline show`: a summary on a terminal, or as Markdown, CSV or JSON."""

from collections.abc import Sequence
from typing import Literal, get_args

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from harness.errors import UsageError
from harness.report.export import as_csv, as_json, as_markdown
from harness.report.text import LEGEND, Cell, Footnotes, Table, clean, footnotes, heading, tables_of
from harness.summary import Summary

Format = Literal["text", "md", "csv", "json"]
PLAIN_WIDTH = 120
"""Columns where there is no terminal to ask."""
UNBOUNDED_WIDTH = 10_000
MOST_PROBLEMS = 20


def render(summary: Summary, format: Format, console: Console) -> None:
    """Write `summary` to `console`; UsageError for a format that does not exist."""
    if format == "text":
        render_text(summary, console)
        return
    written = {"md": as_markdown, "csv": as_csv, "json": as_json}.get(format)
    if written is None:
        raise UsageError([f"format {format!r} does not exist: choose one of {', '.join(get_args(Format))}"])
    # Not through rich, which would wrap lines and read brackets as markup.
    console.file.write(written(summary) + "\n")


def render_text(summary: Summary, console: Console) -> None:
    """Heading, problems, tables, notes."""
    width = console.width if console.is_terminal else max(console.width, PLAIN_WIDTH)
    notes = footnotes(summary)
    say(console, heading(summary), width, "bold" if summary.valid else "bold red")
    for problem in summary.problems[:MOST_PROBLEMS]:
        say(console, f"problem: {clean(problem)}", width, "red")
    if len(summary.problems) > MOST_PROBLEMS:
        say(console, f"and {len(summary.problems) - MOST_PROBLEMS} more: see --format json", width, "red")
    for notice in summary.notices:
        say(console, f"notice: {clean(notice)}", width, "yellow")
    for table in tables_of(summary, notes):
        say(console, "", width)
        say(console, table.title, width, "bold")
        for part in fitting(table, width, console):
            console.print(part, width=width, crop=False)
    say_notes(notes, console, width)


def say_notes(notes: Footnotes, console: Console, width: int) -> None:
    """Each sentence once, then how to read the figures."""
    for text in notes.common:
        say(console, f"  *  {text}", width)
    for number, text in enumerate(notes.numbered, 1):
        say(console, f"{number:>3}  {text}", width)
    say(console, LEGEND, width, "dim")


def say(console: Console, text: str, width: int, style: str = "") -> None:
    """One paragraph, never read as markup."""
    console.print(Text(text, style=style), width=width, crop=False, highlight=False)


def fitting(table: Table, width: int, console: Console) -> list[RichTable]:
    """The table, cut between columns where it is too wide; the first column stands in each part."""
    unbounded = console.options.update(width=UNBOUNDED_WIDTH)
    parts: list[list[int]] = [[0]]
    for column in range(1, len(table.heads)):
        wider = rich_table(table, [*parts[-1], column])
        if len(parts[-1]) > 1 and Measurement.get(console, unbounded, wider).maximum > width:
            parts.append([0, column])
        else:
            parts[-1].append(column)
    return [rich_table(table, part) for part in parts]


def rich_table(table: Table, columns: Sequence[int]) -> RichTable:
    """Some columns of a table; intervals stand below their figures."""
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for column in columns:
        drawn.add_column(Text(table.heads[column]), justify="right" if column else "left", vertical="top")
    for row in table.rows:
        drawn.add_row(*(stacked(row[column]) for column in columns))
    return drawn


def stacked(cell: Cell) -> Text:
    """Figure above, interval or remark dim below."""
    text = Text(cell.main)
    if cell.small:
        style = "red" if cell.small.startswith("INVALID") else "dim"
        text.append(f"\n{cell.small}", style=style)
    return text
