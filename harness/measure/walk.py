"""Walks the plan: trial after trial, saved after each, tried again where that is due; always tears down."""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

import targets
from harness.clock import now_ns, sleep, utc_now
from harness.errors import MissingError, TrialError
from harness.experiment.plan import Trial
from harness.load.process import LoadProcess
from harness.measure.clean import sweep
from harness.measure.constancy import changes, lasting_facts
from harness.measure.fitting import RunnableExperiment
from harness.measure.leases import Leases
from harness.measure.purse import Purse
from harness.measure.trial import visit_target
from harness.measure.visit import Visit
from harness.record.folder import RunFolder
from harness.record.nouns import Manifest, TrialRecord
from targets.contract import Package
from targets.ownership import Owner, variables

PATIENCE_S = 60.0
"""How long a run waits for an engine that answered when it began."""


OpenLoad = Callable[[int, dict[str, str]], LoadProcess]
"""Makes a load process with so many workers, which has these variables in its environment."""


class Watcher(Protocol):
    """Whoever shows a run to a person."""

    def say(self, line: str) -> None:
        """Print a line for the user."""

    def begin(self, trial: Trial, number: int, of: int) -> None:
        """A trial begins."""

    def advance(self, ended: int, of: int) -> None:
        """So many of the trial's requests have ended."""

    def end(self, trial: Trial, record: TrialRecord) -> None:
        """A trial has ended and is stored."""


class Attempts:
    """What is stored of each trial. A damaged attempt counts as none, but its number is not used again."""

    def __init__(self, folder: RunFolder, most: int, watcher: Watcher) -> None:
        self.most = most
        self._sound: dict[str, list[TrialRecord]] = {}
        self._numbers: dict[str, int] = {}
        for record in folder.trials():
            self._numbers[record.trial] = max(record.attempt, self._numbers.get(record.trial, 0))
            damage = folder.find_damage(record)
            for line in damage:
                watcher.say(f"{record.trial} is carried out again, its attempt {record.attempt} is damaged: {line}")
            if not damage:
                self._sound.setdefault(record.trial, []).append(record)

    def next_number(self, trial: Trial) -> int:
        """The number that the trial's next attempt gets."""
        return self._numbers.get(trial.id, 0) + 1

    def add(self, record: TrialRecord) -> None:
        """Count one more attempt."""
        self._numbers[record.trial] = record.attempt
        self._sound.setdefault(record.trial, []).append(record)

    def is_due(self, trial: Trial) -> bool:
        """Whether another attempt is asked for."""
        return not is_done(self._sound.get(trial.id, []), self.most)


def walk_plan(
    runnable: RunnableExperiment,
    folder: RunFolder,
    packages: dict[tuple[str, str], Package],
    watcher: Watcher,
    witness: Path | None = None,
    purse: Purse | None = None,
    open_load: OpenLoad = LoadProcess,
) -> RunFolder:
    """Carry out every trial that is due. MissingError when the disk is full or the engine stays away, BudgetSpent when
    the purse is empty."""
    purse = purse or Purse()
    trials = runnable.trials
    attempts = Attempts(folder, runnable.experiment.attempts, watcher)
    owned = variables(folder.manifest.run, Owner.current())
    with (
        _kept(folder, purse),
        _sweep_after(runnable, folder.manifest.run, watcher),
        closing(open_load(runnable.experiment.load.workers, owned)) as load,
        _leases(watcher) as leases,
        purse.watched(
            folder.write_metered
        ),  # the innermost: a budget that is spent must not cut its own tearing down short
    ):
        for trial in trials:
            while attempts.is_due(trial):
                purse.check()
                _await_platform(trial, runnable, folder.manifest.run, watcher)
                _check_constancy(folder.manifest, runnable)
                load.muster()
                watcher.begin(trial, trial.order + 1, len(trials))
                visit = _prepare_visit(runnable, folder, packages, trial, attempts.next_number(trial), witness)
                result = visit_target(visit, leases, load, watcher.advance, purse)
                record = folder.save_trial(result.record, result.requests, result.samples, result.gpus)
                purse.keep(folder.write_metered)
                attempts.add(record)
                watcher.end(trial, record)
    folder.manifest.finished_at = utc_now().isoformat(timespec="seconds")
    folder.write_manifest()
    return folder


def is_done(attempts: list[TrialRecord], most: int) -> bool:
    """Whether a trial needs no further attempt: it is valid, or it had `most` attempts."""
    return bool(attempts) and (attempts[-1].valid or len(attempts) >= most)


def _prepare_visit(
    runnable: RunnableExperiment,
    folder: RunFolder,
    packages: dict[tuple[str, str], Package],
    trial: Trial,
    attempt: int,
    witness: Path | None,
) -> Visit:
    return Visit(
        experiment=runnable.experiment,
        trial=trial,
        package=packages[trial.workload.key, trial.target],
        run_id=folder.manifest.run,
        attempt=attempt,
        lasting=folder.manifest.facts.get("lasting") or {},
        witness=_witness_folder(witness, trial.id, attempt) if witness else None,
    )


def _witness_folder(witness: Path, trial: str, attempt: int) -> Path:
    """A new folder for one attempt; containers write into it as nobody."""
    place = witness / f"{trial}.{attempt}"
    place.mkdir(parents=True)
    place.chmod(0o777)
    return place


def _await_platform(trial: Trial, runnable: RunnableExperiment, run: str, watcher: Watcher) -> None:
    """An engine that is being restarted costs a trial or two, not the run."""
    target, accelerators = targets.target(trial.target), runnable.experiment.sizing.accelerators
    deadline = now_ns() + int(PATIENCE_S * 1e9)
    announced = False
    while why := target.missing(accelerators):
        if now_ns() > deadline:
            raise MissingError(f"{why}\nthe run is kept: continue it with `frostline run --resume {run}`")
        if not announced:
            watcher.say(f"waiting at most {PATIENCE_S:.0f} s: {why}")
            announced = True
        sleep(0.5)


def _check_constancy(manifest: Manifest, runnable: RunnableExperiment) -> None:
    """TrialError once a lasting fact has changed: every trial from now on would be INVALID."""
    if lines := changes(manifest.facts.get("lasting") or {}, lasting_facts(runnable.engine)):
        why = "\n".join(f"facts changed since the run began: {line}" for line in lines)
        raise TrialError(f"{why}\nthe run ends here, for its trials could not be compared: start a new one")


@contextmanager
def _kept(folder: RunFolder, purse: Purse) -> Iterator[None]:
    """What was consumed is kept once more when all is torn down, however the run ends."""
    try:
        yield
    finally:
        purse.keep(folder.write_metered)


@contextmanager
def _sweep_after(runnable: RunnableExperiment, run_id: str, watcher: Watcher) -> Iterator[None]:
    """Each trial removes what is its own; a signal at a bad moment may still leave what nobody holds yet."""
    cut_off = True
    try:
        yield
        cut_off = False
    finally:
        _sweep(run_id, runnable.targets, cut_off, watcher)


def _sweep(run_id: str, names: list[str], cut_off: bool, watcher: Watcher) -> None:
    """Once more where it is interrupted itself: only the first signal is heard."""
    try:
        told = sweep(run_id, names, cut_off)
    except KeyboardInterrupt:
        for line in sweep(run_id, names, cut_off=True):
            watcher.say(line)
        raise
    for line in told:
        watcher.say(line)


@contextmanager
def _leases(watcher: Watcher) -> Iterator[Leases]:
    leases = Leases()
    try:
        yield leases
    finally:
        for problem in leases.close():
            watcher.say(problem)
