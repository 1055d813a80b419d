"""What a run answers, as machines read it: over all forms of a workload first, then pair by pair."""

from collections.abc import Sequence
from typing import TypedDict

from harness.decision.decision import Scorecard
from harness.decision.overall import Overall, overall_of
from harness.decision.recommendation import Recommendation


class ToldAnswer(TypedDict):
    """One of `answers` in frostline/summary/1; results/README.md lists the fields."""

    workload: str
    targets: list[str]
    """Two of a pair, one where the run has no other side, and more of the answer over all forms."""
    recommendation: Recommendation
    target: str | None
    """The one that is recommended; None where none is."""
    why: list[str]
    sure: str | None
    settle: str | None


def tell_answers(cards: Sequence[Scorecard]) -> list[ToldAnswer]:
    """Every answer of a run."""
    return [*map(tell_overall, overall_of(cards)), *map(tell_pair, cards)]


def tell_overall(overall: Overall) -> ToldAnswer:
    """How sure it is, and what would settle it, is said by its pairs."""
    return {
        "workload": overall.workload,
        "targets": overall.targets,
        "recommendation": overall.recommendation,
        "target": overall.target,
        "why": overall.why,
        "sure": None,
        "settle": None,
    }


def tell_pair(card: Scorecard) -> ToldAnswer:
    """One scorecard's."""
    return {
        "workload": card.workload,
        "targets": list(card.pair),
        "recommendation": card.recommendation,
        "target": card.chosen,
        "why": card.why,
        "sure": card.sure or None,
        "settle": str(card.settle) if card.settle else None,
    }
