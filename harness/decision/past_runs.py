"""All stored runs of one experiment, oldest first, and what sets each apart from the one before it."""

from dataclasses import dataclass, replace
from pathlib import Path

from harness.analysis.differences import UNKNOWN, differ, value
from harness.analysis.summary import Summary
from harness.clock import Quarter, moment_of
from harness.cost.costing import summary_with_cost
from harness.errors import RecordError, UsageError
from harness.files.problems import quote
from harness.files.whole import one_line
from harness.record.folder import RunFolder
from harness.record.nouns import KERNEL, MACHINE, Manifest
from harness.record.shelf import list_runs
from harness.record.target_facts import incomparable

NEW_DEFINITION = "definition changed"
NEW_MACHINE = "different machine"
NEW_PLATFORM = "an emulation and the cloud service itself"
PAID_FOR = ("expected", "priced_as")
"""Sections of an experiment that change its cost, but not its measurements."""


@dataclass(frozen=True)
class PastRun:
    """One run. `breaks` say why its figures are not comparable with those of the run before; `remarks` only what else
    is new. `era` counts the breaks so far, `cost_era` also changes of what is paid for. An anchor run has none of this:
    it deployed older images on purpose."""

    run: str
    started_at: str
    """In UTC, whatever zone the run wrote."""
    quarter: str
    """E.g. 2026-Q4, of the UTC date on which it began."""
    anchor: bool
    valid: bool
    era: int
    cost_era: int
    breaks: list[str]
    remarks: list[str]


@dataclass(frozen=True)
class PastRuns:
    """Runs oldest first; `notices` name what was left out and why, and what the runs themselves could not tell."""

    runs: list[tuple[PastRun, Summary]]
    notices: list[str]


def read_past_runs(results: Path, experiment: str) -> PastRuns:
    """Read all stored runs of an experiment. UsageError, with the experiments there are, where it has no run."""
    folders, unread = list_runs(results)
    notices = [f"left out: {text}" for text in unread]
    names = {experiment_name(folder.manifest) for folder in folders}
    if experiment not in names:
        known = ", ".join(sorted(quote(name)[1:-1] for name in names if name)) or "none"
        choices = f"experiments with a run in {results / 'runs'}: {known}"
        raise UsageError([f"history: experiment {quote(experiment)} has no stored run", choices, *notices])
    return summarise_all([folder for folder in folders if experiment_name(folder.manifest) == experiment], notices)


def summarise_all(folders: list[RunFolder], notices: list[str]) -> PastRuns:
    """A summary of each run, given oldest first; one whose trials cannot be read is left out with a notice."""
    runs: list[tuple[PastRun, Summary]] = []
    before: tuple[PastRun, Manifest] | None = None
    for folder in folders:
        try:
            summary = summary_with_cost(folder)
        except RecordError as error:
            notices.append(f"left out: run {quote(folder.manifest.run)[1:-1]}: {one_line(str(error))}")
            continue
        run = without_breaks(folder.manifest, summary)
        if not run.anchor:
            run = run if before is None else compare_with(before, run, folder.manifest)
            before = run, folder.manifest
        runs.append((run, summary))
        no_cost = [text for text in summary.notices if text.startswith("no cost: ")]
        notices += [f"{quote(run.run)[1:-1]}: {text}" for text in [*no_cost, *folder.notices]]
    if not runs:
        raise RecordError("\n".join(["no run of this experiment can be read", *notices]))
    return PastRuns(runs, list(dict.fromkeys(notices)))


def without_breaks(manifest: Manifest, summary: Summary) -> PastRun:
    """A run before it is compared with the one before it: no breaks, no remarks."""
    at = moment_of(manifest.started_at)
    quarter, began = str(Quarter.of(at)), at.isoformat(timespec="seconds")
    return PastRun(manifest.run, began, quarter, bool(manifest.anchor), summary.valid, 0, 0, [], [])


def compare_with(before: tuple[PastRun, Manifest], run: PastRun, manifest: Manifest) -> PastRun:
    """The run with what is new since the one before."""
    earlier, then = before
    breaks = [NEW_DEFINITION] if manifest.definition != then.definition else []
    breaks += [f"{NEW_MACHINE}: {text}" for text in list_changes(then, manifest, [n for n in MACHINE if n != KERNEL])]
    breaks += [
        f"{NEW_PLATFORM}: {quote(name)[1:-1]}"
        for name in sorted(manifest.targets.keys() & then.targets.keys())
        if incomparable(manifest.target(name), then.target(name))
    ]
    remarks = [f"new kernel: {text}" for text in list_changes(then, manifest, [KERNEL])]
    software = [m.facts.get("software", {}).get("frostline", UNKNOWN) for m in (then, manifest)]
    if differ(*software):
        remarks.append(f"measured with another Frostline: {value(software[0])} to {value(software[1])}")
    paid = [name for name in PAID_FOR if manifest.experiment.get(name) != then.experiment.get(name)]
    if paid:
        remarks.append(f"cost not comparable with the runs above: other {', '.join(paid)}")
    if manifest.prices != then.prices:
        remarks.append("cost by other prices")
    if (manifest.capacities or {}) != (then.capacities or {}):  # None: of a run from before they were kept
        remarks.append("cost by other measured capacities")
    cost_era = earlier.cost_era + bool(breaks or paid)
    return replace(run, era=earlier.era + bool(breaks), cost_era=cost_era, breaks=breaks, remarks=remarks)


def list_changes(before: Manifest, now: Manifest, names: list[str]) -> list[str]:
    """Facts of the machine that are not what they were, with both values.

    A kernel is renewed every few weeks, so it alone makes no other machine.
    """
    machines = [manifest.facts.get("machine", {}) for manifest in (before, now)]
    pairs = {name: [machine.get(name, UNKNOWN) for machine in machines] for name in names}
    return [f"{name} {value(a)} to {value(b)}" for name, (a, b) in pairs.items() if differ(a, b)]


def experiment_name(manifest: Manifest) -> str | None:
    """The experiment's name, if the manifest tells one."""
    name = manifest.experiment.get("name")
    return name if isinstance(name, str) else None
