"""Where the scorecards point: one model for the next phase, and on which numbers that rests."""

from collections.abc import Iterator
from typing import Any

from harness.analysis.comparison import Comparison
from harness.record.estimate import plain
from harness.record.nouns import FORCED_COLD
from harness.review.findings import Findings, Pair
from harness.review.ledger import cited, of
from harness.review.record import Evidence, Primary, Recommended

SIDES = {"serverless": "function", "container": "service"}
JUDGED = ("latency_p95_ms", "cold_p50_ms")


def recommended(found: Findings) -> list[Recommended]:
    """By workload."""
    return [Recommended(workload=card.workload, recommendation=card.recommendation) for card in found.decision.cards]


def primary_of(cards: list[Recommended]) -> Primary:
    """What all workloads say; hybrid where they are decided and differ, undecided where one is not."""
    said = {card.recommendation for card in cards}
    if not said or "cannot decide yet" in said:
        return "undecided"
    if said == {"serverless"}:
        return "serverless"
    return "container" if said == {"container"} else "hybrid"


def why(found: Findings, evidence: list[Evidence]) -> list[str]:
    """Sentences: what the scorecards rest on, then latency and money of both sides by their ids."""
    if not found.decision.cards:
        return [f"There is no scorecard: {found.absent.get('scorecard', 'the run has no workload to judge')}."]
    told = [f"{card.workload}: {reason}" for card in found.decision.cards for reason in card.because]
    return [*told, *rests_on(found, evidence)]


def rests_on(found: Findings, evidence: list[Evidence]) -> Iterator[str]:
    """Verdicts that decide, and both costs."""
    for pair, compared in found.compared.items():
        for row in (row for row in compared.rows if row.field in JUDGED):
            if row.verdict is not None:
                yield judged(row, pair, evidence)
    for pair in found.compared:
        yield from costs(pair, found, evidence)


def judged(row: Comparison, pair: Pair, evidence: list[Evidence]) -> str:
    """E.g. filetype, steady: p95 of docker-lambda 262 [E12] ms beside docker-service 18.1 [E3] ms: SLOWER."""
    service = compared_in(evidence, row, pair[0], row.case_a)
    function = compared_in(evidence, row, pair[1], row.case_b)
    what = row.field.removesuffix("_ms").removeprefix("latency_").replace("_", " ")
    both = f"{what} of {pair[1]} {cited(function)} ms beside {pair[0]} {cited(service)} ms"
    return f"{row.workload}, {row.profile}: {both}: {row.verdict}"


def compared_in(evidence: list[Evidence], row: Comparison, target: str | None, case: dict[str, Any]) -> Evidence | None:
    """The evidence of one side of a comparison, whose profile may name the regime of forced cold starts."""
    name = FORCED_COLD if row.profile.startswith(f"{FORCED_COLD}, ") else row.profile
    same = [e for e in evidence if e.case == plain(case)]
    return of(same, target or "", name, row.field, row.workload)


def costs(pair: Pair, found: Findings, evidence: list[Evidence]) -> Iterator[str]:
    """Both sides' cost per 1,000 good answers under each profile."""
    for key in dict.fromkeys((row.workload, row.profile) for row in found.summary.rows):
        both = [of(evidence, name or "", key[1], "cost_per_1k_usd", key[0]) for name in pair]
        if all(one is not None and one.value is not None for one in both):
            yield (
                f"{key[0]}, {key[1]}: 1,000 good answers cost {cited(both[1])} USD on {pair[1]} and {cited(both[0])} "
                f"USD on {pair[0]}"
            )
