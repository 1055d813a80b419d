"""Walks the plan: packages once, carries out trial after trial, saves after each, resumes, always tears down."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import targets
from harness import page_cache
from harness.clean import sweep
from harness.clock import utc_now
from harness.errors import MissingError, UsageError
from harness.experiment import Experiment, parse_experiment
from harness.facts import machine_facts, software_facts
from harness.interruption import interruptible
from harness.load.process import LoadProcess
from harness.plan import Trial, plan
from harness.problems import shown
from harness.records import PHASES_VERSION, Manifest, TrialRecord
from harness.store import RunFolder
from harness.trial import Visit, carry_out
from targets.contract import DeploymentError, Package
from targets.ownership import Owner, variables

QUICK_ROUNDS = 10
"""Fewer rounds are a quick look: no verdicts."""
START_UP_S = 5.0


class Watcher(Protocol):
    """Whoever shows a run to a person."""

    def say(self, line: str) -> None:
        """A line for the user."""

    def begin(self, trial: Trial, number: int, of: int) -> None:
        """A trial begins."""

    def advance(self, ended: int, of: int) -> None:
        """So many of its requests have ended."""

    def end(self, trial: Trial, record: TrialRecord) -> None:
        """It is stored."""


@dataclass(frozen=True)
class Choice:
    """An experiment with the targets that this machine allows, and what has to be said about that."""

    experiment: Experiment
    targets: list[str]
    notices: list[str]

    @property
    def trials(self) -> list[Trial]:
        """The plan."""
        return plan(self.experiment, self.targets)

    @property
    def expected_minutes(self) -> float:
        """Rough length without packaging."""
        return (START_UP_S + sum(trial.expected_s for trial in self.trials)) / 60


def choose(experiment: Experiment) -> Choice:
    """Decide which targets are used. MissingError when neither they nor their stand-ins can run here."""
    missing = {name: targets.target(name).missing() for name in experiment.targets}
    lacking = {name: why for name, why in missing.items() if why}
    notices: list[str] = []
    experiment = _permitted(experiment, notices)
    chosen = experiment.targets
    if lacking:
        if not experiment.without_engine:
            raise MissingError("\n".join(f"{name}: {why}" for name, why in lacking.items()))
        chosen = experiment.without_engine
        why = next(iter(lacking.values()))
        notices.append(
            f"FALLBACK: {', '.join(chosen)} instead of {', '.join(experiment.targets)}, without isolation: {why}"
        )
    if experiment.rounds < QUICK_ROUNDS:
        notices.append(f"A quick look: fewer than {QUICK_ROUNDS} rounds ({experiment.rounds}), so no verdicts.")
    squeezed = {label: load.time_compression for label, load in experiment.load_profiles() if load.time_compression > 1}
    if squeezed:
        told = ", ".join(f"{label} {factor:g}x" for label, factor in squeezed.items())
        notices.append(f"Compressed time ({told}): use cold-start frequencies of this run for nothing but this run.")
    return Choice(experiment, chosen, notices)


def _permitted(experiment: Experiment, notices: list[str]) -> Experiment:
    """Without the regime that this machine does not permit. MissingError when nothing else was asked for."""
    why = page_cache.refusal() if experiment.cold_starts and "dropped" in experiment.page_cache else None
    if why is None:
        return experiment
    kept = [regime for regime in experiment.page_cache if regime != "dropped"]
    if not kept:
        raise MissingError(f"page_cache: dropped: the page cache cannot be dropped here: {why}")
    notices.append(f"NOT MEASURED: cold starts with the page cache dropped, which this machine does not permit: {why}")
    return experiment.model_copy(update={"page_cache": kept})


@interruptible()
def start(choice: Choice, results_dir: Path, watcher: Watcher, witness: Path | None = None) -> RunFolder:
    """A new run, to its end. Interrupted, it can be resumed; whatever happens, nothing is left running.

    `witness` is a folder for what workloads and deployments themselves say of each attempt, in a folder of its own.
    """
    now = utc_now()
    run_id = f"{now:%Y-%m-%dT%H-%M-%SZ}_{choice.experiment.name}_{secrets.token_hex(2)}"
    packages = _package(choice, watcher)
    manifest = Manifest(
        run=run_id,
        experiment=choice.experiment.model_dump(mode="json"),
        experiment_sha256=choice.experiment.sha256(),
        seed=choice.experiment.seed,
        rounds=choice.experiment.rounds,
        trials=len(choice.trials),
        started_at=now.isoformat(timespec="seconds"),
        notices=choice.notices,
        targets={name: _target_facts(name) for name in choice.targets},
        packages=_facts_of(packages),
        facts={"machine": machine_facts(), "software": software_facts(), "phases_version": PHASES_VERSION},
        owner={"process": str(Owner.current())},
    )
    folder = RunFolder.create(results_dir, manifest)
    watcher.say(f"Run {run_id} in {folder.path}")
    return _walk(choice, folder, packages, watcher, witness)


@interruptible()
def resume(folder: RunFolder, watcher: Watcher) -> RunFolder:
    """Carry out the trials that an interrupted run lacks. UsageError when another process is at it."""
    owner = Owner.parse(str(folder.manifest.owner.get("process", "")))
    if owner is not None and owner.alive and owner != Owner.current() and folder.manifest.finished_at is None:
        raise UsageError(
            [f"run {folder.manifest.run} is being carried out by process {owner.pid}: wait for it or end it"]
        )
    experiment = parse_experiment(folder.manifest.experiment, "manifest.json: experiment")
    choice = Choice(experiment, list(folder.manifest.targets), folder.manifest.notices)
    unknown = [name for name in choice.targets if name not in targets.target_names()]
    if unknown:
        known = ", ".join(targets.target_names())
        raise UsageError([f"manifest.json: targets: {shown(name)} is not one of: {known}" for name in unknown])
    lacking = {name: why for name in choice.targets if (why := targets.target(name).missing())}
    if lacking:
        raise MissingError("\n".join(f"{name}: {why}" for name, why in lacking.items()))
    folder.manifest.owner = {"process": str(Owner.current())}
    packages = _package(choice, watcher)
    changed = [
        key
        for key, facts in _facts_of(packages).items()
        if _identity(facts) != _identity(folder.manifest.packages.get(key, {}))
    ]
    if changed:
        raise UsageError(
            [
                f"{key}: the packaged workload is not the one that this run began with: start a new run"
                for key in changed
            ]
        )
    folder.write_manifest()
    return _walk(choice, folder, packages, watcher)


def _walk(
    choice: Choice,
    folder: RunFolder,
    packages: dict[tuple[str, str], Package],
    watcher: Watcher,
    witness: Path | None = None,
) -> RunFolder:
    trials = choice.trials
    attempts: dict[str, list[TrialRecord]] = {trial.id: [] for trial in trials}
    for record in folder.trials():
        attempts.setdefault(record.trial, []).append(record)
    owned = variables(folder.manifest.run, Owner.current())
    with _swept(choice, folder.manifest.run), _load_process(choice.experiment.load.workers, owned) as load:
        for trial in trials:
            package = packages[trial.workload.key, trial.target]
            while not settled(attempts[trial.id], choice.experiment.attempts):
                watcher.begin(trial, trial.order + 1, len(trials))
                attempt = len(attempts[trial.id]) + 1
                place = witness_folder(witness, trial.id, attempt) if witness else None
                visit = Visit(choice.experiment, trial, package, folder.manifest.run, attempt, place)
                left = carry_out(visit, load, watcher.advance)
                attempts[trial.id].append(folder.save_trial(left.record, left.requests, left.samples))
                watcher.end(trial, attempts[trial.id][-1])
    folder.manifest.finished_at = utc_now().isoformat(timespec="seconds")
    folder.write_manifest()
    return folder


def witness_folder(witness: Path, trial: str, attempt: int) -> Path:
    """A new folder for one attempt; containers write into it as nobody."""
    place = witness / f"{trial}.{attempt}"
    place.mkdir(parents=True)
    place.chmod(0o777)
    return place


def settled(attempts: list[TrialRecord], most: int) -> bool:
    """Whether a trial needs no further attempt: it is valid, or nothing could be sent, or it had `most` attempts."""
    if not attempts:
        return False
    return attempts[-1].valid or not attempts[-1].scheduled or len(attempts) >= most


@contextmanager
def _swept(choice: Choice, run_id: str) -> Iterator[None]:
    """Each trial removes what is its own; a signal at a bad moment may still leave what nobody holds yet."""
    kinds = [targets.target(name) for name in choice.targets]
    engine = any(kind.local and kind.isolated for kind in kinds)
    try:
        yield
    except BaseException:
        sweep(run_id, engine, cut_off=True)
        raise
    sweep(run_id, engine, cut_off=False)


@contextmanager
def _load_process(workers: int, owned: dict[str, str]) -> Iterator[LoadProcess]:
    load = LoadProcess(workers, owned)
    try:
        yield load
    finally:
        load.close()


def _package(choice: Choice, watcher: Watcher) -> dict[tuple[str, str], Package]:
    """Everything that is slow and shared by all trials, before the first of them."""
    packages = {}
    said: set[str] = set()

    def say_once(line: str) -> None:
        if line not in said:
            said.add(line)
            watcher.say(line)

    for workload in choice.experiment.workloads:
        for name in choice.targets:
            try:
                package = targets.target(name).package(workload.resolve(), workload.model_dir, say_once)
            except DeploymentError as error:
                raise MissingError(f"{workload.key} could not be packaged for {name}: {error}") from error
            packages[workload.key, name] = package
    return packages


def _facts_of(packages: dict[tuple[str, str], Package]) -> dict[str, dict[str, Any]]:
    return {f"{workload}/{name}": package.facts for (workload, name), package in packages.items()}


def _identity(facts: dict[str, Any]) -> Any:
    """What makes two packages the same: the image's id, or the folder's content hash."""
    return facts.get("image_id") or facts.get("site")


def _target_facts(name: str) -> dict[str, Any]:
    target = targets.target(name)
    return {"kind": target.kind, "emulated": target.emulated, "isolated": target.isolated, "local": target.local}
