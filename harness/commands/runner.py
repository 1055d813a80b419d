"""Carrying out a run before a person's eyes: what will be done, what goes on, and the table at the end."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.cost.book import book_for
from harness.cost.costing import summary_with_cost
from harness.errors import UsageError
from harness.experiment.question import Experiment, parse_experiment, read_experiment
from harness.measure.alone import alone
from harness.measure.anchor import Anchor
from harness.measure.fitting import Choice, choose
from harness.measure.run import resume, start
from harness.measure.walk import Watcher
from harness.measure.watchers import watcher
from harness.record.folder import RunFolder, latest_attempts
from harness.record.shelf import find_run
from harness.report.console import render


def run_experiment(name: str | None, rounds: int | None, results: Path, console: Console) -> int:
    """Measure an experiment; returns the exit code: 1 when a trial failed or is INVALID."""
    with alone():
        return measure(choose(_experiment(name, rounds)), results, console)[1]


def resume_run(run: str, results: Path, console: Console) -> int:
    """Carry on an interrupted run; returns the exit code as `run_experiment` does."""
    folder = find_run(results, run)
    return _carry_out(lambda shown: resume(folder, shown), console)[1]


def measure(choice: Choice, results: Path, console: Console, anchor: Anchor | None = None) -> tuple[RunFolder, int]:
    """A new run, and its exit code; with an `anchor`, an earlier run's images are deployed."""
    _announce(choice, console)
    prices = _prices(choice.experiment)
    return _carry_out(lambda shown: start(choice, results, shown, anchor=anchor, prices=prices), console)


def _carry_out(work: Callable[[Watcher], RunFolder], console: Console) -> tuple[RunFolder, int]:
    """Show the work while it goes on, and its table when it is done."""
    with closing(watcher(console)) as shown:
        folder = work(shown)
    console.print()
    render(summary_with_cost(folder), "text", console)
    bad = [record for record in latest_attempts(folder.trials()) if not record.valid]
    if bad:
        console.print(
            f"{len(bad)} of {folder.manifest.trials} trials failed or are INVALID: see the lines above", markup=False
        )
    return folder, 1 if bad else 0


def _experiment(name: str | None, rounds: int | None) -> Experiment:
    if name is None:
        raise UsageError(["run: name an experiment (see `frostline list`), a YAML file, or --resume RUN"])
    experiment = read_experiment(name)
    if rounds is None:
        return experiment
    return parse_experiment({**experiment.model_dump(mode="json"), "rounds": rounds}, "--rounds")


def _announce(choice: Choice, console: Console) -> None:
    """Before anything starts: what will be done, how long it takes, and what is not as asked."""
    for notice in choice.notices:
        console.print(notice, markup=False, soft_wrap=True)
    experiment = choice.experiment
    console.print(
        f"{experiment.name}: {len(choice.trials)} trials in {experiment.rounds} rounds on {', '.join(choice.targets)}, "
        f"about {choice.expected_minutes:.1f} minutes, and a few more the first time.",
        markup=False,
        soft_wrap=True,
    )


def _prices(experiment: Experiment) -> dict[str, Any]:
    """Today's book, which the run keeps, so that it is priced the same for ever; empty where there is none."""
    book = book_for(experiment.priced_as.provider, experiment.priced_as.region)
    return book.stored() if book else {}
