"""Six dimensions from 1 to 5 and what they say together: serverless, container, hybrid or cannot decide yet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness.analysis.summary import Summary
from harness.cost.nouns import Costing
from harness.decision.dimensions import Dimension, Pull, dimensions_of
from harness.decision.pair import Pair
from harness.decision.recommendation import Recommendation, recommend
from harness.record.folder import RunFolder
from harness.record.stated import economics_of, objective_of

__all__ = ["Dimension", "Pull", "Recommendation", "Scorecard", "scorecards"]


@dataclass(frozen=True)
class Scorecard:
    """Of one pair of a service and a function under one workload; a side that the run lacks is None."""

    workload: str
    dimensions: list[Dimension]
    recommendation: Recommendation
    because: list[str]
    """The rows it rests on, in words."""
    would_change: list[str]
    service: str | None = None
    function: str | None = None

    @property
    def title(self) -> str:
        """The workload and the pair that is judged."""
        sides = " or ".join(name for name in (self.function, self.service) if name is not None)
        return f"{self.workload}, {sides}" if sides else self.workload


def scorecards(run: RunFolder, summary: Summary, costing: Costing | None) -> list[Scorecard]:
    """One per workload and pair, in the summary's order. RecordError where the experiment's inputs are malformed."""
    economics, objective = economics_of(run.manifest), objective_of(run.manifest.experiment)
    cards = []
    for workload in dict.fromkeys(row.workload for row in summary.rows):
        names = dict.fromkeys(row.target for row in summary.rows if row.workload == workload)
        for service, function in pairs_of(names, run.manifest.targets):
            pair = Pair(workload, service, function, economics, objective, summary, costing)
            dimensions = dimensions_of(pair)
            advice = recommend(pair, dimensions)
            cards.append(
                Scorecard(
                    workload, dimensions, advice.recommendation, advice.because, advice.would_change, service, function
                )
            )
    return cards


def pairs_of(
    names: Mapping[str, None], targets: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str | None, str | None]]:
    """Every service beside every function; each alone where there is no other side. Other kinds are on neither side."""
    sides: list[list[str | None]] = [
        [name for name in names if targets.get(name, {}).get("kind") == kind] for kind in ("service", "function")
    ]
    services, functions = (side or [None] for side in sides)
    for service in services:
        for function in functions:
            yield service, function
