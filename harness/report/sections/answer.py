"""The sentence: function beside service, a verdict for each workload and profile, and what it means for the choice."""

from collections.abc import Iterator

from harness.analysis.compare import Comparison, ComparisonRow
from harness.analysis.pairing import COLD_FIELD
from harness.analysis.ratio import Verdict
from harness.cost.nouns import Costing
from harness.decision.overall import overall_of
from harness.files.text import harmless
from harness.record.figures import cell, plural
from harness.record.nouns import FORCED_COLD, ROUNDS_FOR_VERDICT
from harness.report.cases import words
from harness.report.comparison import sentence, short_names
from harness.report.material import Material, profile_name
from harness.report.nouns import Answer, Headline, PairRecommendation, Tone

SIGNS = {Verdict.SLOWER: "▲", Verdict.FASTER: "▼", Verdict.SAME: "=", Verdict.UNCLEAR: "?"}
TONES: dict[Verdict, Tone] = {
    Verdict.SLOWER: "slower",
    Verdict.FASTER: "faster",
    Verdict.SAME: "same",
    Verdict.UNCLEAR: "unclear",
}
FIRST = ("latency_p95_ms", "latency_p50_ms", COLD_FIELD)
"""Figures that are judged first: the tail if it may be told, otherwise the middle."""
TRAFFIC = ("rate", "seconds", "compression")


def answers(material: Material) -> list[Answer]:
    """An answer per workload."""
    workloads = list(dict.fromkeys(row.workload for row in material.summary.rows))
    return [answer(material, name) for name in workloads]


def answer(material: Material, workload: str) -> Answer:
    """What is said first of one workload."""
    cards = [card for card in material.cards if card.workload == workload]
    return Answer(
        harmless(workload),
        list(headlines(material, workload)),
        [
            *(
                PairRecommendation(harmless(whole.title), whole.recommendation, [end_sentence(t) for t in whole.why])
                for whole in overall_of(cards)
            ),
            *(
                PairRecommendation(
                    harmless(card.title) if len(cards) > 1 else "",
                    card.recommendation,
                    [end_sentence(text) for text in dict.fromkeys([*card.answer[1:], *card.because])],
                )
                for card in cards
            ),
        ],
        list(advice(material, workload)),
    )


def headlines(material: Material, workload: str) -> Iterator[Headline]:
    """The first figure that has a ratio, for every pair and profile; traffic before forced cold starts."""
    for comparison in material.pairs:
        profiles: dict[str, list[ComparisonRow]] = {}
        for row in comparison.rows:
            if row.workload == workload:
                profiles.setdefault(row.profile, []).append(row)
        for profile in sorted(profiles, key=lambda name: (name.startswith(FORCED_COLD), name)):
            yield headline(comparison, profile, profiles[profile], material.summary.rounds < ROUNDS_FOR_VERDICT)


def headline(comparison: Comparison, profile: str, rows: list[ComparisonRow], quick: bool) -> Headline:
    """The sentence of the first figure that has a ratio; of the first one where none has."""
    ordered = sorted((row for row in rows if row.field in FIRST), key=lambda row: FIRST.index(row.field))
    row = next((row for row in ordered if row.ratio.value is not None), ordered[0])
    traffic = words(row.case_a, [key for key in TRAFFIC if row.case_a.get(key) == row.case_b.get(key, ...)])
    return Headline(
        chip=chip(row, quick),
        tone=TONES[row.verdict] if row.verdict else "none",
        about=", ".join([profile_name(profile), *traffic]),
        sentence=sentence(row, *short_names(comparison)),
    )


def chip(row: ComparisonRow, quick: bool) -> str:
    """The verdict with a sign, or that there is none; `quick` where the whole run is too short for one."""
    if row.verdict is not None:
        return f"{SIGNS[row.verdict]} {row.verdict}"
    if row.ratio.value is None:
        return "NO RATIO"
    return "QUICK LOOK, NO VERDICT" if quick else "NO VERDICT"


def advice(material: Material, workload: str) -> Iterator[str]:
    """Costs at the expected traffic and break-even, as far as there are any."""
    if material.costing is None:
        return
    costing = material.costing
    for side in (side for side in costing.sides if side.workload == workload):
        month = cell(side.per_month_usd)
        if not month.empty:
            interval = f" ({month.small})" if month.small else ""
            cost = (
                f"{month.main}{interval} {costing.currency} per month, n = {plural(side.per_month_usd.n, side.counted)}"
            )
            at_traffic = f"{side.arrivals:,.0f} requests a month, forecast" if side.basis == "forecast" else at(costing)
            yield f"{side.target} under {profile_name(side.profile)}: {cost}, at {at_traffic}."
    for crossing in (crossing for crossing in costing.break_evens if crossing.workload == workload):
        yield f"Break-even under {profile_name(crossing.profile)}: {end_sentence(crossing.words)}"


def at(costing: Costing) -> str:
    """The traffic that costs are worked out for."""
    if not costing.expected:
        return "the measured rate, kept up all month"
    return f"{costing.requests_per_month:,.0f} requests a month"


def end_sentence(text: str) -> str:
    """The text with a full stop, unless it ends a sentence already."""
    return text if text.endswith((".", "!", "?")) else f"{text}."
