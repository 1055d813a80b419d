"""The six dimensions, what each pulls to, and what would change the recommendation."""

from collections.abc import Iterator

from harness.decision.decision import Scorecard
from harness.files.text import harmless
from harness.record.figures import MISSING, Cell
from harness.report.blocks import Column, Table
from harness.report.material import Material
from harness.report.nouns import Part
from harness.report.sections.answer import end_sentence


def score(material: Material) -> Part:
    """The part with a scorecard per pair of targets."""
    absent = [] if material.cards else material.reasons.get("scorecard", ["no scorecard: no trial is stored"])
    remarks = [line for card in material.cards for line in changes(card)]
    tables = [table(card) for card in material.cards]
    return Part("scorecard", "Scorecard", tables=tables, absent=absent, remarks=remarks)


def table(card: Scorecard) -> Table:
    """A scorecard, a dimension a line; a missing score is none, not a middle one."""
    rows = card.dimensions
    columns = [
        Column("dimension", 0, [Cell(row.name) for row in rows]),
        Column("score 1 to 5", 0, [Cell(MISSING if row.score is None else str(row.score)) for row in rows]),
        Column("source", 0, [Cell(row.source) for row in rows]),
        Column("pull", 0, [Cell(row.pull) for row in rows]),
        Column("reason", 0, [Cell(harmless(row.reason)) for row in rows]),
    ]
    return Table(harmless(f"{card.title} · {card.recommendation}"), "", columns)


def changes(card: Scorecard) -> Iterator[str]:
    """What would change a card's recommendation."""
    for text in card.would_change:
        yield end_sentence(f"{card.title}: would change with {text}")
