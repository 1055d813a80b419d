"""What has been measured in which quarter, by the manifests of stored runs alone, and `frostline schedule show`."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console

from harness.clock import Quarter, moment_of
from harness.errors import RecordError
from harness.files.text import harmless
from harness.record.moments import start_of
from harness.record.nouns import Manifest
from harness.record.shelf import list_runs
from harness.schedule.changelog import ask_why, change_since
from harness.schedule.plan import Moment, Plan, read_plan

DEFAULT_MOMENT = Moment()


@dataclass(frozen=True)
class Standing:
    """What is stored of one experiment. Only finished runs count; those that deployed an anchor are kept apart."""

    experiment: str
    quarter: Quarter
    begins: datetime
    """The moment of this quarter from which on it is measured."""
    at: datetime
    """The moment that this is told of."""
    last: Manifest | None
    """The newest run."""
    previous: Manifest | None
    """The newest from before this quarter; where there is none, the newest: its images are the anchor."""
    anchor: Manifest | None
    """The newest of this quarter that deployed an earlier run's images."""

    @property
    def due(self) -> bool:
        """Whether this quarter lacks a finished run, and its moment has come."""
        return not self.measured and self.at >= self.begins

    @property
    def measured(self) -> bool:
        """Whether this quarter has a finished run."""
        return self.last is not None and Quarter.of(moment_of(self.last.started_at)) == self.quarter


def standing(
    experiment: str, manifests: Sequence[Manifest], now: datetime, moment: Moment = DEFAULT_MOMENT
) -> Standing:
    """Where the experiment of this name stands now, when each quarter is measured from this moment on."""
    quarter = Quarter.of(now)
    finished = [m for m in manifests if m.experiment.get("name") == experiment and m.finished_at]
    dated = sorted(_dated(finished, now), key=lambda item: item[:2])
    own = [(Quarter.of(moment), m) for moment, _, m in dated if not m.anchor]
    anchors = [m for moment, _, m in dated if m.anchor and Quarter.of(moment) == quarter]
    earlier = [m for when, m in own if when < quarter]
    last = own[-1][1] if own else None
    previous = earlier[-1] if earlier else last
    return Standing(experiment, quarter, moment.of(quarter), now, last, previous, anchors[-1] if anchors else None)


def _dated(manifests: Sequence[Manifest], now: datetime) -> Iterator[tuple[datetime, str, Manifest]]:
    for manifest in manifests:
        with suppress(RecordError):  # `read_manifests` tells them
            yield start_of(manifest, now), manifest.run, manifest


def read_manifests(results: Path, now: datetime) -> tuple[list[Manifest], list[str]]:
    """The manifest of every run in results/runs that counts, and a line for each that does not."""
    folders, unreadable = list_runs(results, now)
    return [folder.manifest for folder in folders], [f"not considered: {text}" for text in unreadable]


def show(file: Path, results: Path, console: Console, now: datetime) -> None:
    """Print what is measured again and when; an entry of the changelog is begun where a definition changed since."""
    plan, experiments = read_plan(file)
    manifests, unreadable = read_manifests(results, now)
    lines = [f"{file}: {plan.moment}; now {Quarter.of(now)}", *unreadable]
    changes = []
    for experiment in experiments:
        stand = standing(experiment.name, manifests, now, plan.moment)
        lines += standing_lines(stand, plan)
        if change := change_since(stand.last, experiment):
            changes.append(change)
            lines.append(f"  its definition changed since then ({change.before} -> {change.after})")
    lines += [f"NEEDS YOU: {line}" for line in ask_why(results, changes, [it.name for it in experiments])]
    for line in lines:
        console.print(harmless(line), markup=False, soft_wrap=True)


def standing_lines(stand: Standing, plan: Plan) -> list[str]:
    """One experiment, in words."""
    due = "due now" if stand.due else f"due {stand.begins:%Y-%m-%d %H:%M} UTC"
    if stand.last is None:
        return [f"{stand.experiment}: never measured; {due}, and then it has no anchor"]
    if stand.measured:
        due = f"measured in {stand.quarter}, due again {plan.moment.of(stand.quarter.next):%Y-%m-%d}"
    when = moment_of(stand.last.started_at)
    lines = [f"{stand.experiment}: {due}; last run {stand.last.run} ({when:%Y-%m-%d})"]
    if stand.anchor:
        lines.append(f"  anchor: run {stand.anchor.run} deployed the images of {stand.anchor.anchor.get('run')}")
    return lines
