"""All that a run says, read once: summary, costing, scorecards, both sides compared; what is absent has a reason."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from harness.analysis.compare import compare_within, margin_of, profile_of
from harness.analysis.comparison import Comparisons
from harness.analysis.summary import Summary
from harness.analysis.table import Key, key_of
from harness.cost.nouns import Costing
from harness.decision.decision import Decision, decide
from harness.files.whole import one_line
from harness.record.folder import RunFolder, latest_attempts
from harness.record.nouns import TrialRecord

Pair = tuple[str | None, str | None]
"""A service and a function; None where the run has only the other."""


@dataclass(frozen=True)
class Findings:
    """What a review is made from. `absent` tells by part why it is not there."""

    folder: RunFolder
    records: list[TrialRecord]
    decision: Decision
    margin: float
    compared: dict[Pair, Comparisons]
    absent: dict[str, str]

    @property
    def experiment(self) -> dict[str, Any]:
        """As the run stores it."""
        return self.folder.manifest.experiment

    @property
    def summary(self) -> Summary:
        """All rows."""
        return self.decision.summary

    @property
    def costing(self) -> Costing | None:
        """The money."""
        return self.decision.costing

    @property
    def labels(self) -> dict[Key, str]:
        """Profile of each row, with the regime of forced cold starts, as `compare` calls it."""
        return {key_of(record): profile_of(record) for record in self.records}

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


def findings_of(folder: RunFolder) -> Findings:
    """Read a run. RecordError when it is not readable as one; money and scores that cannot be told are absent."""
    records, decision = latest_attempts(folder.trials()), decide(folder)
    margin, _ = margin_of(folder.manifest)
    absent = {part: one_line("\n".join(why)) for part, why in decision.reasons.items()}
    found = Findings(folder, records, decision, margin, {}, absent)
    for service, function in found.pairs:
        if service is not None and function is not None:
            compared = compare_within(folder, records, (service, function), "targets")
            found.compared[service, function] = compared
    return found
