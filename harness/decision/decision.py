"""What report and review both say of a run: its figures, its costs, its scorecards; what is absent has its reasons."""

from dataclasses import dataclass, field

from harness.analysis.summary import Summary
from harness.analysis.table import summarise
from harness.cost.costing import costing_of, with_costs
from harness.cost.nouns import Costing
from harness.decision.scorecard import Scorecard, scorecards
from harness.errors import FrostlineError
from harness.record.folder import RunFolder
from harness.record.stated import Economics, Objective, economics_of, objective_of


@dataclass
class Decision:
    """`reasons` tells by part (cost, scorecard) why it is not there, and must be shown."""

    summary: Summary
    economics: Economics | None = None
    """None where they are malformed, which the reasons tell; so with the objective, which may also be none."""
    objective: Objective | None = None
    costing: Costing | None = None
    cards: list[Scorecard] = field(default_factory=list)
    reasons: dict[str, list[str]] = field(default_factory=dict)


def decide(run: RunFolder) -> Decision:
    """Read a run. RecordError when it is not readable as one; what cannot be priced or judged is absent."""
    found = Decision(summarise(run))
    try:
        found.economics = economics_of(run.manifest)
        found.costing = costing_of(run, found.summary)
        if found.costing.expected:
            found.summary = with_costs(found.summary, found.costing.sides)
    except FrostlineError as error:
        found.reasons["cost"] = str(error).split("\n")
    try:
        found.objective = objective_of(run.manifest.experiment)
        found.cards = scorecards(run, found.summary, found.costing)
    except FrostlineError as error:
        found.reasons["scorecard"] = str(error).split("\n")
    return found
