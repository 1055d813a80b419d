"""Every trial in the order in which it was made."""

from collections.abc import Iterator
from functools import partial

from harness.analysis.summary import Row
from harness.analysis.table import key_of
from harness.files.text import harmless
from harness.record.figures import Cell, milliseconds, plural
from harness.record.nouns import FORCED_COLD
from harness.report.blocks import Column, Table
from harness.report.charts.run_order import Mark, run_order
from harness.report.material import Material, TrialInShort, limit_charts, profile_name, title
from harness.report.nouns import Chart, KeyEntry, Part

MOST_TRIALS = 400
ABOUT = (
    "The median of each trial, at its place in the run: a slope or a step over the run is drift, not a difference "
    "between targets. INVALID trials are hollow with a cross and enter no figure; an arrow at the top is a median "
    "that falls among failures, a mark on the bottom one that does not exist, or of fewer than 6, which is withheld."
)


def order(material: Material) -> Part:
    """A strip per workload and profile, and all trials as a table."""
    trials = material.trials
    charts, remarks = limit_charts(list(charts_of(material)))
    folded = [table(trials[:MOST_TRIALS])] if trials else []
    if len(trials) > MOST_TRIALS:
        remarks.append(f"the table holds the first {MOST_TRIALS} of {len(trials):,} trials")
    absent = [] if trials else ["no trial is stored"]
    return Part("order", "Order of the run", [ABOUT] if charts else [], charts, [], folded, absent, remarks)


def charts_of(material: Material) -> Iterator[Chart]:
    """A strip for each workload and profile."""
    rows = material.summary.rows
    for block in material.blocks():
        names = dict(zip((key_of(rows[place]) for place in block), material.labels(block), strict=True))
        of_block = [(names[key_of(trial.record)], trial) for trial in material.trials if key_of(trial.record) in names]
        first: Row = rows[block[0]]
        marks = [Mark(material.style(label), t.record.order, t.median_ms, t.valid) for label, t in of_block]
        keys = [
            KeyEntry(
                f"{label}, n = {plural(sum(name == label for name, _ in of_block), 'trial')}",
                material.places[label],
                joined=False,
            )
            for label in names.values()
        ]
        if any(not mark.valid for mark in marks):
            keys.append(KeyEntry(f"INVALID, n = {plural(sum(not m.valid for m in marks), 'trial')}", pattern="cross"))
        median = "cold starts" if first.profile == FORCED_COLD else "all requests"
        name = title(material, first, f"median of {median}")
        description = f"median latency of every trial in the order of the run, {name}"
        yield Chart(name, keys, partial(run_order, label=description, marks=marks))


def table(trials: list[TrialInShort]) -> Table:
    """A table of trials, one a line."""
    records = [trial.record for trial in trials]
    columns = [
        Column("trial", 0, [Cell(harmless(record.trial)) for record in records]),
        Column("place", 0, [Cell(f"{record.order:,}") for record in records]),
        Column("round", 0, [Cell(f"{record.round:,}") for record in records]),
        Column("attempt", 0, [Cell(f"{record.attempt:,}") for record in records]),
        Column("target", 0, [Cell(harmless(record.target)) for record in records]),
        Column("profile", 0, [Cell(profile_name(record.profile)) for record in records]),
        Column("n requests", 0, [Cell(f"{record.scheduled:,}") for record in records]),
        Column("median ms", 0, [median(trial) for trial in trials]),
        Column("state", 0, [state(trial) for trial in trials]),
    ]
    return Table("All trials", "the last attempt of each", columns)


def median(trial: TrialInShort) -> Cell:
    """The median of a trial's requests or cold starts."""
    return Cell("among failures") if trial.median_ms == float("inf") else milliseconds(trial.median_ms)


def state(trial: TrialInShort) -> Cell:
    """Whether a trial is valid, or why not; one without any good answer is a problem of the run, if no fault of its."""
    if trial.valid and trial.record.fruitless:
        return Cell("no good answer", harmless(str(trial.record.reasons[0])) if trial.record.reasons else "")
    if trial.valid:
        return Cell("valid")
    return Cell("INVALID", harmless(trial.record.problems[0] if trial.record.problems else "its rows do not add up"))
