"""What stands above and below the tables of a run: heading, legend, and the notes of all rows, each sentence once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from harness.analysis.summary import Row, Summary
from harness.files.text import harmless
from harness.record.figures import plural

LEGEND = (
    "p50, p95, p99 count from the scheduled moment over all requests, with failures as infinitely late; below a figure "
    "its 95 % interval; peak is the kernel's, of one unit; units are the most at once; 1 MB is 1,048,576 bytes."
)


def heading(summary: Summary) -> str:
    """What was run, when, and whether it holds, e.g. quickstart · 3 rounds · seed 1 · 2026-11-22 00:52 UTC · valid."""
    name = summary.experiment or "unnamed experiment"
    state = "valid" if summary.valid else f"INVALID: {plural(len(summary.problems), 'problem')}"
    parts = [name, plural(summary.rounds, "round"), f"seed {summary.seed}", minute(summary.started_at), state]
    return harmless(" · ".join(parts))


def minute(moment: str) -> str:
    """An ISO 8601 time to the minute in UTC; any other text, or a time without a zone, as it is."""
    try:
        when = datetime.fromisoformat(moment)
        when = when.astimezone(UTC) if when.tzinfo else when
    except (ValueError, OverflowError):  # the latter: before the year 1 or after the year 9999 in UTC
        return moment
    return f"{when:%Y-%m-%d %H:%M} UTC" if when.tzinfo else moment


@dataclass
class Footnotes:
    """Sentences true of every row that they could be about, and numbered ones with the rows that they mark."""

    common: list[str] = field(default_factory=list)
    numbered: list[str] = field(default_factory=list)
    marks: dict[int, list[int]] = field(default_factory=dict)
    """Numbers by the row's place among those given."""


def footnotes(rows: Sequence[Row], fields: Mapping[str, frozenset[str]]) -> Footnotes:
    """Number the notes in the order in which they first occur; those about no field that is shown are left out.

    `fields` holds by profile the summary's fields that its table has columns for.
    """
    texts_by_row = [
        [harmless(note.text) for note in row.notes if concerns(note.about, fields[row.profile])] for row in rows
    ]
    common = true_of_all(rows, texts_by_row, fields)
    notes = Footnotes()
    for place, texts in enumerate(texts_by_row):
        for text in dict.fromkeys(texts):
            known = notes.common if text in common else notes.numbered
            if text not in known:
                known.append(text)
            if text not in common:
                notes.marks.setdefault(place, []).append(notes.numbered.index(text) + 1)
    notes.marks = {place: sorted(marks) for place, marks in notes.marks.items()}
    return notes


def true_of_all(rows: Sequence[Row], texts: Sequence[list[str]], fields: Mapping[str, frozenset[str]]) -> set[str]:
    """Sentences that stand in every valid row with a column for what they are about."""
    about: dict[str, set[str]] = {}
    for note in (note for row in rows for note in row.notes):
        about.setdefault(harmless(note.text), set()).update(note.about)
    return {
        text
        for text, names in about.items()
        if all(text in texts[i] for i, row in enumerate(rows) if row.valid and concerns(names, fields[row.profile]))
    }


def concerns(about: Iterable[str], fields: frozenset[str]) -> bool:
    """Whether a table with these fields has anything that a note about `about` speaks of; empty means all of it."""
    names = set(about)
    return not names or not fields.isdisjoint(names)
