"""The page of a review: every value that its template shows, in words, and the Markdown that comes of them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from harness.cost.nouns import Costing
from harness.decision.decision import Scorecard
from harness.decision.overall import overall_of
from harness.files.whole import one_line
from harness.record.figures import MISSING, figure
from harness.report.export import escape
from harness.report.frame import minute
from harness.review.change import ChangeSince
from harness.review.figures import rate
from harness.review.record import CitedFigure, ReviewRecord
from harness.review.runs import MeasuredRun
from harness.review.tables import (
    MOST_LINES,
    BillLine,
    FigureTable,
    bill,
    bill_remarks,
    break_even_lines,
    gather,
    measured_table,
    month_table,
    ratio_lines,
    shorten,
)

TEMPLATES = Path(__file__).parent
MOST_QUESTION = 300
MOST_CARDS = 2


@dataclass(frozen=True)
class ReviewPage:
    """What review.md.j2 shows, by the names that it uses."""

    record: ReviewRecord
    measured: str
    question: str
    objective: str
    margin: str
    expected: str
    overall: list[str]
    """What is recommended over all forms, and why; empty where there are no more than two."""
    why: list[str]
    unwatched: list[str]
    """What would change the recommendation and no trigger watches."""
    measured_rows: FigureTable
    ratios: list[str]
    month: FigureTable
    forecast_of: list[str]
    """The traffic of the forecast, and what makes it doubtful; empty where there is none."""
    engineering: str
    costing: Costing | None
    absent: dict[str, str]
    """By part (cost, scorecard) why it is not there."""
    bill: list[BillLine]
    stated: bool
    """Whether anything is stated beside what the provider bills."""
    break_evens: list[str]
    bill_remarks: list[str]
    cards: list[str]
    since: ChangeSince | None
    doubts: list[str]


def page_of(
    run: MeasuredRun, record: ReviewRecord, figures: list[CitedFigure], since: ChangeSince | None
) -> ReviewPage:
    """All of a page but what people write."""
    report = f"frostline report {run.manifest.run}"
    return ReviewPage(
        record=record,
        measured=minute(record.measured_at),
        question=question(run),
        objective=objective(run),
        margin=f"{run.margin:g}, so that an interval within it is SAME; a verdict asks for 10 rounds, there are "
        f"{run.summary.rounds}",
        expected=expected_traffic(run),
        overall=[text for whole in overall_of(run.decision.cards) for text in whole.answer],
        why=shorten(reasons(run), report, 6),
        unwatched=shorten(list(unwatched(run)), report, 3),
        measured_rows=measured_table(run, figures),
        ratios=shorten(list(ratio_lines(run)), report),
        month=month_table(run, figures),
        forecast_of=list(forecast_words(run)),
        engineering=engineering(run),
        costing=run.costing,
        absent=run.absent,
        bill=(lines := bill(run, figures)),
        stated=any(line.with_stated != MISSING for line in lines),
        break_evens=shorten(list(break_even_lines(run)), report),
        bill_remarks=shorten(bill_remarks(run), report),
        cards=list(cards_told(run)),
        since=since,
        doubts=shorten(doubts(run), report),
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
    """The experiment's question, if it has one, as far as there is room."""
    text = run.manifest.experiment.get("question")
    return one_line(text, MOST_QUESTION) if isinstance(text, str) and text else "The experiment asks no question."


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


def reasons(run: MeasuredRun) -> list[str]:
    """What the recommendations rest on, in sentences."""
    cards = run.decision.cards
    if not cards:
        return [f"There is no scorecard: {run.absent.get('scorecard', 'the run has no workload to judge')}."]
    told = [(card, text) for card in cards for text in (*card.answer[1:], *card.because)]
    return list(gather((card.title if len(cards) > 1 else "", text) for card, text in told))


def cards_told(run: MeasuredRun) -> Iterator[str]:
    """Each recommendation with its dimensions; of many pairs only which of them it is for."""
    cards = run.decision.cards
    if len(cards) <= MOST_CARDS:
        return map(card_words, cards)
    return gather((card.title, card.recommendation) for card in cards)


def unwatched(run: MeasuredRun) -> Iterator[str]:
    """What would change a recommendation besides the break-even, which triggers watch."""
    watched = [crossing.words for crossing in (run.costing.break_evens if run.costing else [])]
    for card in run.decision.cards:
        yield from (text for text in card.would_change if not any(words in text for words in watched))


def card_words(card: Scorecard) -> str:
    """A recommendation and the dimensions that are rated, in one line."""
    rated = [f"{d.name} {d.score} of 5 ({d.pull}): {d.reason}" for d in card.dimensions if d.score is not None]
    names = ", ".join(d.name for d in card.dimensions if d.score is None)
    return f"{card.title}: {card.recommendation}. {'; '.join([*rated, *([f'not rated: {names}'] if names else [])])}"


def forecast_words(run: MeasuredRun) -> Iterator[str]:
    """What the forecast is of, then its warnings and what it had to withhold."""
    forecast = run.forecast
    if forecast is None:
        return
    for traffic in forecast.traffic[:MOST_LINES]:
        trace = f", trace with sha256 {traffic.sha256}" if traffic.sha256 else ""
        yield f"{traffic.name}: {rate(traffic.mean_rps)} on average for {traffic.days:g} days{trace}"
    told = gather((row.target, text) for row in forecast.rows for text in row.warnings)
    yield from shorten([*forecast.withheld, *told], f"frostline report {run.manifest.run}", 3)


def doubts(run: MeasuredRun) -> list[str]:
    """Problems first; what the run said aloud; what makes comparisons doubtful."""
    summary = run.summary
    texts = [f"INVALID: {text}" for text in summary.problems]
    texts += summary.notices
    for comparisons in run.compared.values():
        texts += comparisons.warnings
    if not run.compared:
        texts += [note.text for row in summary.rows for note in row.notes if note.code == "emulated"]
    return texts
