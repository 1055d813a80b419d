"""Begins a run or takes one up again: packages what all trials share, and compares what must not differ."""

import hashlib
import secrets
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import targets
from harness.clock import utc_now
from harness.errors import MissingError, UsageError
from harness.experiment.question import parse_experiment
from harness.files.problems import quote
from harness.files.text import harmless
from harness.files.whole import one_line
from harness.interruption import interruptible
from harness.load.process import LoadProcess
from harness.measure import validity
from harness.measure.alone import alone
from harness.measure.anchor import Anchor, prepare_same_anchor
from harness.measure.clean import sweep
from harness.measure.constancy import changes, lasting_facts, software_facts
from harness.measure.fitting import RunnableExperiment, enter_region
from harness.measure.gpus.nvml import gpu_facts
from harness.measure.machine import machine_facts
from harness.measure.outlook import Consent, Packages, is_billed
from harness.measure.purse import Purse
from harness.measure.walk import OpenLoad, Watcher, walk_plan
from harness.record.capacity import keep_capacities
from harness.record.folder import RunFolder
from harness.record.metered import Metered
from harness.record.nouns import Manifest, package_identity
from harness.record.target_facts import PartFacts, TargetFacts
from targets.contract import DeploymentError, Package
from targets.local import containers
from targets.local.own_model import model_problems
from targets.ownership import Owner
from targets.packaging.archive import bring_back


@interruptible()
def start_run(
    runnable: RunnableExperiment,
    results_dir: Path,
    watcher: Watcher,
    witness: Path | None = None,
    anchor: Anchor | None = None,
    prices: dict[str, Any] | None = None,
    consent: Consent | None = None,
    open_load: OpenLoad = LoadProcess,
) -> RunFolder:
    """Measure a new run, to its end. Interrupted, it can be resumed; whatever happens, nothing is left running.

    `witness` is a folder for what workloads and deployments themselves say of each attempt, in a folder of its own.
    With an `anchor`, an earlier run's images are deployed. `prices` is the book that the run keeps, as it is today;
    so are the measured capacities of results_dir that belong to what was packaged. `consent` is asked before anything
    is made that costs money; UsageError where something does and nobody is there to be asked. `open_load` says where
    load comes from.
    """
    began = utc_now()
    run_id = f"{began:%Y-%m-%dT%H-%M-%SZ}_{runnable.experiment.name}_{secrets.token_hex(2)}"
    with alone(run_id):
        packages = anchor.packages if anchor else _package_workloads(runnable, watcher)
        purse = _purse(runnable, packages, consent)
        manifest = _manifest(runnable, run_id, began, packages)
        manifest.prices = prices or {}
        manifest.capacities, capacity_notices = keep_capacities(results_dir / "capacity", manifest, _sizes(runnable))
        manifest.notices += capacity_notices
        for line in capacity_notices:
            watcher.say(line)
        manifest.anchor = anchor.facts if anchor else {}
        folder = RunFolder.create(results_dir, manifest)
        watcher.say(f"Run {run_id} in {folder.path}")
        return walk_plan(runnable, folder, packages, watcher, witness, purse, open_load)


def _purse(
    runnable: RunnableExperiment, packages: Packages, consent: Consent | None, earlier: Metered | None = None
) -> Purse | None:
    if not is_billed(runnable):
        return None
    if consent is None:
        raise UsageError([f"{', '.join(runnable.targets)} cost money, and nobody is asked here: use `frostline run`"])
    return consent(runnable, packages, earlier)


@interruptible()
def continue_run(
    folder: RunFolder, watcher: Watcher, consent: Consent | None = None, open_load: OpenLoad = LoadProcess
) -> RunFolder:
    """Carry out the trials that an interrupted run lacks, and those whose files are damaged.

    UsageError when another process is at it, or when machine, code or packages are not those that it began with;
    RecordError when it is stored in an earlier version.
    """
    folder.check_can_grow()
    earlier_owner = Owner.parse(str(folder.manifest.owner.get("process", "")))
    if (
        earlier_owner is not None
        and earlier_owner.alive
        and earlier_owner != Owner.current()
        and folder.manifest.finished_at is None
    ):
        raise UsageError(
            [f"run {folder.manifest.run} is being carried out by process {earlier_owner.pid}: wait for it or end it"]
        )
    runnable = _read_runnable(folder.manifest)
    accelerators = runnable.experiment.sizing.accelerators
    reasons = {name: why for name in runnable.targets if (why := targets.target(name).missing(accelerators))}
    if reasons:
        raise MissingError("\n".join(f"{name}: {why}" for name, why in reasons.items()))
    with alone(folder.manifest.run):
        has_anchor = bool(folder.manifest.anchor)
        packages = (
            _anchor_packages(folder.manifest, runnable, watcher)
            if has_anchor
            else _package_workloads(runnable, watcher)
        )
        differences = [*_machine_changes(folder.manifest, runnable), *_package_changes(folder.manifest, packages)]
        if differences := differences + _limit_changes(folder.manifest):
            raise UsageError([f"{line}: start a new run" for line in differences])
        if earlier_owner is not None and not earlier_owner.alive:
            for line in sweep(folder.manifest.run, runnable.targets, cut_off=False, owner=earlier_owner):
                watcher.say(line)
        purse = _purse(runnable, packages, consent, folder.read_metered())
        folder.manifest.owner = {"process": str(Owner.current())}
        folder.write_manifest()
        return walk_plan(runnable, folder, packages, watcher, None, purse, open_load)


def _manifest(
    runnable: RunnableExperiment, run_id: str, began: datetime, packages: dict[tuple[str, str], Package]
) -> Manifest:
    return Manifest(
        run=run_id,
        experiment=runnable.experiment.model_dump(mode="json"),
        experiment_sha256=runnable.experiment.sha256(),
        seed=runnable.experiment.seed,
        rounds=runnable.experiment.rounds,
        trials=len(runnable.trials),
        started_at=began.isoformat(timespec="seconds"),
        notices=[*runnable.notices, *validity.notices()],
        targets={name: _target_facts(name) for name in runnable.targets},
        packages=_facts_of(packages),
        facts={
            "machine": machine_facts() | (gpu_facts() if runnable.experiment.sizing.accelerators else {}),
            "software": software_facts(),
            "lasting": lasting_facts(runnable.engine) | _places(runnable),
            "validity": validity.in_force.facts(),
        },
        owner={"process": str(Owner.current())},
    )


def _sizes(runnable: RunnableExperiment) -> dict[tuple[str, str], tuple[float, float]]:
    """Memory and vCPU of a unit, by workload and target."""
    cases = {(trial.workload.key, trial.target): trial.case for trial in runnable.trials}
    return {key: (case["memory_mb"], case["cpus"]) for key, case in cases.items()}


def _read_runnable(manifest: Manifest) -> RunnableExperiment:
    """Read from a manifest what a stored run was to do. UsageError when this Frostline cannot do it."""
    if lost := _lost_files(manifest.experiment):
        raise UsageError([f"manifest.json: experiment: {why}: put that one back, or begin a new run" for why in lost])
    experiment = parse_experiment(manifest.experiment, "manifest.json: experiment")
    known = targets.target_names()
    if unknown := [name for name in manifest.targets if name not in known]:
        raise UsageError(
            [f"manifest.json: targets: {quote(name)} is not one of: {', '.join(known)}" for name in unknown]
        )
    enter_region(experiment)
    return RunnableExperiment(experiment, list(manifest.targets), manifest.notices)


def _lost_files(experiment: dict[str, Any]) -> list[str]:
    """The files of load profiles that are not there any more, or not as they were when the run began."""
    lost = []
    for choice in experiment.get("profiles") or []:
        parameters = choice.get("parameters") if isinstance(choice, dict) else None
        if not isinstance(parameters, dict) or not {"file", "sha256"} <= parameters.keys():
            continue
        path = Path(str(parameters["file"]))
        try:
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except (OSError, ValueError) as error:
            lost.append(f"{quote(str(path))} cannot be read any more ({one_line(str(error))})")
            continue
        if found != parameters["sha256"]:
            lost.append(f"{quote(str(path))} is another file than the one that the run began with")
    return lost


def _machine_changes(manifest: Manifest, runnable: RunnableExperiment) -> list[str]:
    before = manifest.facts.get("lasting") or {}
    if "source_sha256" in before:  # of a Frostline that hashed all of its code: surely not this one
        return ["the code that measures is not that of the Frostline which began this run"]
    now = lasting_facts(runnable.engine) | _places(runnable)
    return [f"facts changed since the run began: {line}" for line in changes(before, now)]


def _places(runnable: RunnableExperiment) -> dict[str, str]:
    """By platform: whose account and which region it is. A run that went on in another would be two runs in one."""
    return {f"made_on_{name}": targets.platform(name).where() for name in targets.platforms_of(runnable.targets)}


def _limit_changes(manifest: Manifest) -> list[str]:
    """A run that began before limits were recorded obeyed the strict ones."""
    before = manifest.facts.get("validity") or validity.STRICT.facts()
    return [
        f"validity limits changed since the run began: {line}" for line in changes(before, validity.in_force.facts())
    ]


def _package_changes(manifest: Manifest, packages: dict[tuple[str, str], Package]) -> list[str]:
    return [
        f"{key}: the packaged workload is not the one that this run began with"
        for key, facts in _facts_of(packages).items()
        if package_identity(facts) != package_identity(manifest.packages.get(key, {}))
    ]


def _package_workloads(runnable: RunnableExperiment, watcher: Watcher) -> dict[tuple[str, str], Package]:
    """Everything that is slow and shared by all trials, before the first of them."""
    _bring_back_images(runnable, watcher)
    packages = {}
    lines: set[str] = set()

    def say_once(line: str) -> None:
        if line not in lines:
            lines.add(line)
            watcher.say(line)

    _try_models(runnable, say_once)
    for workload in runnable.experiment.workloads:
        for name in runnable.targets:
            try:
                package = targets.target(name).package(workload.resolve(), workload.own_model, say_once)
            except DeploymentError as error:
                raise MissingError(f"{workload.key} could not be packaged for {name}: {error}") from error
            packages[workload.key, name] = package
    return packages


def _try_models(runnable: RunnableExperiment, say: Callable[[str], None]) -> None:
    """UsageError with what is wrong with the models of the user's own, before anything is packaged or started."""
    problems = [
        f"workloads.{choice.key}.model_dir: {one_line(harmless(line), 1000)}"
        for choice in runnable.experiment.workloads
        for line in model_problems(choice.resolve(), choice.own_model, choice.settings, say)
    ]
    if problems:
        raise UsageError(problems)


def _bring_back_images(runnable: RunnableExperiment, watcher: Watcher) -> None:
    """Those that a run which was killed at a cold start left absent: nobody should have to build them again."""
    if runnable.engine:
        with suppress(DeploymentError), closing(containers.engine()) as client:  # without one, packaging says so
            for line in bring_back(client):
                watcher.say(line)


def _anchor_packages(
    manifest: Manifest, runnable: RunnableExperiment, watcher: Watcher
) -> dict[tuple[str, str], Package]:
    """The packages of a run that deploys an earlier run's images: those that it began with."""
    try:
        return prepare_same_anchor(manifest, runnable, watcher.say).packages
    except DeploymentError as error:
        raise MissingError(f"run {manifest.run} deploys images of {manifest.anchor.get('run')}: {error}") from error


def _facts_of(packages: dict[tuple[str, str], Package]) -> dict[str, dict[str, Any]]:
    return {f"{workload}/{name}": package.facts for (workload, name), package in packages.items()}


def _target_facts(name: str) -> TargetFacts:
    target = targets.target(name)
    parts = [PartFacts(name=part.name, kind=part.kind, bought_as=part.bought_as) for part in target.parts]
    return TargetFacts.model_validate({"parts": parts, "capabilities": target.capabilities.facts()})
