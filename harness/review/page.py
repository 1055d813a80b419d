"""The page of a review: every value that its template shows, in words, and the Markdown that comes of them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.analysis.compare import ComparisonRow
from harness.cost.nouns import Costing
from harness.decision.decision import Scorecard
from harness.record.estimate import plain
from harness.record.figures import MISSING, figure, plural
from harness.record.nouns import FORCED_COLD
from harness.report.export import escape
from harness.report.frame import minute
from harness.review.change import ChangeSince
from harness.review.figures import LATENCY, MEASURES, cite, find, rate
from harness.review.record import CitedFigure, ReviewRecord
from harness.review.runs import MeasuredRun, Pair
from harness.review.tables import (
    BillLine,
    EvidenceTable,
    bill,
    bill_remarks,
    break_even_words,
    evidence_tables,
)

TEMPLATES = Path(__file__).parent
VOLUME = ("throughput_rps", "peak_1s_rps")
WARM_AND_COLD = ("warm_p50_ms", "warm_p95_ms", "cold_p50_ms", "cold_p90_ms", "cold_share")
UTILISATION = ("utilisation", "cpu_busy_share")
DECIDING = ("latency_p95_ms", "cold_p50_ms")
MOST_PROBLEMS = 12


@dataclass(frozen=True)
class ReviewPage:
    """What review.md.j2 shows, by the names that it uses."""

    record: ReviewRecord
    measured: str
    question: str
    objective: str
    margin: str
    expected: str
    evidence: list[EvidenceTable]
    volumes: list[str]
    latencies: list[str]
    warm_and_cold: list[str]
    utilisations: list[str]
    engineering: str
    costing: Costing | None
    absent: dict[str, str]
    """By part (cost, scorecard) why it is not there."""
    bill: list[BillLine]
    break_evens: list[str]
    bill_remarks: list[str]
    cards: list[Scorecard]
    why: list[str]
    since: ChangeSince | None
    doubts: list[str]


def page_of(run: MeasuredRun, record: ReviewRecord, since: ChangeSince | None) -> ReviewPage:
    """All of a page but what people write."""
    figures = record.evidence
    return ReviewPage(
        record=record,
        measured=minute(record.measured_at),
        question=question(run),
        objective=objective(run),
        margin=f"{run.margin:g}, so that an interval within it is SAME; a verdict asks for 10 rounds, there are "
        f"{run.summary.rounds}",
        expected=expected_traffic(run),
        evidence=evidence_tables(run, figures),
        volumes=list(row_lines(figures, VOLUME)),
        latencies=list(row_lines(figures, LATENCY)),
        warm_and_cold=list(row_lines(figures, WARM_AND_COLD)),
        utilisations=list(row_lines(figures, UTILISATION)),
        engineering=engineering(run),
        costing=run.costing,
        absent=run.absent,
        bill=bill(run, figures),
        break_evens=[break_even_words(b) for b in (run.costing.break_evens if run.costing else [])],
        bill_remarks=bill_remarks(run),
        cards=run.decision.cards,
        why=reasons(run, figures),
        since=since,
        doubts=doubts(run),
    )


def markdown(page: ReviewPage) -> str:
    """Fill the template. Whatever is put into it is escaped, without exception."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 this is Markdown: `finalize` escapes every value instead
        finalize=show_value,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("review.md.j2").render({f.name: getattr(page, f.name) for f in fields(page)})
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def show_value(value: Any) -> str:
    """A value of the page, escaped; what is absent is a dash."""
    return MISSING if value is None else escape(value)


def question(run: MeasuredRun) -> str:
    """The experiment's question, if it has one."""
    text = run.manifest.experiment.get("question")
    return text if isinstance(text, str) and text else "The experiment asks no question."


def objective(run: MeasuredRun) -> str:
    """The objective, or that there is none."""
    stated = run.decision.objective
    return f"p{stated.percentile:g} of latency at most {figure(stated.latency_ms)} ms" if stated else "none stated"


def expected_traffic(run: MeasuredRun) -> str:
    """What the experiment expects, or that it does not say."""
    expected = run.decision.economics.expected if run.decision.economics else None
    if expected is None:
        return "Expected: not stated by the experiment."
    assumed = "" if expected.peak_to_mean else f", taken to be {figure(expected.peak)} times the mean: none is stated"
    return (
        f"Expected: {expected.requests_per_month:,.0f} requests a month, {rate(expected.mean_rps)} on average and "
        f"{figure(expected.mean_rps * expected.peak)} at the peak{assumed}."
    )


def engineering(run: MeasuredRun) -> str:
    """The hours that the experiment states, which stand beside the cost; people say what they really were."""
    economics = run.decision.economics
    if economics is None:
        return f"What hours the experiment states is not readable: {run.absent.get('cost')}"
    hours, usd = economics.stakes.engineering_hours_per_month, economics.stakes.engineering_usd_per_hour
    if hours is None:
        return "The experiment states no hours, and none are in the cost."
    return (
        f"The experiment states {figure(hours.service)} hours a month for the service and {figure(hours.function)} for "
        f"the function, at {figure(usd)} USD an hour; they stand beside the cost and are not in it."
    )


def row_lines(figures: Sequence[CitedFigure], fields: Sequence[str]) -> Iterator[str]:
    """A line per row of the run that has any of these, e.g. filetype, docker-service, steady: p50, ms: 12 [E1]."""
    rows: dict[tuple[str, str, str, str], list[CitedFigure]] = {}
    for f in figures:
        if f.field in fields and f.value is not None:
            rows.setdefault((f.workload, f.target, f.profile, repr(f.case)), []).append(f)
    for (workload, target, profile, _), row in rows.items():
        name = "forced cold starts" if profile == FORCED_COLD else profile
        yield f"{workload}, {target}, {name}: {'; '.join(f'{MEASURES[f.field]}: {cite(f)}' for f in row)}"


def reasons(run: MeasuredRun, figures: list[CitedFigure]) -> list[str]:
    """Sentences: what the scorecards rest on, then latency and money of both sides by their ids."""
    if not run.decision.cards:
        return [f"There is no scorecard: {run.absent.get('scorecard', 'the run has no workload to judge')}."]
    advice = [f"{card.title}: {reason}" for card in run.decision.cards for reason in card.because]
    verdicts = [
        verdict_line(row, pair, figures)
        for pair, comparisons in run.compared.items()
        for row in comparisons.rows
        if row.field in DECIDING and row.verdict is not None
    ]
    return [*advice, *verdicts, *(line for pair in run.compared for line in cost_lines(run, pair, figures))]


def verdict_line(row: ComparisonRow, pair: Pair, figures: list[CitedFigure]) -> str:
    """E.g. filetype, steady: p95 of docker-lambda 262 [E12] ms beside docker-service 18.1 [E3] ms: SLOWER."""
    # The profile of a comparison may name the regime of forced cold starts.
    profile = FORCED_COLD if row.profile.startswith(f"{FORCED_COLD}, ") else row.profile
    service, function = (
        cite(find([f for f in figures if f.case == plain(case)], target, profile, row.field, row.workload))
        for target, case in zip(pair, (row.case_a, row.case_b), strict=True)
    )
    what = row.field.removesuffix("_ms").removeprefix("latency_").replace("_", " ")
    both = f"{what} of {pair[1]} {function} ms beside {pair[0]} {service} ms"
    return f"{row.workload}, {row.profile}: {both}: {row.verdict}"


def cost_lines(run: MeasuredRun, pair: Pair, figures: list[CitedFigure]) -> Iterator[str]:
    """Both sides' cost per 1,000 good answers under each profile."""
    for workload, profile in dict.fromkeys((row.workload, row.profile) for row in run.summary.rows):
        costs = [find(figures, target, profile, "cost_per_1k_usd", workload) for target in pair]
        if all(cost is not None and cost.value is not None for cost in costs):
            yield (
                f"{workload}, {profile}: 1,000 good answers cost {cite(costs[1])} USD on {pair[1]} and "
                f"{cite(costs[0])} USD on {pair[0]}"
            )


def doubts(run: MeasuredRun) -> list[str]:
    """Problems first; what the run said aloud; what makes comparisons doubtful."""
    problems, summary = run.summary.problems, run.summary
    texts = [f"INVALID: {text}" for text in problems[:MOST_PROBLEMS]]
    if len(problems) > MOST_PROBLEMS:
        texts.append(f"{plural(len(problems) - MOST_PROBLEMS, 'more problem')}: frostline show {summary.run}")
    texts += summary.notices
    for comparisons in run.compared.values():
        texts += comparisons.warnings
    emulated = [note.text for row in summary.rows for note in row.notes if note.code == "emulated"]
    return list(dict.fromkeys([*texts, *emulated]))
