"""What has been measured in which quarter, by the manifests of stored runs alone, and `frostline schedule show`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from harness.clock import Quarter, moment_of
from harness.files.text import harmless
from harness.record.nouns import Manifest
from harness.record.shelf import list_runs
from harness.schedule.changelog import ask_why, change_since
from harness.schedule.plan import Plan, read_plan


@dataclass(frozen=True)
class Standing:
    """What is stored of one experiment. Only finished runs count; those that deployed an anchor are kept apart."""

    experiment: str
    quarter: Quarter
    last: Manifest | None
    """The newest run."""
    previous: Manifest | None
    """The newest from before this quarter; where there is none, the newest: its images are the anchor."""
    anchor: Manifest | None
    """The newest of this quarter that deployed an earlier run's images."""

    @property
    def due(self) -> bool:
        """Whether this quarter lacks a finished run."""
        moment = start_of(self.last) if self.last else None
        return moment is None or Quarter.of(moment) < self.quarter


def standing(experiment: str, manifests: Sequence[Manifest], now: datetime) -> Standing:
    """Where the experiment of this name stands at a moment."""
    quarter = Quarter.of(now)
    finished = [m for m in manifests if m.experiment.get("name") == experiment and m.finished_at]
    dated = sorted(((moment, m.run, m) for m in finished if (moment := start_of(m))), key=lambda item: item[:2])
    own = [(Quarter.of(moment), m) for moment, _, m in dated if not m.anchor]
    anchors = [m for moment, _, m in dated if m.anchor and Quarter.of(moment) == quarter]
    earlier = [m for when, m in own if when < quarter]
    last = own[-1][1] if own else None
    return Standing(experiment, quarter, last, earlier[-1] if earlier else last, anchors[-1] if anchors else None)


def start_of(manifest: Manifest) -> datetime | None:
    """When a run was started, in UTC; None when the stored text is no moment."""
    try:
        return moment_of(manifest.started_at)
    except ValueError:
        return None


def read_manifests(results: Path) -> tuple[list[Manifest], list[str]]:
    """Every readable manifest in results/runs, and a line for each that is not."""
    folders, unreadable = list_runs(results)
    return [folder.manifest for folder in folders], [f"not considered: {text}" for text in unreadable]


def show(file: Path, results: Path, console: Console, now: datetime) -> None:
    """Print what is measured again and when; an entry of the changelog is begun where a definition changed since."""
    plan, experiments = read_plan(file)
    manifests, unreadable = read_manifests(results)
    lines = [f"{file}: {plan.moment}; now {Quarter.of(now)}", *unreadable]
    changes = []
    for experiment in experiments:
        stand = standing(experiment.name, manifests, now)
        lines += standing_lines(stand, plan)
        if change := change_since(stand.last, experiment):
            changes.append(change)
            lines.append(f"  its definition changed since then ({change.before} -> {change.after})")
    lines += [f"NEEDS YOU: {line}" for line in ask_why(results, changes, [it.name for it in experiments])]
    for line in lines:
        console.print(harmless(line), markup=False, soft_wrap=True)


def standing_lines(stand: Standing, plan: Plan) -> list[str]:
    """One experiment, in words."""
    if stand.last is None:
        return [f"{stand.experiment}: never measured; due now, and then it has no anchor"]
    moment = start_of(stand.last)
    when = f"{moment:%Y-%m-%d}" if moment else "?"
    following = stand.quarter.next
    due = f"{following.year}-{following.month:02}-{plan.moment.day:02}"
    state = "due now" if stand.due else f"measured in {stand.quarter}, due again {due}"
    lines = [f"{stand.experiment}: {state}; last run {stand.last.run} ({when})"]
    if stand.anchor:
        lines.append(f"  anchor: run {stand.anchor.run} deployed the images of {stand.anchor.anchor.get('run')}")
    return lines
