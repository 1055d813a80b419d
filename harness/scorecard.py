"""Six dimensions from 1 to 5 and what they say together: serverless, container, hybrid or cannot decide yet."""

from dataclasses import dataclass, fields
from typing import Any, Literal

from harness.cost.nouns import Costing
from harness.estimate import plain
from harness.store import RunFolder
from harness.summary import Summary

Pull = Literal["serverless", "container", "neither"]
Recommendation = Literal["serverless", "container", "hybrid", "cannot decide yet"]


@dataclass(frozen=True)
class Dimension:
    """`score` is None where it was neither measured nor stated; `source` says which. `reason` holds its figures."""

    name: str
    score: int | None
    source: Literal["measured", "stated", "missing"]
    pull: Pull
    reason: str


@dataclass(frozen=True)
class Scorecard:
    """Of one workload."""

    workload: str
    dimensions: list[Dimension]
    recommendation: Recommendation
    because: list[str]
    """The rows it rests on, in words."""
    would_change: list[str]

    def to_json(self) -> dict[str, Any]:
        """Every field."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}


def scorecards(run: RunFolder, summary: Summary, costing: Costing | None) -> list[Scorecard]:
    """One per workload, in the summary's order."""
    raise NotImplementedError
