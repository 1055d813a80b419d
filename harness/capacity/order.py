"""What is asked of a search for capacity, and whether it can be done as asked."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import targets
from harness.analysis.stats import need_of_each_trial
from harness.errors import UsageError
from harness.experiment.payloads import payload_size_problems
from harness.experiment.pieces import FunctionChoice, LoadChoice, SizingChoice, WorkloadChoice
from harness.files.problems import no_workload, not_one_of, quote
from targets.contract import Kind

MOST_STEP_S = 600.0
MOST_RATE = 10_000.0
SLACK = 2
"""Arrivals are random: a step is made so long that it holds twice the requests that its percentile needs."""


@dataclass(frozen=True)
class CapacityOrder:
    """The search in full: where, within which objective, and how thoroughly."""

    workload: str
    target: str
    latency_ms: float
    percentile: float
    most_rate: float | None
    """Nothing above is tried; None where what one request alone takes says how far to look."""
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
    own: Mapping[str, Any] = field(default_factory=dict)
    """The target's own settings, which count before `function`; not how many units: that is the search's, too."""
    load: LoadChoice = field(default_factory=LoadChoice)
    """But for how long a client waits, which follows from the objective."""

    @property
    def needed(self) -> int:
        """Requests that the percentile needs."""
        return need_of_each_trial(self.percentile / 100).per_trial

    @property
    def least_rate(self) -> float:
        """Nothing below is ever tried, in requests per second: a step would take longer than anybody waits for it."""
        return SLACK * self.needed / MOST_STEP_S

    def seconds_at(self, rate: float) -> float:
        """Length of the judged part of a step."""
        return max(self.step_s, SLACK * self.needed / rate)

    @property
    def slots(self) -> int:
        """Requests that are served at a time: one in each sandbox, and in a replica one on each whole vCPU."""
        size = self.sizing.of(targets.target(self.target).parts[0])
        return self.concurrency_limit if self.limits_units else max(1, int(size.cpus))

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


def check(order: CapacityOrder) -> None:
    """UsageError with every problem."""
    known = targets.workload_names()
    problems = [] if order.workload in known else [f"WORKLOAD: {no_workload(order.workload, known)}"]
    problems += unknown("TARGET", order.target, targets.target_names())
    bounds: dict[str, tuple[float, float, float]] = {
        "--latency-ms": (order.latency_ms, 0.001, 600_000),
        "--percentile": (order.percentile, 50, 99.9),
        "--most-rate": (MOST_RATE if order.most_rate is None else order.most_rate, 0.01, MOST_RATE),
        "--step-s": (order.step_s, 1, MOST_STEP_S),
        "--repeats": (order.repeats, 1, 50),
        "--concurrency-limit": (order.concurrency_limit, 1, 1000),
        "--seed": (order.seed, 0, 2**63 - 1),
    }
    for name, (value, least, most) in bounds.items():
        if not (math.isfinite(value) and least <= value <= most):
            problems.append(f"{name}: {quote(value)} is not accepted: give a number from {least} to {most}")
    if not problems and order.most_rate is not None and order.most_rate < order.least_rate:
        problems.append(
            f"--most-rate: {order.most_rate:g} is too low: p{order.percentile:g} needs {order.needed} requests, and no "
            f"step is longer than {MOST_STEP_S:g} s: give at least {order.least_rate:.3g}, or a lower --percentile"
        )
    if not problems and targets.target(order.target).capabilities.asynchronous:
        problems.append(
            f"TARGET: {order.target} takes every request into a queue, so no rate is too high: search a service, "
            "or measure how long a batch takes with an experiment"
        )
    if not problems and targets.target(order.target).capabilities.billed:
        problems.append(f"TARGET: {order.target} costs money, and only `frostline run` says how much first: use that")
    if not problems:
        chosen = WorkloadChoice(name=order.workload, settings=dict(order.settings))
        problems = [f"TARGET: {line}" for line in payload_size_problems([chosen], [order.target])]
    if problems:
        raise UsageError(problems)


def unknown(name: str, value: str, known: list[str]) -> list[str]:
    """The problem of a value that is not among those that there are."""
    return [] if value in known else [f"{name}: {not_one_of(value, known)}"]
