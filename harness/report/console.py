"""`frostline show`: a summary on a terminal, or as Markdown, CSV or JSON."""

from collections.abc import Sequence
from dataclasses import replace

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from harness.analysis.summary import Summary
from harness.decision.decision import Scorecard
from harness.files.text import harmless
from harness.record.figures import Cell
from harness.report.blocks import Column, Table, run_tables
from harness.report.export import as_csv, as_json, as_markdown
from harness.report.formats import TableFormat
from harness.report.frame import LEGEND, Footnotes, heading

PLAIN_WIDTH = 120
"""Least columns where there is no terminal to ask."""
UNBOUNDED_WIDTH = 10_000
NOTES_WIDTH = 9
"""Columns for the numbers of a row's notes, which are broken between numbers."""
GAPS = (2, 1)
"""Columns between two columns, the better one first."""
MOST_PROBLEMS = 20


def render(summary: Summary, format: TableFormat, console: Console, cards: Sequence[Scorecard] = ()) -> None:
    """Write `summary` to `console`; JSON also has the answers of `cards`."""
    if format == "text":
        render_text(summary, console if console.is_terminal else page_wide(console))
        return
    text = as_json(summary, cards) if format == "json" else {"md": as_markdown, "csv": as_csv}[format](summary)
    # Not through rich, which would wrap lines and read brackets as markup.
    console.file.write(text + "\n")


def page_wide(console: Console) -> Console:
    """The same file with at least PLAIN_WIDTH columns: rich never prints wider than its console is."""
    width = max(console.width, PLAIN_WIDTH)
    return Console(file=console.file, width=width, force_terminal=False, no_color=True, highlight=False)


def render_text(summary: Summary, console: Console) -> None:
    """Write heading, problems, tables and notes to `console`."""
    tables = run_tables(summary)
    say(console, heading(summary), "bold" if summary.valid else "bold red")
    for line in (harmless(summary.run), *tables.sizing):
        say(console, line, "dim")
    for problem in summary.problems[:MOST_PROBLEMS]:
        say(console, f"problem: {harmless(problem)}", "red")
    if len(summary.problems) > MOST_PROBLEMS:
        say(console, f"and {len(summary.problems) - MOST_PROBLEMS} more: see --format json", "red")
    for notice in summary.notices:
        say(console, f"notice: {harmless(notice)}", "yellow")
    for table in tables.tables:
        say_table(console, table)
    say_notes(console, tables.notes)


def say_table(console: Console, table: Table) -> None:
    """Write a table between its title and what is to be said about it."""
    fitted, left_out = fit_table(table, console)
    console.print()
    console.print(Text.assemble((table.title, "bold"), "   ", (table.about, "dim")))
    console.print(fitted)
    for remark in table.remarks:
        say(console, remark, "dim")
    if left_out and table.whole and len(left_out) < sum(column.rank > 0 for column in table.columns):
        rest = [column for column in table.columns if column in left_out]
        say_table(console, replace(table, title=f"{table.title}, continued", columns=[table.columns[0], *rest]))
    elif left_out:
        say(console, f"left out at this width: {', '.join(column.quantity for column in left_out)}", "dim")


def say_notes(console: Console, notes: Footnotes) -> None:
    """Write each note once, then how to read the figures."""
    grid = RichTable.grid(padding=(0, 1, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column()
    for text in notes.common:
        grid.add_row("*", Text(text))
    for number, text in enumerate(notes.numbered, 1):
        grid.add_row(str(number), Text(text))
    console.print()
    if grid.row_count:
        console.print(grid)
    say(console, f"* holds for every row that it can apply to. {LEGEND}" if notes.common else LEGEND, "dim")


def say(console: Console, text: str, style: str = "") -> None:
    """Write one paragraph, never read as markup."""
    console.print(Text(text, style=style))


def fit_table(table: Table, console: Console) -> tuple[RichTable, list[Column]]:
    """The table as wide as the console takes it, and the columns left out for that."""
    unbounded = console.options.update(width=UNBOUNDED_WIDTH)
    columns = list(table.columns)
    left_out: list[Column] = []
    while True:
        candidates = [rich_table(columns, gap) for gap in GAPS]
        for candidate in candidates:
            if Measurement.get(console, unbounded, candidate).maximum <= console.width:
                return candidate, left_out
        spare = max(columns, key=lambda column: column.rank)
        if not spare.rank:
            return candidates[-1], left_out
        columns.remove(spare)
        left_out.append(spare)


def rich_table(columns: Sequence[Column], gap: int) -> RichTable:
    """A table with these columns beside each other; intervals stand below their figures."""
    # The box itself puts one column between two.
    table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, gap - 1, 0, 0), show_edge=False)
    for place, column in enumerate(columns):
        notes = column.name == "notes"
        table.add_column(
            Text(column.head),
            justify="left" if notes or not place else "right",
            vertical="top",
            max_width=NOTES_WIDTH if notes else None,
        )
    for cells in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*map(stack, cells))
    return table


def stack(cell: Cell) -> Text:
    """A cell as two lines: the figure above, its interval or remark dim below."""
    text = Text(cell.main)
    if cell.small:
        style = "red" if cell.small.startswith("INVALID") else "dim"
        text.append(f"\n{cell.small}", style=style)
    return text
