"""What could be wrong: always there, and longer than anybody likes."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from harness.analysis.notes import NOT_TRAFFIC
from harness.analysis.summary import NO_TRIAL, Row
from harness.record.estimate import Estimate
from harness.record.figures import figure, plural
from harness.record.nouns import package_identity
from harness.report.comparison import remarks
from harness.report.frame import Footnotes
from harness.report.material import Material, profile_name
from harness.report.nouns import Doubts

MOST = 60
"""So many of each kind are listed; a run folder can hold millions."""


def doubts(material: Material, notes: Footnotes) -> list[Doubts]:
    """Everything that could be wrong, by kind. `notes` are those that the table of all figures points to."""
    summary = material.summary
    costing = material.costing
    money = [*(costing.notices if costing else []), *material.reasons.get("cost", [])]
    money += costing.metered.bill.problems if costing and costing.metered else []
    for side in costing.sides if costing else []:
        name = f"{side.target}, {profile_name(side.profile)}"
        money += [f"{name}: {text}" for text in side.notes if not text.startswith("priced as")]
    kinds = [
        ("Problems", summary.problems, "none: every planned trial is stored and valid"),
        ("Notices of the run", summary.notices, "none"),
        ("What stands in for something else", list(stand_ins(material)), "nothing: no target is emulated"),
        ("Notes on all rows", notes.common, "none"),
        ("Comparison", list(comparison_warnings(material)), "no warning"),
        ("Figures withheld or without an end", list(withheld_figures(material)), "none"),
        ("Money", money, "no costing notice"),
        ("Scorecard", material.reasons.get("scorecard", []), "nothing left out"),
        ("Facts that differ or are not known", list(unequal_facts(material)), "none found"),
        ("Load generator", list(generator(material)), "no trial under traffic"),
        ("Not in this run", list(limits(material)), ""),
    ]
    plain = [Doubts(title, shorten(texts), none) for title, texts, none in kinds]
    numbered = Doubts("Notes on some rows (numbers in the table of all figures)", notes.numbered, "none", numbered=True)
    return [*plain[:4], numbered, *plain[4:]]


def shorten(texts: list[str]) -> list[str]:
    """Each text once, and no more than MOST of them."""
    once = list(dict.fromkeys(texts))
    rest = len(once) - MOST
    return once if rest <= 0 else [*once[:MOST], f"and {rest:,} more: see `frostline show --format json`"]


def stand_ins(material: Material) -> Iterator[str]:
    """Emulated targets, those without isolation, and those of which neither is known."""
    for name in sorted({row.target for row in material.summary.rows} | material.run.manifest.targets.keys()):
        facts = material.run.manifest.target(name)
        if facts.emulated:
            yield f"{name} is emulated: it stands in for a cloud service on this host and is not that service"
        elif facts.emulated is None:
            yield f"{name}: the manifest does not say whether it is emulated"
        if facts.isolated is False:
            yield f"{name} runs without isolation: its units are not held to their memory and CPU limits"


def comparison_warnings(material: Material) -> Iterator[str]:
    """Warnings of all pairs and of their figures."""
    yield from material.reasons.get("comparison", [])
    for comparison in material.pairs:
        yield from comparison.warnings
        for key in dict.fromkeys((row.workload, row.profile) for row in comparison.rows):
            rows = [row for row in comparison.rows if (row.workload, row.profile) == key]
            yield from (f"{key[0]}, {profile_name(key[1])}: {text}" for text in remarks(rows))


def withheld_figures(material: Material) -> Iterator[str]:
    """One line per row: every figure that may not be told or has an open end, with the reason."""
    for block in material.blocks():
        for label, place in zip(material.labels(block), block, strict=True):
            row = material.summary.rows[place]
            reasons = [f"{name}: {why}" for name, why in reasons_of(row)]
            if reasons:
                yield f"{row.workload}, {profile_name(row.profile)}, {label}: {'; '.join(reasons)}"


def reasons_of(row: Row) -> Iterator[tuple[str, str]]:
    """Each figure of a row that may not be told or has an open end, and the reason."""
    if not row.valid:
        yield "every figure", "no valid trial"
        return
    for field in fields(row):
        value: Any = getattr(row, field.name)
        if isinstance(value, Estimate) and value is not NO_TRIAL and value.why not in (None, NOT_TRAFFIC):
            name = field.name.removesuffix("_ms").removeprefix("latency_").replace("_", " ")
            yield name, str(value.why)


def unequal_facts(material: Material) -> Iterator[str]:
    """What differs between trials or packages of one workload, and what is not known of the source."""
    records = [trial.record for trial in material.trials]
    settings = {
        "CPUs of the host": {f"{record.host_cpus:g}" for record in records},
        "timer of the generator": {record.generator.timer for record in records if record.generator},
        "priority of the generator": {record.generator.priority for record in records if record.generator},
    }
    for name, values in settings.items():
        if len(values) > 1:
            yield f"{name} differs between trials: {', '.join(sorted(values))}"
    images: dict[str, set[str]] = {}
    for key, package in material.run.manifest.packages.items():
        images.setdefault(key.partition("/")[0], set()).add(str(package_identity(package)))
    for workload, ids in images.items():
        if len(ids) > 1:
            yield f"{workload}: its targets did not run the same package ({plural(len(ids), 'different digest')})"
    software = material.run.manifest.facts.get("software", {})
    if software.get("commit") is None:
        yield "the commit of Frostline's source is not known"
    if software.get("dirty"):
        yield "Frostline's source had changes that were not committed"


def generator(material: Material) -> Iterator[str]:
    """How late requests were sent, what was shed, and what the hypervisor took."""
    rows = [row for row in material.summary.rows if row.lag_p99_ms is not None]
    if rows:
        worst = max(row.lag_p99_ms or 0.0 for row in rows)
        sent = sum(row.scheduled or 0 for row in rows)
        yield f"lag of sending behind the schedule: p99 at most {figure(worst)} ms in any row, n = {sent:,} requests"
        yield f"shed by the generator: {sum(row.shed or 0 for row in rows):,} of {sent:,} requests"
    stolen = [trial.record.steal_share for trial in material.trials if trial.record.steal_share is not None]
    if stolen:
        most = f"{figure(100 * max(stolen))} % at most in one trial, n = {plural(len(stolen), 'trial')}"
        yield f"time that the hypervisor gave to others: {most}"


def limits(material: Material) -> Iterator[str]:
    """What one run cannot tell."""
    yield "No target was compared with itself here: `frostline selftest` does that on this machine."
    yield "Intervals tell how much more rounds on this machine would differ, not other machines, regions or days."
    if not any(row.gpu_p50_ms for row in material.summary.rows):
        yield "No GPU time was measured."
