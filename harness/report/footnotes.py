"""The notes of all rows, each sentence once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.analysis.summary import Row
from harness.files.text import harmless


@dataclass
class Footnotes:
    """Sentences true of every row that they could be about, and numbered ones with the rows that they mark."""

    common: list[str] = field(default_factory=list)
    numbered: list[str] = field(default_factory=list)
    marks: dict[int, list[int]] = field(default_factory=dict)
    """Numbers by the row's place among those given."""


def footnotes(rows: Sequence[Row], shown: Mapping[str, frozenset[str]]) -> Footnotes:
    """Number the notes in the order in which they first occur; those about no field that is shown are left out.

    `shown` holds by profile the summary's fields that its table has columns for.
    """
    told = [[harmless(note.text) for note in row.notes if concerns(note.about, shown[row.profile])] for row in rows]
    common = true_of_all(rows, told, shown)
    notes = Footnotes()
    for place, texts in enumerate(told):
        for text in dict.fromkeys(texts):
            known = notes.common if text in common else notes.numbered
            if text not in known:
                known.append(text)
            if text not in common:
                notes.marks.setdefault(place, []).append(notes.numbered.index(text) + 1)
    notes.marks = {place: sorted(marks) for place, marks in notes.marks.items()}
    return notes


def true_of_all(rows: Sequence[Row], told: Sequence[list[str]], shown: Mapping[str, frozenset[str]]) -> set[str]:
    """Sentences that stand in every valid row with a column for what they are about."""
    about: dict[str, set[str]] = {}
    for note in (note for row in rows for note in row.notes):
        about.setdefault(harmless(note.text), set()).update(note.about)
    return {
        text
        for text, names in about.items()
        if all(text in told[i] for i, row in enumerate(rows) if row.valid and concerns(names, shown[row.profile]))
    }


def concerns(about: Iterable[str], shown: frozenset[str]) -> bool:
    """Whether a table with these fields has anything that a note about `about` speaks of; empty means all of it."""
    names = set(about)
    return not names or not shown.isdisjoint(names)
