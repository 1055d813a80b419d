"""A search that is taken from an experiment: what is asked of it, and which command asks it."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import targets
from harness.capacity.order import CapacityOrder, unknown
from harness.errors import UsageError
from harness.experiment.pieces import WorkloadChoice
from harness.experiment.question import Experiment, experiment_names, read_experiment
from harness.files.problems import not_one_of, quote
from harness.measure.fitting import fit_to_machine
from harness.record.capacity import KeptCapacity, kept_capacity
from harness.record.nouns import Manifest

USUAL_MS, USUAL_PERCENTILE = 300.0, 95.0
"""Of a search for which nobody states an objective, which it says."""
OF_UNITS = ("replicas", "concurrency_limit")
"""Settings of a target that say how many units there are."""


@dataclass(frozen=True)
class Wish:
    """What a command names: one name is an experiment's, two are a workload and a target."""

    subject: str
    target: str | None
    like: str | None
    latency_ms: float | None
    percentile: float | None

    def order(self, tell: Callable[[str], None], **given: Any) -> CapacityOrder:
        """The search in full; `given` are the fields that no experiment states. UsageError with every problem."""
        if self.target is None and self.like is not None:
            raise UsageError(
                [f"--like {self.like}: give WORKLOAD and TARGET with it, or `frostline capacity {self.like}`"]
            )
        if self.target is None and self.subject in targets.workload_names() and self.subject not in experiment_names():
            raise UsageError([f"TARGET: name one beside {quote(self.subject)}, or an experiment alone"])
        name = self.like or (self.subject if self.target is None else None)
        experiment = None if name is None else read_experiment(name)
        workload, target = self.subject, self.target
        if experiment is not None and target is None:
            workload, target = _only_pair(experiment, self.subject, tell)
        assert target is not None
        latency_ms, percentile = self._objective(experiment, tell)
        order = CapacityOrder(workload, target, latency_ms, percentile, **given)
        return order if experiment is None else like_experiment(order, experiment)

    def _objective(self, experiment: Experiment | None, tell: Callable[[str], None]) -> tuple[float, float]:
        stated = experiment.objective if experiment else None
        usual = (USUAL_MS, USUAL_PERCENTILE) if stated is None else (stated.latency_ms, stated.percentile)
        latency_ms = usual[0] if self.latency_ms is None else self.latency_ms
        percentile = usual[1] if self.percentile is None else self.percentile
        if stated is None and self.latency_ms is None:
            tell(
                f"Nobody states an objective: p{percentile:g} <= {latency_ms:g} ms is taken; --latency-ms states yours."
            )
        if stated is not None and (latency_ms, percentile) != usual:
            goal = f"p{usual[1]:g} <= {usual[0]:g} ms"
            tell(f"The experiment's objective is {goal}, and this is another: its runs will not keep this capacity.")
        return latency_ms, percentile


def like_experiment(order: CapacityOrder, experiment: Experiment) -> CapacityOrder:
    """The same search with an experiment's workload, model, settings, sizes and function, so that its runs keep it.

    UsageError with every problem.
    """
    if order.model_dir is not None:
        raise UsageError(["an experiment and --model-dir: give one of them, for an experiment names its own model"])
    workload, problems = _workload_of(experiment, order.workload)
    known = [*experiment.targets, *experiment.without_engine]
    problems += [f"--like: {experiment.name}: {line}" for line in unknown("TARGET", order.target, known)]
    if problems or workload is None:
        raise UsageError(problems)
    own = experiment.settings.get(order.target, {})
    return replace(
        order,
        workload=workload.name,
        model_dir=workload.own_model,
        settings=workload.settings,
        sizing=workload.sized(experiment.sizing),
        function=experiment.function,
        own={name: value for name, value in own.items() if name not in OF_UNITS},
        load=experiment.load,
    )


def offers(manifest: Manifest, experiment: Experiment, chosen: list[str], name: str) -> list[str]:
    """The command for every service of a run with an objective that keeps no answered search of it; `name` is the
    experiment's, or its file."""
    if experiment.objective is None:
        return []
    pairs = _pairs(experiment, chosen)
    alone = len(pairs) == 1
    return [
        f"frostline capacity {shlex.quote(name)}"
        if alone
        else f"frostline capacity {shlex.quote(workload)} {shlex.quote(target)} --like {shlex.quote(name)}"
        for workload, target in pairs
        if not _is_answered(kept_capacity(manifest, workload, target))
    ]


def _is_answered(kept: KeptCapacity | None) -> bool:
    return kept is not None and kept.capacity.ended == "answered"


def _pairs(experiment: Experiment, chosen: list[str]) -> list[tuple[str, str]]:
    """Every workload, by its key, on every service that answers at once, for a queue takes whatever comes, and that
    costs nothing to search."""
    of = {name: targets.target(name) for name in chosen}
    services = [name for name in chosen if of[name].parts[0].kind == "service"]
    searched = [name for name in services if not (of[name].capabilities.asynchronous or of[name].capabilities.billed)]
    return [(workload.key, name) for workload in experiment.workloads for name in searched]


def _only_pair(experiment: Experiment, name: str, tell: Callable[[str], None]) -> tuple[str, str]:
    """The one service of an experiment, as this machine can run it. UsageError where there are several, or none."""
    runnable = fit_to_machine(experiment)
    pairs = _pairs(experiment, runnable.targets)
    if len(pairs) == 1:
        for notice in runnable.notices:
            if notice.startswith("FALLBACK"):
                tell(notice)
        return pairs[0]
    if not pairs:
        raise UsageError([f"{name}: it has no service, and a capacity is of one: `frostline capacity WORKLOAD TARGET`"])
    commands = [f"`frostline capacity {workload} {target} --like {name}`" for workload, target in pairs]
    raise UsageError([f"{name}: it has {len(pairs)} services to search, one at a time: {', '.join(commands)}"])


def _workload_of(experiment: Experiment, name: str) -> tuple[WorkloadChoice | None, list[str]]:
    """The one of this label, or the only one of this name; otherwise the problem."""
    choices = experiment.workloads
    fitting = [choice for choice in choices if choice.key == name] or [each for each in choices if each.name == name]
    if len(fitting) == 1:
        return fitting[0], []
    keys = [choice.key for choice in choices]
    return None, [f"--like: {experiment.name}: WORKLOAD: {not_one_of(name, keys)}"]
