"""All that a run says, read once: summary, costing, scorecards, both sides compared; what is absent has a reason."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from harness.compare import compare_within, margin_of, profile_of
from harness.comparison import Comparisons
from harness.cost.costing import costing_of
from harness.cost.nouns import Costing
from harness.economics import Economics, economics_of
from harness.errors import FrostlineError
from harness.estimate import plain
from harness.files import one_line
from harness.records import TrialRecord
from harness.scorecard import Scorecard, scorecards
from harness.store import RunFolder
from harness.summary import Summary
from harness.table import latest_attempts, summarise

Pair = tuple[str | None, str | None]
"""A service and a function; None where the run has only the other."""


@dataclass(frozen=True)
class Findings:
    """What a review is made from. `absent` tells by part why it is not there."""

    folder: RunFolder
    records: list[TrialRecord]
    summary: Summary
    margin: float
    costing: Costing | None
    cards: list[Scorecard]
    economics: Economics | None
    compared: dict[Pair, Comparisons]
    absent: dict[str, str]

    @property
    def experiment(self) -> dict[str, Any]:
        """As the run stores it."""
        return self.folder.manifest.experiment

    @property
    def labels(self) -> dict[str, str]:
        """Profile of each row, with the regime of forced cold starts, as `compare` calls it."""
        return {place(r.workload, r.target, r.profile, r.case): profile_of(r) for r in self.records}

    @property
    def cost_sha256(self) -> str | None:
        """Tells whether the money is still the same."""
        if self.costing is None:
            return None
        return hashlib.sha256(json.dumps(self.costing.to_json(), sort_keys=True).encode()).hexdigest()

    def kind(self, target: str) -> str | None:
        """Service or function."""
        kind = self.folder.manifest.targets.get(target, {}).get("kind")
        return kind if kind in ("service", "function") else None

    def emulated(self, target: str) -> bool:
        """Whether it stands in for something else."""
        return self.folder.manifest.targets.get(target, {}).get("emulated") is True

    def targets(self, kind: str) -> list[str]:
        """Of this kind, those with trials."""
        return sorted({r.target for r in self.records if self.kind(r.target) == kind})

    @property
    def pairs(self) -> list[Pair]:
        """Every service beside every function; each alone where there is no other side."""
        services, functions = self.targets("service"), self.targets("function")
        if services and functions:
            return [(service, function) for service in services for function in functions]
        return [*((name, None) for name in services), *((None, name) for name in functions)]


def place(workload: str, target: str, profile: str, case: dict[str, Any]) -> str:
    """What tells rows apart."""
    return json.dumps([workload, target, profile, plain(case)], sort_keys=True)


def findings_of(folder: RunFolder) -> Findings:
    """Read a run. RecordError when it is not readable as one; money and scores that cannot be told are absent."""
    records = latest_attempts(folder.trials())
    summary = summarise(folder)
    absent: dict[str, str] = {}
    costing: Costing | None = None
    cards: list[Scorecard] = []
    economics: Economics | None = None
    try:
        economics = economics_of(folder.manifest.experiment)
        costing = costing_of(folder, summary)
    except FrostlineError as error:
        absent["cost"] = one_line(str(error))
    try:
        cards = scorecards(folder, summary, costing)
    except FrostlineError as error:
        absent["scorecard"] = one_line(str(error))
    margin, _ = margin_of(folder.manifest)
    found = Findings(folder, records, summary, margin, costing, cards, economics, {}, absent)
    for service, function in found.pairs:
        if service is not None and function is not None:
            compared = compare_within(folder, records, (service, function), "targets")
            found.compared[service, function] = compared
    return found
