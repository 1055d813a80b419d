"""From an experiment to its trials: interleaved rounds in an order that the seed shuffles. Pure."""

import random
from dataclasses import dataclass
from typing import Any

import targets
from harness.experiment import Experiment, WorkloadChoice
from loadprofiles import LoadProfile

COLD = "cold"
"""The profile name of forced cold starts."""
DEPLOY_S = {"service": 2.5, "function": 1.5}
"""Rough cost of deploying and removing, for the estimate that is printed before a run."""
COLD_START_S = 2.0


@dataclass(frozen=True)
class Trial:
    """One visit to one deployment. `arrival_seed` is the same for all targets of a round."""

    id: str
    order: int
    round: int
    workload: WorkloadChoice
    target: str
    profile: str
    load: LoadProfile | None
    """None for forced cold starts."""
    arrival_seed: int
    case: dict[str, Any]

    @property
    def expected_s(self) -> float:
        """Roughly how long it takes."""
        deploy = DEPLOY_S[targets.target(self.target).kind]
        return deploy + (self.load.seconds if self.load else self.case["cold_starts"] * COLD_START_S)


def plan(experiment: Experiment, target_names: list[str]) -> list[Trial]:
    """Every trial in the order of the run. Within a round each cell visits all targets one after the other."""
    trials: list[Trial] = []
    shuffle = random.Random(f"{experiment.seed}/order")  # noqa: S311 - an order must be repeatable, not secret
    profiles: list[tuple[str, LoadProfile | None]] = [*experiment.load_profiles()]
    if experiment.cold_starts:
        profiles.append((COLD, None))
    for number in range(1, experiment.rounds + 1):
        cells = [(workload, *profile) for workload in experiment.workloads for profile in profiles]
        shuffle.shuffle(cells)
        for workload, label, load in cells:
            visits = list(target_names)
            shuffle.shuffle(visits)
            for target in visits:
                trials.append(_trial(experiment, len(trials), number, workload, target, label, load))
    return trials


def arrival_seed(experiment_seed: int, round_number: int, workload: str, profile: str) -> int:
    """One seed per round and cell, derived from text so that adding a cell leaves the others' arrivals alone."""
    return random.Random(f"{experiment_seed}/{round_number}/{workload}/{profile}").getrandbits(63)  # noqa: S311


def _trial(
    experiment: Experiment,
    order: int,
    number: int,
    workload: WorkloadChoice,
    target: str,
    label: str,
    load: LoadProfile | None,
) -> Trial:
    return Trial(
        id=f"r{number:02d}.{workload.name}.{target}.{label}",
        order=order,
        round=number,
        workload=workload,
        target=target,
        profile=label,
        load=load,
        arrival_seed=arrival_seed(experiment.seed, number, workload.name, label),
        case=_case(experiment, target, load),
    )


def _case(experiment: Experiment, target: str, load: LoadProfile | None) -> dict[str, Any]:
    """What else identifies a row: sizing per unit, load, and how the platform was set."""
    kind = targets.target(target).kind
    sizing = experiment.sizing.of(kind)
    case: dict[str, Any] = {"memory_mb": sizing.memory_mb, "cpus": sizing.cpus}
    if kind == "function":
        function = experiment.function
        case |= {
            "keep_alive_s": function.keep_alive_s / experiment.compression,
            "concurrency": function.concurrency_limit,
        }
    else:
        case |= {"replicas": experiment.replicas}
    if load is None:
        return case | {"cold_starts": experiment.cold_starts, "images": "present", "page_cache": "kept"}
    return case | {"rate": load.rate, "seconds": load.seconds, "compression": round(load.time_compression, 4)}
