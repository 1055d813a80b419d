"""From an experiment to its trials: interleaved rounds in an order that the seed shuffles. Pure."""

import itertools
import math
import random
from dataclasses import dataclass

import targets
from harness.experiment.pieces import WorkloadChoice
from harness.experiment.profiles import profile
from harness.experiment.question import Experiment
from harness.record.nouns import FORCED_COLD, SCALE_OUT, BeginState, Case
from loadprofiles import LoadProfile
from targets.contract import Target
from targets.settings import Pooled, Settings

COLD_START_S = 2.0
STEADY_BEGIN_S = 4.0
"""For the estimate only: a first start and a few warm requests."""
EXPECTED_WARM_S = 0.2
"""How long a request holds its sandbox, for the estimate only: nothing is measured yet."""
STARTS_AT_ONCE = 2
"""Of the sandboxes of a steady pool."""


@dataclass(frozen=True)
class Regime:
    """In what state forced cold starts find the machine."""

    page_cache: str = "kept"
    images: str = "present"

    @property
    def suffix(self) -> str:
        """What tells a trial of it from one of the usual regime."""
        return ("-dropped" if self.page_cache == "dropped" else "") + ("-absent" if self.images == "absent" else "")


@dataclass(frozen=True)
class Cell:
    """What is done with every workload and target: a load profile, forced cold starts, or scale-out under load."""

    profile: str
    load: LoadProfile | None = None
    regime: Regime | None = None
    scale_out: int = 0

    @property
    def compression(self) -> float:
        """How many modelled seconds pass in one of its own: nothing is compressed where there is no traffic."""
        return self.load.time_compression if self.load else 1.0

    @property
    def label(self) -> str:
        """Unique in the experiment."""
        return self.profile + (self.regime.suffix if self.regime else "")

    def suits(self, target: Target) -> bool:
        """Whether the target can do what the cell asks for."""
        can, regime = target.capabilities, self.regime
        if self.scale_out and not can.scale_out:
            return False
        if regime is None:
            return True
        if can.asynchronous:  # no reply says which unit it met
            return False
        return (can.images_absent or regime.images == "present") and (can.page_cache or regime.page_cache == "kept")


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
    regime: Regime | None
    """None for all others."""
    scale_out: int
    """Replicas that are added under the load."""
    arrival_seed: int
    settings: Settings
    """How its target is to behave."""
    begin: BeginState | None
    """What its first request is to find; None where that is no question: at forced starts and scale-out."""
    case: Case

    @property
    def expected_s(self) -> float:
        """Roughly how long the trial takes, with its deployment where that is its own."""
        can = targets.target(self.target).capabilities
        deploy_s = can.deploy_s if can.deploys == "per_trial" else 0.0
        return deploy_s + self._begin_s + (self.load.seconds if self.load else self.case["cold_starts"] * COLD_START_S)

    @property
    def _begin_s(self) -> float:
        """Of a function, with the sandboxes that are expected to be busy at once: all are started beforehand."""
        if self.begin != "steady":
            return 0.0
        if self.load is None or targets.target(self.target).parts[0].kind == "service":
            return STEADY_BEGIN_S
        sandboxes = math.ceil(self.load.rate * EXPECTED_WARM_S)
        if isinstance(self.settings, Pooled):
            sandboxes = min(sandboxes, self.settings.limits.concurrency_limit)
        return STEADY_BEGIN_S + sandboxes / STARTS_AT_ONCE * COLD_START_S


def plan(experiment: Experiment, target_names: list[str]) -> list[Trial]:
    """Every trial in the order of the run. Within a round each cell visits all targets one after the other."""
    trials: list[Trial] = []
    shuffle = random.Random(f"{experiment.seed}/order")  # noqa: S311 - an order must be repeatable, not secret
    for number in range(1, experiment.rounds + 1):
        cells = [(workload, cell) for workload in experiment.workloads for cell in cells_of(experiment)]
        shuffle.shuffle(cells)
        for workload, cell in cells:
            visits = [name for name in target_names if cell.suits(targets.target(name))]
            shuffle.shuffle(visits)
            for target in visits:
                trials.append(_trial(experiment, len(trials), number, workload, target, cell))
    return trials


def cells_of(experiment: Experiment) -> list[Cell]:
    """Load profiles, then the regimes of forced cold starts, then scale-out."""
    cells = [Cell(label, load) for label, load in experiment.load_profiles()]
    if experiment.cold_starts:
        regimes = itertools.product(experiment.page_cache, experiment.images)
        cells += [Cell(FORCED_COLD, regime=Regime(*regime)) for regime in regimes]
    if choice := experiment.scale_out:
        load = profile("steady").model_validate({"rate": choice.rate, "seconds": choice.seconds})
        cells.append(Cell(SCALE_OUT, load, scale_out=choice.starts))
    return cells


def arrival_seed(experiment_seed: int, round_number: int, workload: str, profile: str) -> int:
    """One seed per round and cell, derived from text so that adding a cell leaves the others' arrivals alone.

    `workload` is its name, not its label: two of one name meet the same traffic.
    """
    return random.Random(f"{experiment_seed}/{round_number}/{workload}/{profile}").getrandbits(63)  # noqa: S311


def _trial(
    experiment: Experiment,
    order: int,
    number: int,
    workload: WorkloadChoice,
    target: str,
    cell: Cell,
) -> Trial:
    settings = experiment.settings_of(targets.target(target), cell.compression)
    begin = None if cell.load is None or cell.scale_out else experiment.begin
    return Trial(
        id=f"r{number:02d}.{workload.key}.{target}.{cell.label}",
        order=order,
        round=number,
        workload=workload,
        target=target,
        profile=cell.profile,
        load=cell.load,
        regime=cell.regime,
        scale_out=cell.scale_out,
        arrival_seed=arrival_seed(experiment.seed, number, workload.name, cell.label),
        settings=settings,
        begin=begin,
        case=_case(experiment, workload, target, cell, settings, begin),
    )


def _case(
    experiment: Experiment,
    workload: WorkloadChoice,
    target: str,
    cell: Cell,
    settings: Settings,
    begin: BeginState | None,
) -> Case:
    """What else identifies a row: sizing per unit, load, and how the platform was set."""
    platform = targets.target(target)
    choice = workload.sized(experiment.sizing)
    sizing = choice.of(platform.parts[0])
    case: Case = {"memory_mb": sizing.memory_mb, "cpus": sizing.cpus}
    if sizing.accelerators:
        case["accelerators"] = sizing.accelerators
    for part in platform.parts[1:]:
        more = choice.of(part)
        sizes = {f"{part.name}_memory_mb": more.memory_mb, f"{part.name}_cpus": more.cpus}
        sizes |= {f"{part.name}_accelerators": more.accelerators} if more.accelerators else {}
        case.update(sizes)  # type: ignore[typeddict-item]
    case.update(settings.case())  # type: ignore[typeddict-item]
    if workload.load != "init":
        case["load"] = workload.load
    if cell.regime is not None:
        regime = cell.regime
        return {**case, "cold_starts": experiment.cold_starts, "page_cache": regime.page_cache, "images": regime.images}
    load = cell.load
    assert load is not None
    if cell.scale_out:
        case["scale_out"] = cell.scale_out
    if begin is not None:
        case["begin"] = begin
    return {**case, "rate": load.rate, "seconds": load.seconds, "compression": round(cell.compression, 4)}
