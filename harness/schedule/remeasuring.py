"""`frostline remeasure`: last quarter's images first, then what is built today: the newest run is the new one."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from harness.clock import utc_now
from harness.errors import FrostlineError, Interrupted
from harness.experiment.question import Experiment
from harness.files.text import harmless
from harness.measure.alone import alone
from harness.measure.anchor import Anchor, anchor_of, keep_images
from harness.measure.fitting import Choice, choose
from harness.record.folder import RunFolder
from harness.record.nouns import Manifest, package_identity
from harness.schedule.changelog import asked, change_of
from harness.schedule.due import Standing, standing, stored
from harness.schedule.plan import read_plan
from targets.contract import DeploymentError

Measure = Callable[[Choice, Path, Console, Anchor | None], tuple[RunFolder, int]]
"""Carries out a run in a results folder, with an anchor's images where there is one: the run and its exit code."""


def remeasure(if_due: bool, plan: Path, results: Path, console: Console, measure: Measure) -> int:
    """Measure what is scheduled, with `if_due` only what this quarter lacks. The exit code is the worst of all: 1 also
    when a changed definition has no reason in the changelog yet."""
    _, experiments = read_plan(plan)
    manifests, unreadable = stored(results)
    say(console, *unreadable)
    now, code = utc_now(), 0
    standings = [standing(experiment.name, manifests, now) for experiment in experiments]
    changes = [change_of(experiment, stand.last) for experiment, stand in zip(experiments, standings, strict=True)]
    wanting = asked(results, [change for change in changes if change], [experiment.name for experiment in experiments])
    for experiment, stand in zip(experiments, standings, strict=True):
        if if_due and not stand.due:
            assert stand.last is not None
            say(console, f"{experiment.name}: measured in {stand.quarter} by run {stand.last.run}: nothing to do")
            continue
        try:
            code = max(code, Remeasurement(experiment, stand, results, console, measure).carry_out())
        except Interrupted:
            raise
        except FrostlineError as error:
            say(console, f"{experiment.name}: not measured: {error}")
            code = max(code, error.exit_code)
    say(console, *(f"NEEDS YOU: {line}" for line in wanting))
    return max(code, 1) if wanting else code


def say(console: Console, *told: str) -> None:
    """Lines that may come from run folders."""
    for line in "\n".join(told).splitlines():
        console.print(harmless(line), markup=False, soft_wrap=True)


class Remeasurement:
    """Of one experiment."""

    def __init__(
        self, experiment: Experiment, stand: Standing, results: Path, console: Console, measure: Measure
    ) -> None:
        self.experiment = experiment
        self.stand = stand
        self.results = results
        self.console = console
        self.measure = measure

    def carry_out(self) -> int:
        """The anchor's run, then the new one; returns the worse exit code."""
        with alone():
            choice = choose(self.experiment)
            beside, code, notice = self._anchor(choice)
            folder, new_code = self.measure(noticed(choice, notice), self.results, self.console, None)
        tags, problems = keep_images(folder.manifest)
        say(self.console, *(f"kept for next quarter: {tag}" for tag in tags), *problems)
        if beside is not None:
            say(self.console, *meanings(beside.manifest, folder.manifest))
        return max(code, new_code)

    def _anchor(self, choice: Choice) -> tuple[RunFolder | None, int, str]:
        """The anchor's run if there is one, its exit code, and what the new run has to say of it."""
        previous = self.stand.previous
        if previous is None:
            return None, 0, "NO ANCHOR: this experiment has no finished run before this one"
        try:
            anchor = anchor_of(previous, choice, lambda line: say(self.console, line))
        except DeploymentError as error:
            return None, 0, f"NO ANCHOR: images of run {previous.run} cannot be deployed: {error}"
        told = [f"ANCHOR: images of run {previous.run}, deployed again before those of today", *rebuilt(anchor)]
        try:
            folder, code = self.measure(noticed(choice, *told), self.results, self.console, anchor)
        except Interrupted:
            raise
        except FrostlineError as error:
            return None, error.exit_code, f"NO ANCHOR: its run ended early: {error}"
        return folder, code, f"ANCHOR: run {folder.manifest.run} deployed the images of run {previous.run} before this"


def noticed(choice: Choice, *notices: str) -> Choice:
    """With more to be said aloud and kept in the manifest, each on one line."""
    return replace(choice, notices=[*choice.notices, *("; ".join(told.splitlines())[:2000] for told in notices)])


def rebuilt(anchor: Anchor) -> list[str]:
    """What is not the very image of then."""
    again = anchor.facts.get("rebuilt", {})
    return [f"ANCHOR: {key} was made again by the same recipe; the image of then is gone" for key in again]


def meanings(anchor: Manifest, new: Manifest) -> list[str]:
    """How the two runs and the earlier one are told apart."""
    found = [
        f"what we changed: frostline compare {anchor.run} {new.run}",
        f"what the platform changed: frostline compare {anchor.anchor['run']} {anchor.run}",
    ]
    if all(package_identity(new.packages.get(key, {})) == image for key, image in anchor.anchor["images"].items()):
        found.append("both deployed the same images: what differs between them is noise of this machine and this hour")
    if anchor.anchor["experiment_sha256"] != new.definition:
        found.append("the definition changed meanwhile: the earlier run is no measure of the platform")
    return found
