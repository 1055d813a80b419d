"""What one trial needs, and what it leaves."""

import array
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

import targets
from harness.experiment.pieces import SizingChoice, WorkloadChoice
from harness.experiment.plan import Trial
from harness.experiment.profiles import draw
from harness.experiment.question import Experiment
from harness.measure.rows.completions import KeptCompletions
from harness.record.facts import Fact
from harness.record.nouns import TrialRecord
from targets.contract import Order, Package, Target, Witnessed
from targets.events import Event
from targets.workloads.contract import Workload


@dataclass(frozen=True)
class Visit:
    """Everything that one trial needs."""

    experiment: Experiment
    trial: Trial
    package: Package
    run_id: str
    attempt: int = 1
    lasting: dict[str, Fact] = field(default_factory=dict)
    """Facts at the begin of the run, which must still hold."""
    witness: Path | None = None
    """A folder for what the workload and the deployment themselves say of this trial; None where nobody asks."""

    @cached_property
    def target(self) -> Target:
        """The target that the trial goes to."""
        return targets.target(self.trial.target)

    @cached_property
    def workload(self) -> Workload:
        """The workload that is asked there, with its settings."""
        return self.trial.workload.resolve()

    @cached_property
    def schedule(self) -> "array.array[float] | None":
        """When requests leave, in seconds since the begin; None for forced cold starts. Drawn once."""
        return draw(self.trial.load, self.trial.arrival_seed) if self.trial.load else None

    @property
    def engine(self) -> bool:
        """Whether an engine of this machine runs its units."""
        return self.target.capabilities.engine

    @property
    def has_gpus(self) -> bool:
        """Whether its units have GPUs of this machine."""
        return has_gpus(self.target, self.experiment.sizing)

    def order(self) -> Order:
        """The order with which the trial's target deploys the package."""
        sizing = self.trial.workload.sized(self.experiment.sizing)
        return Order(
            run_id=self.run_id,
            sizing=sizing.of(self.target.parts[0]),
            settings=self.trial.settings,
            sizings=sizing.of_further(self.target.parts),
            environment=unit_variables(self.trial.workload),
            ledger=self.witness,
            images_absent=self.trial.regime is not None and self.trial.regime.images == "absent",
        )


@dataclass(frozen=True)
class Account:
    """What a deployment says of one trial, once its requests have ended."""

    events: list[Event] = field(default_factory=list)
    witnesses: list[Witnessed] = field(default_factory=list)
    completions: KeptCompletions = field(default_factory=KeptCompletions)
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class VisitResult:
    """What a trial leaves: its record and its tables."""

    record: TrialRecord
    requests: pa.Table
    samples: pa.Table
    gpus: pa.Table | None = None
    """None where no unit had a GPU of this machine."""


def has_gpus(target: Target, sizing: SizingChoice) -> bool:
    """Whether units of any of its parts have GPUs of this machine."""
    return target.capabilities.clock == "shared" and any(sizing.of(part).accelerators for part in target.parts)


def unit_variables(workload: WorkloadChoice) -> dict[str, str]:
    """How a workload's settings, and where its model is loaded, reach the serving code."""
    settings = {"FROSTLINE_SETTINGS": json.dumps(workload.settings)} if workload.settings else {}
    return settings | ({} if workload.load == "init" else {"FROSTLINE_LOAD": workload.load})
