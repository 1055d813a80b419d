"""An experiment with the targets and regimes that this machine allows."""

from dataclasses import dataclass

import targets
from harness.errors import MissingError
from harness.experiment.plan import Trial, plan
from harness.experiment.question import Experiment
from harness.measure import page_cache
from harness.measure.alone import UNLOCKABLE, can_lock

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
    """Decide which targets are used. MissingError when neither they nor their stand-ins can run here."""
    missing = {name: targets.target(name).missing() for name in experiment.targets}
    lacking = {name: why for name, why in missing.items() if why}
    notices: list[str] = [] if can_lock() else [UNLOCKABLE]
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
