"""Carrying out a run before a person's eyes: what will be done, what goes on, and the table at the end."""

from collections.abc import Callable
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.capacity.like import offers
from harness.commands.consent import Consenting, on_platform
from harness.commands.forecast import forecast_at_end
from harness.commands.load_from import HERE, LoadFrom
from harness.cost.book import book_for
from harness.cost.costing import summary_with_cost
from harness.decision.decision import decide
from harness.errors import UsageError
from harness.experiment.question import Experiment, experiment_names, parse_experiment, read_experiment
from harness.load.process import LoadProcess
from harness.measure.alone import alone
from harness.measure.anchor import Anchor
from harness.measure.fitting import RunnableExperiment, fit_to_machine
from harness.measure.outlook import Consent
from harness.measure.run import continue_run, start_run
from harness.measure.walk import OpenLoad, Watcher
from harness.measure.watchers import watcher
from harness.record.folder import RunFolder, latest_attempts
from harness.record.forecast import read_forecast
from harness.record.shelf import find_run
from harness.report.answer import say_answers, say_sizes
from harness.report.console import render


def run_experiment(
    name: str | None,
    rounds: int | None,
    results: Path,
    console: Console,
    wait: bool = False,
    on: str | None = None,
    consent: Consent | None = None,
    load_workers: int | None = None,
    load: LoadFrom = HERE,
) -> int:
    """Measure an experiment, on a platform in place of its own targets where `on` names one; returns the exit code: 1
    when a trial is INVALID or had no good answer."""
    experiment = _experiment(name, rounds, load_workers)
    runnable = fit_to_machine(on_platform(experiment, on) if on else experiment)  # what cannot be done is said first
    open_load = load.opener(runnable.targets, plainly(console))
    _announce(runnable, console)
    with alone(tell=plainly(console) if wait else None):
        folder, code = _measure(runnable, results, console, consent=consent, open_load=open_load)
    _offer_capacity(folder, runnable.experiment, runnable.targets, name or runnable.experiment.name, console)
    return code


def resume_run(
    run: str,
    results: Path,
    console: Console,
    wait: bool = False,
    consent: Consent | None = None,
    load: LoadFrom = HERE,
) -> int:
    """Carry on an interrupted run; returns the exit code as `run_experiment` does."""
    folder = find_run(results, run)
    folder.check_can_grow()
    open_load = load.opener(list(folder.manifest.targets), plainly(console))
    with alone(folder.manifest.run, plainly(console)) if wait else nullcontext():
        folder = RunFolder.open(folder.path) if wait else folder  # it may have gone on meanwhile
        folder, code = _carry_out(lambda shown: continue_run(folder, shown, consent, open_load), console)
    experiment = parse_experiment(folder.manifest.experiment, "manifest.json: experiment")
    name = experiment.name if experiment.name in experiment_names() else "EXPERIMENT"  # its file is not kept
    _offer_capacity(folder, experiment, list(folder.manifest.targets), name, console)
    return code


def measure(
    runnable: RunnableExperiment, results: Path, console: Console, anchor: Anchor | None = None
) -> tuple[RunFolder, int]:
    """A new run, announced, and its exit code; with an `anchor`, an earlier run's images are deployed. Nobody is there
    to be asked: what costs money is measured where the experiment states a budget."""
    _announce(runnable, console)
    consent = Consenting(plainly(console), yes=runnable.experiment.budget_usd is not None)
    return _measure(runnable, results, console, anchor, consent)


def plainly(console: Console) -> Callable[[str], None]:
    """Prints a line as it is."""
    return lambda line: console.print(line, markup=False, soft_wrap=True)


def _measure(
    runnable: RunnableExperiment,
    results: Path,
    console: Console,
    anchor: Anchor | None = None,
    consent: Consent | None = None,
    open_load: OpenLoad = LoadProcess,
) -> tuple[RunFolder, int]:
    prices = _prices(runnable.experiment)

    def work(shown: Watcher) -> RunFolder:
        return start_run(runnable, results, shown, anchor=anchor, prices=prices, consent=consent, open_load=open_load)

    return _carry_out(work, console)


def _carry_out(work: Callable[[Watcher], RunFolder], console: Console) -> tuple[RunFolder, int]:
    """Show the work while it goes on, and its table when it is done."""
    with closing(watcher(console)) as shown:
        folder = work(shown)
    forecast_at_end(folder, plainly(console))
    console.print()
    summary = summary_with_cost(folder)
    say_sizes(folder.manifest, summary.rows, console)
    say_answers(decide(folder).cards, console)
    render(summary, "text", console)
    records = latest_attempts(folder.trials())
    bad = [record for record in records if not record.valid or record.fruitless]
    if bad:
        console.print(
            f"{len(bad)} of {folder.manifest.trials} trials are INVALID or had no good answer: see the lines above",
            markup=False,
            soft_wrap=True,
        )
    return folder, 1 if bad else 0


def _offer_capacity(folder: RunFolder, experiment: Experiment, chosen: list[str], name: str, console: Console) -> None:
    """Where an objective is stated and nobody measured what a replica carries within it: what would settle that."""
    commands = offers(folder.manifest, experiment, chosen, name)
    if commands:
        found_by = " and ".join(f"`{command}`" for command in commands)
        priced = (
            "" if read_forecast(folder) else f"; `frostline cost {folder.manifest.run} --capacity FILE` prices this one"
        )
        plainly(console)(
            f"What one replica carries within the objective is only bounded; {found_by} would settle it for runs that "
            f"begin later{priced}."
        )


def _experiment(name: str | None, rounds: int | None, load_workers: int | None) -> Experiment:
    if name is None:
        raise UsageError(["run: name an experiment (see `frostline list`), a YAML file, or --resume RUN"])
    experiment = read_experiment(name)
    fields = experiment.model_dump(mode="json")
    if load_workers is not None:
        fields["load"]["workers"] = load_workers
        experiment = parse_experiment(fields, "--load-workers")
    if rounds is None:
        return experiment
    return parse_experiment({**fields, "rounds": rounds}, "--rounds")


def _announce(runnable: RunnableExperiment, console: Console) -> None:
    """Before anything starts: what will be done, how long it takes, and what is not as asked."""
    for notice in runnable.notices:
        console.print(notice, markup=False, soft_wrap=True)
    experiment = runnable.experiment
    names = ", ".join(runnable.targets)
    console.print(
        f"{experiment.name}: {len(runnable.trials)} trials in {experiment.rounds} rounds on {names}, "
        f"about {runnable.expected_minutes:.1f} minutes, and a few more the first time.",
        markup=False,
        soft_wrap=True,
    )


def _prices(experiment: Experiment) -> dict[str, Any]:
    """Today's book, which the run keeps, so that it is priced the same for ever; empty where there is none."""
    book = book_for(experiment.priced_as.provider, experiment.priced_as.region)
    return book.to_json() if book else {}
