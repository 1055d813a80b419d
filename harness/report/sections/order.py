"""Every trial in the order in which it was made."""

from collections.abc import Iterator
from functools import partial

from harness.analysis.summary import Row
from harness.analysis.table import key_of
from harness.files.text import harmless
from harness.record.figures import Cell, counted, milliseconds
from harness.record.nouns import FORCED_COLD
from harness.report.blocks import Column, Table
from harness.report.charts.run_order import Mark, run_order
from harness.report.material import Material, Visit, kept, profile_name, title
from harness.report.nouns import Chart, Key, Part

MOST_TRIALS = 400
ABOUT = (
    "The median of each trial, at its place in the run: a slope or a step over the run is drift, not a difference "
    "between targets. INVALID trials are hollow with a cross and enter no figure; an arrow at the top is a median "
    "that falls among failures, a mark on the bottom one that does not exist."
)


def order(material: Material) -> Part:
    """A strip per workload and profile, and all trials as a table."""
    visits = material.visits
    charts, remarks = kept(list(charts_of(material)))
    folded = [table(visits[:MOST_TRIALS])] if visits else []
    if len(visits) > MOST_TRIALS:
        remarks.append(f"the table holds the first {MOST_TRIALS} of {len(visits):,} trials")
    absent = [] if visits else ["no trial is stored"]
    return Part("order", "Order of the run", [ABOUT] if charts else [], charts, [], folded, absent, remarks)


def charts_of(material: Material) -> Iterator[Chart]:
    """Block by block."""
    rows = material.summary.rows
    for block in material.blocks():
        names = dict(zip((key_of(rows[place]) for place in block), material.labels(block), strict=True))
        found = [(names[key_of(visit.record)], visit) for visit in material.visits if key_of(visit.record) in names]
        first: Row = rows[block[0]]
        marks = [Mark(material.style(label), v.record.order, v.median_ms, v.valid) for label, v in found]
        keys = [
            Key(
                f"{label}, n = {counted(sum(name == label for name, _ in found), 'trial')}",
                material.places[label],
                joined=False,
            )
            for label in names.values()
        ]
        if any(not mark.valid for mark in marks):
            keys.append(Key(f"INVALID, n = {counted(sum(not m.valid for m in marks), 'trial')}", pattern="cross"))
        median = "cold starts" if first.profile == FORCED_COLD else "all requests"
        name = title(material, first, f"median of {median}")
        told = f"median latency of every trial in the order of the run, {name}"
        yield Chart(name, told, keys, partial(run_order, label=told, marks=marks))


def table(visits: list[Visit]) -> Table:
    """Trial by trial."""
    records = [visit.record for visit in visits]
    columns = [
        Column("trial", 0, [Cell(harmless(record.trial)) for record in records]),
        Column("place", 0, [Cell(f"{record.order:,}") for record in records]),
        Column("round", 0, [Cell(f"{record.round:,}") for record in records]),
        Column("attempt", 0, [Cell(f"{record.attempt:,}") for record in records]),
        Column("target", 0, [Cell(harmless(record.target)) for record in records]),
        Column("profile", 0, [Cell(profile_name(record.profile)) for record in records]),
        Column("n requests", 0, [Cell(f"{record.scheduled:,}") for record in records]),
        Column("median ms", 0, [median(visit) for visit in visits]),
        Column("state", 0, [state(visit) for visit in visits]),
    ]
    return Table("All trials", "the last attempt of each", columns)


def median(visit: Visit) -> Cell:
    """Of the trial's requests or cold starts."""
    return Cell("among failures") if visit.median_ms == float("inf") else milliseconds(visit.median_ms)


def state(visit: Visit) -> Cell:
    """Valid or why not."""
    if visit.valid:
        return Cell("valid")
    return Cell("INVALID", harmless(visit.record.problems[0] if visit.record.problems else "its rows do not add up"))
