"""What a run will ask of targets that cost money: reckoned before anything is made, from the plan of its trials."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import targets
from harness.errors import UsageError
from harness.experiment.plan import Trial
from harness.measure.beforehand import LEAST_WARM, MOST_STANDING, MOST_WARM
from harness.measure.fitting import RunnableExperiment
from harness.measure.forced import MOST_TRIES
from harness.measure.leases import SETTLE_S
from harness.measure.purse import Purse, lines_of
from harness.measure.visit import Visit
from harness.record.metered import Metered, MeteredLine
from targets.contract import Billed, Demand, DeploymentError, Order, Package

ASSUMED_REQUEST_S = 1.0
"""What one request is taken to last where the experiment states no objective: nobody has measured it."""
LONGEST_START_S = 600.0
"""So long a start may take before it counts as failed."""
Packages = Mapping[tuple[str, str], Package]
Consent = Callable[[RunnableExperiment, Packages, Metered | None], Purse]
"""Whoever answers for the money: looks at what will be consumed before it is, and at what a run that is taken up again
has consumed, and hands out the purse."""


@dataclass(frozen=True)
class Outlook:
    """One workload on one target that costs money."""

    workload: str
    target: str
    resources: Sequence[str]
    """What will be made, a line each."""
    expected: Demand
    most: Demand
    """If every trial had to be repeated, and every request took as long as it may."""
    expected_lines: list[MeteredLine]
    most_lines: list[MeteredLine]


def is_billed(runnable: RunnableExperiment) -> bool:
    """Whether any of its targets costs money."""
    return any(targets.target(name).capabilities.billed for name in runnable.targets)


def outlooks(runnable: RunnableExperiment, packages: Packages) -> Iterator[Outlook]:
    """Each workload on each target that costs money, in the order of the plan. UsageError with all that cannot be had
    as it is ordered: nothing is made yet."""
    problems: list[str] = []
    kept: dict[tuple[str, str, str], list[Trial]] = {}
    for trial in runnable.trials:
        if targets.target(trial.target).capabilities.billed:
            kept.setdefault((trial.workload.key, trial.target, repr(trial.settings)), []).append(trial)
    for (workload, name, _), trials in kept.items():
        package = packages[workload, name]
        order = Visit(runnable.experiment, trials[0], package, run_id="").order()
        try:
            yield _outlook(runnable, trials, package, order)
        except DeploymentError as error:
            problems.append(f"{name}, {workload}: {error}")
    if problems:
        raise UsageError(problems)


def _outlook(runnable: RunnableExperiment, trials: list[Trial], package: Package, order: Order) -> Outlook:
    trial, experiment = trials[0], runnable.experiment
    target = targets.target(trial.target)
    assert isinstance(target, Billed), f"{target.name} says that it is billed, and foresees nothing"
    objective = experiment.objective
    expected_s = objective.latency_ms / 1000 if objective else ASSUMED_REQUEST_S
    longest_s = max(experiment.load.timeout_s, float(getattr(trial.settings, "timeout_s", 0.0)))
    deploy_s, share = target.capabilities.deploy_s, sum(each.expected_s for each in trials)
    waits_s = len(trials) * (longest_s + SETTLE_S)
    starts = _starts(trials, 1)
    expected = Demand(
        requests=_requests(trials, 1, expected_s),
        starts=starts,
        seconds=deploy_s + _run_s(runnable),
        request_s=expected_s,
        colds=starts,
        trials=len(trials),
    )
    attempts = experiment.attempts
    requests = _requests(trials, MOST_TRIES, longest_s) * attempts
    most = Demand(
        requests=requests,
        starts=_starts(trials, MOST_TRIES) * attempts,
        seconds=attempts * (10 * deploy_s + _run_s(runnable) + share + waits_s),
        request_s=longest_s,
        colds=requests,
        trials=len(trials) * attempts,
        start_s=LONGEST_START_S,
    )

    def lines(demand: Demand) -> list[MeteredLine]:
        return lines_of(trial.workload.key, trial.target, target.foresee(package, order, demand))

    resources = target.resources(package, order)
    return Outlook(trial.workload.key, trial.target, resources, expected, most, lines(expected), lines(most))


def _run_s(runnable: RunnableExperiment) -> float:
    """How long what is deployed for a whole run is there."""
    return 60 * runnable.expected_minutes


def _requests(trials: list[Trial], tries: int, request_s: float) -> int:
    """Under traffic, forced, and beforehand: warm ones, and as many at once as its traffic keeps under way."""
    under_load = [trial for trial in trials if trial.load is not None]
    sent = sum(math.ceil(trial.load.rate * trial.load.seconds) for trial in under_load if trial.load)
    before = sum(
        max(LEAST_WARM + 1, MOST_WARM) + min(MOST_STANDING, math.ceil(trial.load.rate * max(1.0, request_s)))
        for trial in under_load
        if trial.load
    )
    return 1 + sent + before + _starts(trials, tries)


def _starts(trials: list[Trial], tries: int) -> int:
    forced = sum(int(trial.case.get("cold_starts", 0)) for trial in trials if trial.regime is not None)
    return tries * forced + sum(trial.scale_out for trial in trials)
