"""Six dimensions from 1 to 5 and what they say together: serverless, container, hybrid or cannot decide yet."""

from dataclasses import dataclass

from harness.analysis.summary import Summary
from harness.cost.nouns import Costing
from harness.decision.dimensions import Dimension, Evidence, Pull, dimensions_of
from harness.decision.recommendation import Recommendation, recommended
from harness.record.folder import RunFolder
from harness.record.nouns import FORCED_COLD, SCALE_OUT
from harness.record.stated import economics_of, objective_of

__all__ = ["Dimension", "Pull", "Recommendation", "Scorecard", "scorecards"]


@dataclass(frozen=True)
class Scorecard:
    """Of one workload."""

    workload: str
    dimensions: list[Dimension]
    recommendation: Recommendation
    because: list[str]
    """The rows it rests on, in words."""
    would_change: list[str]


def scorecards(run: RunFolder, summary: Summary, costing: Costing | None) -> list[Scorecard]:
    """One per workload, in the summary's order. RecordError where the experiment's own inputs are malformed."""
    economics = economics_of(run.manifest)
    objective = objective_of(run.manifest.experiment)
    kinds = {name: str(facts.get("kind")) for name, facts in run.manifest.targets.items()}
    found = []
    for workload in dict.fromkeys(row.workload for row in summary.rows):
        rows = [row for row in summary.rows if row.workload == workload and row.valid]
        evidence = Evidence(
            workload=workload,
            economics=economics,
            objective=objective,
            traffic=[row for row in rows if row.profile not in (FORCED_COLD, SCALE_OUT)],
            forced=[row for row in rows if row.profile == FORCED_COLD],
            kinds=kinds,
            costing=costing,
        )
        dimensions = dimensions_of(evidence)
        told = recommended(evidence, dimensions, summary)
        found.append(Scorecard(workload, dimensions, told.recommendation, told.because, told.would_change))
    return found
