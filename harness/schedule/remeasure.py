"""`frostline remeasure`: last quarter's images first, then what is built today: the newest run is the new one."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from rich.console import Console

from harness.clock import utc_now
from harness.errors import FrostlineError, Interrupted
from harness.experiment.question import Experiment
from harness.files.text import harmless
from harness.measure.alone import alone
from harness.measure.anchor import Anchor, keep_images, prepare_anchor
from harness.measure.fitting import RunnableExperiment, fit_to_machine
from harness.record.folder import RunFolder
from harness.record.nouns import Manifest, package_identity
from harness.schedule.changelog import ask_why, change_since
from harness.schedule.due import Standing, read_manifests, standing
from harness.schedule.plan import read_plan
from targets.contract import DeploymentError


@dataclass(frozen=True)
class Measuring:
    """How things are measured: what a re-measurement asks of this machine."""

    measure: Callable[[RunnableExperiment, Path, Console, Anchor | None], tuple[RunFolder, int]]
    """Carries out a run in a results folder, with an anchor's images where there is one: the run and its exit code."""
    fit_to_machine: Callable[[Experiment], RunnableExperiment] = fit_to_machine
    prepare_anchor: Callable[[Manifest, RunnableExperiment, Callable[[str], None]], Anchor] = prepare_anchor
    keep_images: Callable[[Manifest], tuple[list[str], list[str]]] = keep_images


def remeasure(
    if_due: bool,
    plan: Path,
    results: Path,
    console: Console,
    measuring: Measuring,
    now: datetime,
    wait: bool = False,
) -> int:
    """Measure what is scheduled, with `if_due` only what this quarter lacks since its moment; with `wait`, in turn with
    others who measure here. The exit code is the worst of all: 1 also when a changed definition has no reason in the
    changelog yet."""
    schedule, experiments = read_plan(plan)
    manifests, unreadable = read_manifests(results, now)
    say(console, *unreadable)
    standings = [(experiment, standing(experiment.name, manifests, now, schedule.moment)) for experiment in experiments]
    changes = [change for experiment, stand in standings if (change := change_since(stand.last, experiment))]
    unexplained = ask_why(results, changes, [experiment.name for experiment in experiments])
    code = 0
    for experiment, stand in standings:
        if if_due and not stand.due:
            say(console, not_due(stand))
            continue
        try:
            with alone(tell=(lambda line: say(console, line)) if wait else None):
                if wait:  # whoever measured meanwhile may have measured this
                    later = max(now, utc_now())
                    stand = standing(experiment.name, read_manifests(results, later)[0], later, schedule.moment)
                if if_due and not stand.due:
                    say(console, not_due(stand))
                    continue
                code = max(code, Remeasurement(experiment, stand, results, console, measuring).carry_out())
        except Interrupted:
            raise
        except FrostlineError as error:
            say(console, f"{experiment.name}: not measured: {error}")
            code = max(code, error.exit_code)
    say(console, *(f"NEEDS YOU: {line}" for line in unexplained))
    return max(code, 1) if unexplained else code


def not_due(stand: Standing) -> str:
    """Why there is nothing to do for an experiment."""
    if stand.measured and stand.last:
        return f"{stand.experiment}: measured in {stand.quarter} by run {stand.last.run}: nothing to do"
    return f"{stand.experiment}: due from {stand.begins:%Y-%m-%d %H:%M} UTC on: nothing to do yet"


def say(console: Console, *lines: str) -> None:
    """Lines that may come from run folders."""
    for line in "\n".join(lines).splitlines():
        console.print(harmless(line), markup=False, soft_wrap=True)


@dataclass(frozen=True)
class Remeasurement:
    """One experiment, measured again."""

    experiment: Experiment
    stand: Standing
    results: Path
    console: Console
    measuring: Measuring

    def carry_out(self) -> int:
        """The anchor's run, then the new one, both while nobody else measures; returns the worse exit code."""
        runnable = self.measuring.fit_to_machine(self.experiment)
        anchor, code, notice = self._measure_anchor(runnable)
        folder, new_code = self._measure(runnable, None, notice)
        tags, problems = self.measuring.keep_images(folder.manifest)
        say(self.console, *(f"kept for next quarter: {tag}" for tag in tags), *problems)
        if anchor is not None:
            say(self.console, *how_to_compare(anchor.manifest, folder.manifest))
        return max(code, new_code)

    def _measure_anchor(self, runnable: RunnableExperiment) -> tuple[RunFolder | None, int, str]:
        """The anchor's run if there is one, its exit code, and what the new run has to say of it."""
        previous = self.stand.previous
        if previous is None:
            return None, 0, "NO ANCHOR: this experiment has no finished run before this one"
        try:
            anchor = self.measuring.prepare_anchor(previous, runnable, lambda line: say(self.console, line))
        except DeploymentError as error:
            return None, 0, f"NO ANCHOR: images of run {previous.run} cannot be deployed: {error}"
        notices = [
            f"ANCHOR: images of run {previous.run}, deployed again before those of today",
            *(
                f"ANCHOR: {key} was made again by the same recipe; the image of then is gone"
                for key in anchor.facts.get("rebuilt", {})
            ),
        ]
        try:
            folder, code = self._measure(runnable, anchor, *notices)
        except Interrupted:
            raise
        except FrostlineError as error:
            return None, error.exit_code, f"NO ANCHOR: its run ended early: {error}"
        return folder, code, f"ANCHOR: run {folder.manifest.run} deployed the images of run {previous.run} before this"

    def _measure(self, runnable: RunnableExperiment, anchor: Anchor | None, *notices: str) -> tuple[RunFolder, int]:
        """A run that says these aloud and keeps them in its manifest, each on one line."""
        lines = ["; ".join(notice.splitlines())[:2000] for notice in notices]
        runnable = replace(runnable, notices=[*runnable.notices, *lines])
        return self.measuring.measure(runnable, self.results, self.console, anchor)


def how_to_compare(anchor: Manifest, new: Manifest) -> list[str]:
    """How the two runs and the earlier one are told apart."""
    lines = [
        f"what we changed: frostline compare {anchor.run} {new.run}",
        f"what the platform changed: frostline compare {anchor.anchor['run']} {anchor.run}",
    ]
    if all(package_identity(new.packages.get(key, {})) == image for key, image in anchor.anchor["images"].items()):
        lines.append("both deployed the same images: what differs between them is noise of this machine and this hour")
    if anchor.anchor["experiment_sha256"] != new.definition:
        lines.append("the definition changed meanwhile: the earlier run is no measure of the platform")
    return lines
