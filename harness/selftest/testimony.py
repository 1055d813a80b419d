"""One trial as each of its witnesses saw it: the rows that Frostline stored, the ledger, the deployment's own log."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from harness.analysis.summary import Row, Summary
from harness.experiment.plan import Trial
from harness.measure.fitting import RunnableExperiment
from harness.measure.recording import EVENTS
from harness.record.folder import RunFolder, latest_attempts
from harness.record.nouns import StartClass, TrialRecord
from harness.selftest.ledger import HandledRequest, Life, read_ledger
from harness.selftest.platform import Bill, read_bills, read_platform_events
from targets.events import Event
from targets.workloads.known_truth import Command, Settings, command, read_settings


@dataclass(frozen=True)
class Testimony:
    """A trial's last attempt. Requests are known by their number, which is the row's index."""

    record: TrialRecord
    trial: Trial
    rows: pd.DataFrame
    lives: list[Life]
    events: list[Event]
    """The deployment's own log, or what its platform wrote down for the self-test alone: never compared with ours."""
    engine: Mapping[str, list[str]] | None
    """By container id; None where no engine runs the units."""
    bills: Mapping[str, Bill] = field(default_factory=dict)
    """By request; empty where the platform tells nothing of single ones."""

    @cached_property
    def settings(self) -> Settings:
        """What the trial's workload was commanded to do."""
        return read_settings(self.trial.workload.settings)

    @cached_property
    def handled(self) -> dict[int, tuple[Life, HandledRequest]]:
        """For each request number the last time that a handler began it, and the life in which it did."""
        return {handled.request: (life, handled) for life in self.lives for handled in life.handled}

    @cached_property
    def commands(self) -> dict[int, Command]:
        """What each request that reached a handler was told to do."""
        return {request: command(self.settings, request) for request in self.handled}

    def requests_with(self, fault: str) -> set[int]:
        """Requests that reached a handler with this fault."""
        return {request for request, command in self.commands.items() if command.fault == fault}

    @cached_property
    def ended(self) -> set[int]:
        """Requests that their handler ended."""
        return {request for request, (_, handled) in self.handled.items() if handled.ended_ns is not None}

    @cached_property
    def units_for_requests(self) -> set[str]:
        """Units that the deployment's log says were started for a request."""
        return {event["unit"] for event in self.events if event["kind"] == "create" and event["for_request"]}

    def true_class(self, request: int) -> StartClass:
        """What the request met, by the ledger: which life of its unit, and what that unit had done before."""
        life, handled = self.handled[request]
        if handled.invocation > 1:
            return StartClass.WARM
        own = [other for other in self.lives if other.unit == life.unit]
        if any(earlier.handled for earlier in own[: life.number]):
            return StartClass.RESET
        if life.number > 0:
            return StartClass.COLD_REINIT
        return StartClass.COLD if life.unit in self.units_for_requests else StartClass.PROACTIVE


@dataclass(frozen=True)
class Exam:
    """A scenario that was carried out on one target."""

    target: str
    run: RunFolder
    testimonies: list[Testimony]
    summary: Summary
    others_share: float = 0.0
    """Of the machine's CPU time meanwhile: what processes used that are neither ours nor the engine's."""

    @property
    def records(self) -> list[TrialRecord]:
        """Each trial's last attempt, also where no witness was asked."""
        return [testimony.record for testimony in self.testimonies] or latest_attempts(self.run.trials())

    def row(self, workload: str) -> Row:
        """The summary's row of one label."""
        return next(row for row in self.summary.rows if row.workload == workload)

    def settings(self, workload: str) -> Settings:
        """What the workload of one label was commanded to do."""
        return next(testimony.settings for testimony in self.testimonies if testimony.record.workload == workload)


def read_testimonies(
    runnable: RunnableExperiment, run: RunFolder, witness: Path, engine: Mapping[str, list[str]] | None
) -> list[Testimony]:
    """What every witness says of each trial of a run, in order."""
    trials = {trial.id: trial for trial in runnable.trials}
    testimonies = []
    for record in latest_attempts(run.trials()):
        place = witness / f"{record.trial}.{record.attempt}"
        events = read_platform_events(place)
        seen = (read_ledger(place), _logged_events(place) if events is None else events, engine, read_bills(place))
        rows = run.requests(record).to_pandas()
        testimonies.append(Testimony(record, trials[record.trial], rows, *seen))
    return testimonies


def _logged_events(place: Path) -> list[Event]:
    log = place / EVENTS
    # A trial in which nothing was sent has no log.
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
