"""An experiment with the targets and regimes that this machine allows."""

from dataclasses import dataclass

import targets
from harness.errors import MissingError, UsageError
from harness.experiment.plan import Trial, plan
from harness.experiment.question import Experiment
from harness.load.wire import cap_problem
from harness.measure import page_cache
from harness.measure.alone import UNLOCKABLE, can_lock
from targets.descriptors import most_descriptors

QUICK_ROUNDS = 10
"""Fewer rounds are a quick look: no verdicts."""
START_UP_S = 5.0


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
    def engine(self) -> bool:
        """Whether an engine of this machine is used."""
        kinds = [targets.target(name) for name in self.targets]
        return any(kind.local and kind.isolated for kind in kinds)

    @property
    def expected_minutes(self) -> float:
        """Rough length without packaging."""
        return (START_UP_S + sum(trial.expected_s for trial in self.trials)) / 60


def choose(experiment: Experiment) -> Choice:
    """Decide which targets are used. MissingError when neither they nor their stand-ins can run here.

    UsageError when the generator could not have as many requests in flight as is asked for.
    """
    if problem := cap_problem(experiment.load.cap, most_descriptors()):
        raise UsageError([problem])
    notices: list[str] = [] if can_lock() else [UNLOCKABLE]
    experiment = _permitted(experiment, notices)
    chosen = _able(experiment, notices)
    bare = [name for name in chosen if not targets.target(name).isolated]
    if experiment.cold_starts and "absent" in experiment.images and bare:
        notices.append(f"NOT MEASURED: cold starts with the image absent on {', '.join(bare)}, where there is no image")
    if experiment.rounds < QUICK_ROUNDS:
        notices.append(f"A quick look: fewer than {QUICK_ROUNDS} rounds ({experiment.rounds}), so no verdicts.")
    squeezed = {label: load.time_compression for label, load in experiment.load_profiles() if load.time_compression > 1}
    if squeezed:
        told = ", ".join(f"{label} {factor:g}x" for label, factor in squeezed.items())
        notices.append(f"Compressed time ({told}): use cold-start frequencies of this run for nothing but this run.")
    choice = Choice(experiment, chosen, notices)
    if not choice.trials:
        raise MissingError("\n".join([f"nothing can be measured on {', '.join(chosen)}", *notices]))
    return choice


def _able(experiment: Experiment, notices: list[str]) -> list[str]:
    """The targets, in the place of those that cannot run here their stand-ins. MissingError when one has none."""
    lacking = _lacking(experiment.targets)
    if not lacking:
        return experiment.targets
    if not experiment.without_engine:
        raise MissingError("\n".join(f"{name}: {why}" for name, why in lacking.items()))
    own = _stand_ins(experiment)
    lone = [name for name in lacking if name not in own]
    replaced = experiment.targets if lone else list(lacking)
    chosen = experiment.without_engine if lone else [own.get(name, name) for name in lacking]
    told = f"FALLBACK: {', '.join(chosen)} instead of {', '.join(replaced)}"
    if not all(targets.target(name).isolated for name in chosen):
        told += ", without isolation"
    told += f": {next(iter(lacking.values()))}"
    notices.append(told + (f" (without_engine names no stand-in for {', '.join(lone)} alone)" if lone else ""))
    if not lone:
        chosen = list(dict.fromkeys(own[name] if name in lacking else name for name in experiment.targets))
    if still := _lacking(chosen):
        raise MissingError("\n".join(f"{name}: {why}" for name, why in still.items()))
    return chosen


def _lacking(names: list[str]) -> dict[str, str]:
    """Why each of those that cannot run here cannot."""
    return {name: why for name in names if (why := targets.target(name).missing())}


def _stand_ins(experiment: Experiment) -> dict[str, str]:
    """Who stands in for whom: by position where both lists name the same kinds in the same order, else the only one
    of its kind."""
    spare = experiment.without_engine
    kinds = [targets.target(name).kind for name in spare]
    wanted = [targets.target(name).kind for name in experiment.targets]
    if kinds == wanted:
        return dict(zip(experiment.targets, spare, strict=True))
    return {
        name: spare[kinds.index(kind)]
        for name, kind in zip(experiment.targets, wanted, strict=True)
        if kinds.count(kind) == 1
    }


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
