"""From a few requests to an experiment to begin with: a rate, a length and sizes, each with the formula it came by."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.analysis.stats import need_of_each_trial
from harness.commands.tryout.trying import Tried
from harness.cost.platforms.fargate import TASK_MB
from harness.experiment.payloads import payload_size_problems
from harness.experiment.pieces import MOST_MEMORY_MB, SizingChoice
from harness.experiment.question import experiment_names, parse_experiment, read_experiment
from harness.files.strict_yaml import write_mapping
from harness.measure.machine import usable_cpus
from targets.contract import Sizing

BUSY = 0.4
"""Of the time of one unit: so seldom do requests meet that they wait for each other only now and then."""
MEET = 4
"""For so many busy units a host needs CPUs where requests come by chance at BUSY. Of Poisson's 1 in 1,300 then meets
more, far from the 1 in 100 that makes a row host-bound; with CPUs for one less it is 1 in 130."""
MOST_RATE = 50.0
"""Requests per second that two cores can be asked for beside the bench, whatever one request takes."""
PERCENTILE, ROUNDS = 0.95, 3
SPARE = 1.5
"""Times the requests that the percentile needs, because arrivals are drawn."""
LEAST_S, MOST_S = 10, 600
HEADROOM = 1.3
"""Times the peak that was seen, of memory or time: more requests, and larger ones, will come."""
STEP_MB = 64
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
"""What an experiment may be called."""
YOURS = """\
# objective: {percentile: 95, latency_ms: 300}              # yours to state: what a user still finds good
# expected: {requests_per_month: 1000000, peak_to_mean: 3}  # and how much comes: without it nothing is forecast
"""
MODEL = "quickstart"
"""The experiment whose targets, and stand-ins without an engine, are taken."""


@dataclass(frozen=True)
class First:
    """What a first experiment would ask for."""

    warm_ms: float
    """Mean over the payloads, as each comes equally often."""
    slowest_ms: float
    peak_mb: float | None
    host_cpus: float

    @classmethod
    def of(cls, tried: Tried) -> "First | None":
        """None where no second request was answered well: nobody knows then how long one takes."""
        took = [request.took_ms for request in tried.second]
        return cls(sum(took) / len(took), max(took), tried.peak_mb, usable_cpus()) if took else None

    @property
    def profile(self) -> str:
        """Of the traffic: by chance where the host has CPUs for as many units as meet then, else evenly spaced and
        hardly one meeting another, for a row whose requests met more is host-bound and decides nothing."""
        sizes = self.sizing()
        unit = max(sizes["service_cpus"], Sizing.of_function(int(sizes["function_memory_mb"])).cpus)
        return "steady" if self.host_cpus >= MEET * unit else "constant"

    @property
    def rate(self) -> float:
        """Requests per second, two digits."""
        rate = min(MOST_RATE, BUSY / max(self.warm_ms / 1e3, 1e-6))
        if self.profile == "constant":
            rate = min(rate, 1 / max(HEADROOM * self.slowest_ms / 1e3, 1e-6))
        return float(f"{rate:.2g}")

    @property
    def seconds(self) -> int:
        """Of one trial."""
        return math.ceil(min(MOST_S, max(LEAST_S, self.requests / self.rate)))

    @property
    def requests(self) -> int:
        """How many a trial should have, so that its percentile can be told."""
        need = need_of_each_trial(PERCENTILE)
        return math.ceil(SPARE * max(need.per_trial, need.over_all / ROUNDS))

    @property
    def needed_mb(self) -> float | None:
        """Memory of a unit; None where nobody saw a peak."""
        return None if self.peak_mb is None else HEADROOM * self.peak_mb

    def sizing(self) -> dict[str, float]:
        """The usual sizes, or larger ones where the model needs them."""
        usual = SizingChoice()
        needed = self.needed_mb or 0.0
        function = max(usual.function_memory_mb, STEP_MB * math.ceil(needed / STEP_MB))
        tasks = [(cpus, mb) for cpus, sold in TASK_MB.items() for mb in sold if cpus >= usual.service_cpus]
        fitting = [task for task in tasks if task[1] >= max(needed, usual.service_memory_mb)]
        cpus, memory_mb = min(fitting or tasks[-1:])
        return {
            "function_memory_mb": min(function, MOST_MEMORY_MB),
            "service_memory_mb": memory_mb,
            "service_cpus": cpus,
        }

    def formulas(self) -> Iterator[str]:
        """Each number with the way to it."""
        even = (
            f", and 1 / ({HEADROOM:g} x {self.slowest_ms:.3g} ms, the slowest): evenly spaced so that hardly "
            f"one meets another, for {self.host_cpus:g} CPUs are too few for {MEET} units"
        )
        yield (
            f"rate {self.rate:g} a second = {BUSY:g} of one unit's time / {self.warm_ms:.3g} ms, the mean of the "
            f"second requests; at most {MOST_RATE:g}{even if self.profile == 'constant' else ''}"
        )
        short = f"; {MOST_S} s are too short for that, so p95 may be withheld" if self.seconds == MOST_S else ""
        yield (
            f"seconds {self.seconds} = {self.requests} requests, {SPARE:g} times what p95 needs in {ROUNDS} rounds, "
            f"/ rate; at least {LEAST_S}{short}"
        )
        if self.needed_mb is None:
            yield "sizing: the usual sizes, for nobody saw how much memory a unit needs"
            return
        sizes = self.sizing()
        yield (
            f"sizing {sizes['function_memory_mb']} MB as a function, {sizes['service_memory_mb']} MB with "
            f"{sizes['service_cpus']:g} vCPU as a service = the usual sizes, or the next that holds {HEADROOM:g} x the "
            f"peak of {self.peak_mb:,.0f} MB"
        )
        if self.needed_mb > MOST_MEMORY_MB:
            yield f"a function cannot have the {self.needed_mb:,.0f} MB that this asks for: {MOST_MEMORY_MB:,} at most"


def experiment_text(tried: Tried, first: First, choice: dict[str, Any], stem: str) -> str:
    """The experiment as YAML, which an experiment's reader has accepted; called as its file is, where that can be."""
    fields = _fields(tried, first, choice, stem)
    parse_experiment(fields, "first experiment")
    ours = write_mapping(fields, default_flow_style=None, width=110, allow_unicode=True)
    return ours + YOURS


def _fields(tried: Tried, first: First, choice: dict[str, Any], stem: str) -> dict[str, Any]:
    workload = tried.visit.workload.name
    usable = NAME.fullmatch(stem) and stem not in experiment_names()
    return {
        "name": stem if usable else f"{workload}-first"[:63],
        "question": f"A first look at {workload}. Container service or Lambda-style function?",
        "workloads": [choice if len(choice) > 1 else choice["name"]],
        **_targets(tried),
        "profiles": [{first.profile: {"rate": first.rate, "seconds": first.seconds}}],
        "cold_starts": 2,
        "rounds": ROUNDS,
        "sizing": first.sizing(),
    }


def _targets(tried: Tried) -> dict[str, list[str]]:
    """Both sides of the question, as the shipped quick look asks it; or the one that was tried, if it is none of them.

    A target that does not take one of the payloads is left out.
    """
    model, target = read_experiment(MODEL), tried.visit.trial.target
    if target not in [*model.targets, *model.without_engine]:
        return {"targets": [target]}
    return {"targets": _takers(tried, model.targets), "without_engine": _takers(tried, model.without_engine)}


def _takers(tried: Tried, names: list[str]) -> list[str]:
    return [name for name in names if not payload_size_problems([tried.visit.trial.workload], [name])]
