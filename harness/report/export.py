"""A summary for machines and pull requests: JSON, CSV, Markdown."""

import csv
import io
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import fields
from typing import Any

from harness.analysis.summary import ABSENT, NO_TRIAL, PLAIN, ROW_FIELDS, Row, Summary
from harness.decision.answers import tell_answers
from harness.decision.decision import Scorecard
from harness.files.text import harmless
from harness.record.estimate import Estimate, plain
from harness.record.figures import Cell
from harness.record.nouns import StartClass
from harness.record.phases import order_phases
from harness.report.blocks import Table, run_tables
from harness.report.frame import LEGEND, heading

MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~&$])")
LINK = re.compile(r"(?i)(?<=\bwww)\.|:(?=//)")
"""What makes Markdown take a plain text for a link."""
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First letters of a formula, with their full-width forms, which some spreadsheets take for the same."""


def as_json(summary: Summary, cards: Sequence[Scorecard]) -> str:
    """frostline/summary/1; ASCII only, so that no character of a name can reach a terminal."""
    return json.dumps(summary.to_json() | {"answers": tell_answers(cards)}, indent=2, allow_nan=False)


def as_csv(summary: Summary) -> str:
    """A line per row; a number with uncertainty takes four columns. What no row of the run has, has none."""
    phases = order_phases(phase for row in summary.rows for phase in row.cold_phases_ms)
    absent = {name for name in ABSENT if all(getattr(row, name) is None for row in summary.rows)}
    lines = [flatten(row, phases, absent) for row in summary.rows]
    stream = io.StringIO()
    writer = csv.DictWriter(stream, ["run", *columns(phases, absent)], lineterminator="\n")
    writer.writeheader()
    writer.writerows({"run": no_formula(summary.run)} | line for line in lines)
    return stream.getvalue().rstrip("\n")


def columns(phases: Sequence[str], absent: Collection[str]) -> list[str]:
    """Columns of the CSV after `run`, in the order of the summary's fields."""
    empty = Row("", "", "", {}, 0, 0, 0, False, 0.0)
    return list(flatten(empty, phases, absent))


def flatten(row: Row, phases: Sequence[str], absent: Collection[str]) -> dict[str, Any]:
    """A row of the summary as columns of the CSV: with these phases of cold starts, without the fields in `absent`."""
    line: dict[str, Any] = {}
    for f in (f for f in fields(row) if f.name in ROW_FIELDS and f.name not in absent):
        value = getattr(row, f.name)
        if f.name == "parts":
            line["parts"] = json.dumps(plain(value), sort_keys=True) if value else None
        elif f.name == "reasons":
            line["reasons"] = no_formula("; ".join(map(str, value or [])))
        elif f.default is NO_TRIAL or (f.name in ABSENT and f.name not in PLAIN):
            line |= number_columns(f.name, value)
        elif f.name == "start_classes":
            line |= {f"start_class_{start}": value.get(start, 0) if row.valid else None for start in StartClass}
        elif f.name == "cold_phases_ms":
            line |= {f"cold_phase_{phase}_ms": plain(value.get(phase)) for phase in phases}
        elif f.name == "notes":
            line["notes"] = " ".join(dict.fromkeys(note.code for note in value))
        elif f.name == "case":
            line["case"] = json.dumps(plain(value), sort_keys=True)
        else:
            line[f.name] = no_formula(value) if isinstance(value, str) else plain(value)
    return line


def number_columns(name: str, estimate: Estimate | None) -> dict[str, Any]:
    """The four columns of a number with uncertainty: value, low, high and n."""
    number = estimate.to_json() if estimate else {}
    return {
        name: number.get("value"),
        f"{name}_low": number.get("low"),
        f"{name}_high": number.get("high"),
        f"{name}_n": number.get("n"),
    }


def no_formula(text: str) -> str:
    """A text that a spreadsheet does not take for a formula."""
    text = harmless(text)
    return f"'{text}" if text.lstrip().startswith(FORMULA) else text


def as_markdown(summary: Summary) -> str:
    """The tables and notes of the terminal, for a pull request."""
    tables = run_tables(summary)
    parts = [f"## {escape(heading(summary))}", f"Run {escape(summary.run)}"]
    parts += bullets("Problems", summary.problems) + bullets("Notices", summary.notices)
    parts += bullets("Targets", tables.sizing)
    parts += [table_text(table) for table in tables.tables]
    parts += bullets("Of every row that it can apply to", tables.notes.common)
    if tables.notes.numbered:
        parts.append("\n".join(f"{number}. {escape(text)}" for number, text in enumerate(tables.notes.numbered, 1)))
    return "\n\n".join([*parts, LEGEND])


def bullets(title: str, texts: list[str]) -> list[str]:
    """A titled list, or nothing."""
    return ["\n".join([f"**{title}**", "", *(f"- {escape(text)}" for text in texts)])] if texts else []


def table_text(table: Table) -> str:
    """A table as Markdown between its title and its remarks; figures are set right."""
    names = [column.name for column in table.columns]
    rule = ["---" if name in ("target", "notes") else "---:" for name in names]
    rows = zip(*(column.cells for column in table.columns), strict=True)
    lines = [names, rule, *([join_cell(cell) for cell in row] for row in rows)]
    rows_text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    paragraphs = [f"### {escape(table.title)}", escape(table.about), rows_text, *map(escape, table.remarks)]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph)


def join_cell(cell: Cell) -> str:
    """A cell's figure and interval on one line, escaped."""
    small = escape(cell.small)
    return f"{escape(cell.main)} ({small})" if small else escape(cell.main)


def escape(text: str) -> str:
    """A text that Markdown and HTML leave as it is, on one line."""
    return LINK.sub(r"\\\g<0>", MARKDOWN.sub(r"\\\1", harmless(text)))
