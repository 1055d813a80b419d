"""What is asked of a search for capacity, and whether it can be done as asked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import targets
from harness.analysis.stats import need_of_each_trial
from harness.errors import UsageError
from harness.experiment.payloads import payload_size_problems
from harness.experiment.pieces import FunctionChoice, SizingChoice, WorkloadChoice
from harness.experiment.question import Experiment, read_experiment
from harness.files.problems import quote
from targets.contract import Kind

SLACK = 2
"""Arrivals are random: a step is made so long that it holds twice the requests that its percentile needs."""


@dataclass(frozen=True)
class CapacityOrder:
    """The search in full: where, within which objective, and how thoroughly."""

    workload: str
    target: str
    latency_ms: float
    percentile: float
    most_rate: float
    step_s: float
    repeats: int
    concurrency_limit: int
    seed: int
    model_dir: Path | None = None
    """The user's own model."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """The workload's own."""
    sizing: SizingChoice = field(default_factory=SizingChoice)
    function: FunctionChoice = field(default_factory=FunctionChoice)
    """But for its concurrency limit, which is the search's own."""

    @property
    def needed(self) -> int:
        """Requests that the percentile needs."""
        return need_of_each_trial(self.percentile / 100).per_trial

    @property
    def lowest_rate(self) -> float:
        """Nothing below is tried, in requests per second: a step would hold too few of them."""
        return self.needed / self.step_s

    def seconds_at(self, rate: float) -> float:
        """Length of the judged part of a step."""
        return max(self.step_s, SLACK * self.needed / rate)

    @property
    def kind(self) -> Kind:
        """Of the target."""
        return targets.target(self.target).parts[0].kind

    @property
    def limits_units(self) -> bool:
        """Whether units start for requests up to a limit that can be set; elsewhere one unit is searched."""
        return "concurrency" in targets.target(self.target).settings().case()

    @property
    def objective(self) -> str:
        """In words."""
        return f"p{self.percentile:g} <= {self.latency_ms:g} ms"


def like_experiment(order: CapacityOrder, name: str) -> CapacityOrder:
    """The same search with an experiment's workload, model, settings, sizes and function, so that its runs keep it.

    UsageError with every problem.
    """
    if order.model_dir is not None:
        raise UsageError(["--like and --model-dir: give one of them, for an experiment names its own model"])
    experiment = read_experiment(name)
    workload, problems = _workload_of(experiment, order.workload)
    known = [*experiment.targets, *experiment.without_engine]
    problems += [f"--like: {experiment.name}: {line}" for line in _unknown("TARGET", order.target, known)]
    if problems or workload is None:
        raise UsageError(problems)
    return replace(
        order,
        workload=workload.name,
        model_dir=workload.model_dir,
        settings=workload.settings,
        sizing=experiment.sizing,
        function=experiment.function,
    )


def _workload_of(experiment: Experiment, name: str) -> tuple[WorkloadChoice | None, list[str]]:
    """The one of this label, or the only one of this name; otherwise the problem."""
    choices = experiment.workloads
    fitting = [choice for choice in choices if choice.key == name] or [each for each in choices if each.name == name]
    if len(fitting) == 1:
        return fitting[0], []
    keys = [choice.key for choice in choices]
    return None, [f"--like: {experiment.name}: WORKLOAD: {quote(name)} is not one of: {', '.join(keys)}"]


def check(order: CapacityOrder) -> None:
    """UsageError with every problem."""
    problems = [
        *_unknown("WORKLOAD", order.workload, targets.workload_names()),
        *_unknown("TARGET", order.target, targets.target_names()),
    ]
    bounds: dict[str, tuple[float, float, float]] = {
        "--latency-ms": (order.latency_ms, 0.001, 600_000),
        "--percentile": (order.percentile, 50, 99.9),
        "--most-rate": (order.most_rate, 0.01, 10_000),
        "--step-s": (order.step_s, 1, 600),
        "--repeats": (order.repeats, 1, 50),
        "--concurrency-limit": (order.concurrency_limit, 1, 1000),
        "--seed": (order.seed, 0, 2**63 - 1),
    }
    for name, (value, least, most) in bounds.items():
        if not (math.isfinite(value) and least <= value <= most):
            problems.append(f"{name}: {quote(value)} is not accepted: give a number from {least} to {most}")
    if not problems and order.most_rate < order.lowest_rate:
        problems.append(
            f"--step-s: {order.step_s:g} is too short: p{order.percentile:g} needs {order.needed} requests, "
            f"at most {order.most_rate:g} a second: give at least {order.needed / order.most_rate:g}"
        )
    if not problems:
        chosen = WorkloadChoice(name=order.workload, settings=dict(order.settings))
        problems = [f"TARGET: {line}" for line in payload_size_problems([chosen], [order.target])]
    if problems:
        raise UsageError(problems)


def _unknown(name: str, value: str, known: list[str]) -> list[str]:
    return [] if value in known else [f"{name}: {quote(value)} is not one of: {', '.join(known)}"]
