"""An experiment with the targets and regimes that this machine allows."""

from dataclasses import dataclass

import targets
from harness.errors import MissingError, UsageError
from harness.experiment.plan import Trial, plan
from harness.experiment.profiles import draw
from harness.experiment.question import Experiment
from harness.load.limits import arrivals_problem, load_problems
from harness.measure import page_cache
from harness.measure.alone import UNLOCKABLE, can_lock
from harness.measure.gpus.nvml import unreadable
from harness.measure.sizes import shortage_problems
from harness.measure.visit import has_gpus
from harness.record.nouns import ROUNDS_FOR_VERDICT
from targets.contract import Bounded, Kind, Order, Target
from targets.descriptors import most_descriptors

START_UP_S = 5.0


@dataclass(frozen=True)
class RunnableExperiment:
    """An experiment with the targets and regimes that this machine allows, and what has to be said about that."""

    experiment: Experiment
    targets: list[str]
    notices: list[str]

    @property
    def trials(self) -> list[Trial]:
        """Every trial of the experiment on these targets, in the plan's order."""
        return plan(self.experiment, self.targets)

    @property
    def engine(self) -> bool:
        """Whether an engine of this machine is used."""
        return any(targets.target(name).capabilities.engine for name in self.targets)

    @property
    def expected_minutes(self) -> float:
        """About how long the run takes, in minutes, without packaging."""
        shared = {
            (trial.workload.key, trial.target, repr(trial.settings))  # with other settings it is another deployment
            for trial in self.trials
            if _is_deployed_once(trial.target)
        }
        deploy_s = sum(targets.target(name).capabilities.deploy_s for _, name, _ in shared)
        return (START_UP_S + deploy_s + sum(trial.expected_s for trial in self.trials)) / 60


def _is_deployed_once(name: str) -> bool:
    return targets.target(name).capabilities.deploys == "per_run"


def fit_to_machine(experiment: Experiment) -> RunnableExperiment:
    """Decide which targets and regimes are used. MissingError when neither they nor their stand-ins can run here.

    UsageError when the generator could not have as many requests in flight as is asked for, or a unit not its size.
    """
    enter_region(experiment)
    load = experiment.load
    problems = load_problems(load.cap, load.prewarm, experiment.replicas, most_descriptors())
    problems += _schedule_problems(experiment)
    notices: list[str] = [] if can_lock() else [UNLOCKABLE]
    try:
        experiment = _drop_refused_regime(experiment, notices)
        chosen = _choose_targets(experiment, notices)
        problems += shortage_problems(experiment, chosen)
    except MissingError:
        if not problems:
            raise
    if problems:
        raise UsageError(problems)
    notices += _unmeasured_regimes(experiment, chosen)
    if experiment.rounds < ROUNDS_FOR_VERDICT:
        notices.append(f"A quick look: fewer than {ROUNDS_FOR_VERDICT} rounds ({experiment.rounds}), so no verdicts.")
    notices += [
        f"profiles.{label}: {'; '.join(load.notes)}" for label, load in experiment.load_profiles() if load.notes
    ]
    compressions = {
        label: load.time_compression for label, load in experiment.load_profiles() if load.time_compression > 1
    }
    if compressions:
        factors = ", ".join(f"{label} {factor:g}x" for label, factor in compressions.items())
        notices.append(f"Compressed time ({factors}): use cold-start frequencies of this run for nothing but this run.")
    runnable = RunnableExperiment(experiment, chosen, notices)
    if not runnable.trials:
        raise MissingError("\n".join([f"nothing can be measured on {', '.join(chosen)}", *notices]))
    return runnable


def enter_region(experiment: Experiment) -> None:
    """From now on its platforms make and find things where it says, or where the environment does: before anybody asks
    whether they can be used."""
    for name in targets.platforms_of([*experiment.targets, *experiment.without_engine]):
        targets.platform(name).region = experiment.region or ""


def _schedule_problems(experiment: Experiment) -> list[str]:
    """Schedules that hold more requests than one may."""
    loads = [(f"profiles.{label}: rate x seconds", load) for label, load in experiment.load_profiles()]
    found = [arrivals_problem(load.rate, load.seconds, field) for field, load in loads]
    if scale_out := experiment.scale_out:
        found.append(arrivals_problem(scale_out.rate, scale_out.seconds, "scale_out: rate x seconds"))
    return [problem for problem in found if problem] or _drawing_problems(experiment)


def _drawing_problems(experiment: Experiment) -> list[str]:
    """Profiles whose arrivals are no schedule: seen by one draw, before anything is packaged."""
    problems = []
    for label, load in experiment.load_profiles():
        try:
            draw(load, experiment.seed)
        except UsageError as error:
            problems += [f"profiles.{label}: {line}" for line in error.problems]
    return problems


def _unmeasured_regimes(experiment: Experiment, names: list[str]) -> list[str]:
    """What is asked for and some targets cannot do."""
    can = {name: targets.target(name).capabilities for name in names}
    notices = []
    without_image = [name for name in names if not can[name].images_absent]
    if experiment.cold_starts and "absent" in experiment.images and without_image:
        notices.append(
            f"NOT MEASURED: cold starts with the image absent on {', '.join(without_image)}, where there is no image"
        )
    queues = [name for name in names if can[name].asynchronous]
    if experiment.cold_starts and queues:
        notices.append(
            f"NOT MEASURED: forced cold starts on {', '.join(queues)}, where no reply says which unit it met"
        )
    elsewhere = [name for name in names if not can[name].page_cache]
    if experiment.cold_starts and "dropped" in experiment.page_cache and elsewhere:
        notices.append(
            f"NOT MEASURED: cold starts with the page cache dropped on {', '.join(elsewhere)}, which does not read "
            "through this machine's"
        )
    return notices


def _choose_targets(experiment: Experiment, notices: list[str]) -> list[str]:
    """The targets, in the place of those that cannot run here their stand-ins. MissingError when one has none."""
    reasons = _missing_reasons(experiment.targets, experiment)
    if not reasons:
        return experiment.targets
    if not experiment.without_engine:
        raise MissingError("\n".join(f"{name}: {why}" for name, why in reasons.items()))
    stand_ins = _stand_ins(experiment)
    unmatched = [name for name in reasons if name not in stand_ins]
    replaced = experiment.targets if unmatched else list(reasons)
    chosen = experiment.without_engine if unmatched else [stand_ins.get(name, name) for name in reasons]
    notice = f"FALLBACK: {', '.join(chosen)} instead of {', '.join(replaced)}"
    if not all(targets.target(name).capabilities.isolated for name in chosen):
        notice += ", without isolation"
    notice += f": {next(iter(reasons.values()))}"
    notices.append(
        notice + (f" (without_engine names no stand-in for {', '.join(unmatched)} alone)" if unmatched else "")
    )
    if not unmatched:
        chosen = list(dict.fromkeys(stand_ins[name] if name in reasons else name for name in experiment.targets))
    if stand_in_reasons := _missing_reasons(chosen, experiment):
        raise MissingError("\n".join(f"{name}: {why}" for name, why in stand_in_reasons.items()))
    return chosen


def _missing_reasons(names: list[str], experiment: Experiment) -> dict[str, str]:
    """Why each of those that cannot run here as the experiment asks cannot."""
    return {name: why for name in names if (why := _why_missing(targets.target(name), experiment))}


def _why_missing(target: Target, experiment: Experiment) -> str | None:
    accelerators = experiment.sizing.accelerators
    if accelerators and not target.capabilities.accelerator:
        return f"its units have no GPU, and sizing.accelerators asks for {accelerators}: leave it out or take another"
    why = target.missing(accelerators)
    if why is None and isinstance(target, Bounded):
        why = _why_too_many(target, experiment)
    if why is None and has_gpus(target, experiment.sizing):
        why = unreadable()
    return why


def _why_too_many(target: Target, experiment: Experiment) -> str | None:
    """Why the target cannot hold as many units at once as the experiment needs, the starts of scale-out among them."""
    assert isinstance(target, Bounded)
    sizing, further = experiment.sizing.of(target.parts[0]), experiment.sizing.of_further(target.parts)
    order = Order("", sizing, experiment.settings_of(target), further)
    more = experiment.scale_out.starts if experiment.scale_out and target.capabilities.scale_out else 0
    why = target.refusal(order, more)
    return f"{why}, or lower scale_out.starts ({more})" if why and more else why


def _stand_ins(experiment: Experiment) -> dict[str, str]:
    """Who stands in for whom: by position where both lists name the same kinds in the same order, else the only one
    of its kind."""
    stand_ins = experiment.without_engine
    stand_in_kinds = [_kinds(name) for name in stand_ins]
    target_kinds = [_kinds(name) for name in experiment.targets]
    if stand_in_kinds == target_kinds:
        return dict(zip(experiment.targets, stand_ins, strict=True))
    return {
        name: stand_ins[stand_in_kinds.index(kind)]
        for name, kind in zip(experiment.targets, target_kinds, strict=True)
        if stand_in_kinds.count(kind) == 1
    }


def _kinds(name: str) -> list[Kind]:
    return [part.kind for part in targets.target(name).parts]


def _drop_refused_regime(experiment: Experiment, notices: list[str]) -> Experiment:
    """The experiment without the regime that this machine refuses. MissingError when nothing else was asked for."""
    why = page_cache.refusal() if experiment.cold_starts and "dropped" in experiment.page_cache else None
    if why is None:
        return experiment
    regimes = [regime for regime in experiment.page_cache if regime != "dropped"]
    if not regimes:
        raise MissingError(f"page_cache: dropped: the page cache cannot be dropped here: {why}")
    notices.append(f"NOT MEASURED: cold starts with the page cache dropped, which this machine does not permit: {why}")
    return experiment.model_copy(update={"page_cache": regimes})
