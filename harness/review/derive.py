"""What a review of a run says, people's parts left out: derived alike when it is written and when it is checked."""

import hashlib
from dataclasses import dataclass

from harness.clock import moment_of
from harness.decision.decision import Scorecard
from harness.decision.overall import overall_of
from harness.errors import RecordError
from harness.record.nouns import Manifest
from harness.review.change import change_since
from harness.review.evidence import write_evidence
from harness.review.figures import figures_of
from harness.review.file import ReviewFile, write_front_matter
from harness.review.page import markdown, page_of
from harness.review.record import (
    EVIDENCE_SCHEMA,
    REVIEW_SCHEMA,
    CitedEvidence,
    CitedFigure,
    CitedForecast,
    CitedReview,
    CitedRun,
    CitedTraffic,
    Evidence,
    Primary,
    ReviewRecord,
    WorkloadAdvice,
)
from harness.review.runs import MeasuredRun, Runs
from harness.review.triggers import choose_triggers


@dataclass(frozen=True)
class Review:
    """Both files of a new review: the page with its front matter, and the evidence beside it."""

    record: ReviewRecord
    page: str
    evidence: bytes


@dataclass(frozen=True)
class Occasion:
    """What a review is given besides its run. `anchor` is pinned, since another one may come later."""

    quarter: str
    name: str
    written_on: str
    written_by: str
    previous: CitedReview | None = None
    before: ReviewFile | None = None
    """The file of `previous`."""
    anchor: str | None = None


def derive(runs: Runs, run_id: str, occasion: Occasion) -> Review:
    """The review of a run, with people's parts empty; the same input gives the same files.

    RecordError when a run cannot be read.
    """
    run = runs.read(run_id)
    figures = figures_of(run)
    text = evidence_of(runs, run, occasion, figures)
    record = record_of(runs, run, occasion, figures, cited_evidence(occasion, text))
    before = occasion.before
    since = change_since(before, record, figures, runs, run, occasion.anchor) if before is not None else None
    page = f"{write_front_matter(record)}\n{markdown(page_of(run, record, figures, since))}"
    return Review(record, page, text)


def evidence_of(runs: Runs, run: MeasuredRun, occasion: Occasion, figures: list[CitedFigure]) -> bytes:
    """The file beside the review: every figure that the page may show, and where they are from."""
    return write_evidence(
        Evidence(
            schema=EVIDENCE_SCHEMA,
            review=f"{occasion.quarter}_{occasion.name}.md",
            run=run.manifest.run,
            run_hash=runs.hash(run.manifest.run),
            forecast_sha256=run.forecast_sha256,
            figures=figures,
        )
    )


def cited_evidence(occasion: Occasion, text: bytes) -> CitedEvidence:
    """That file, and its hash."""
    file = f"{occasion.quarter}_{occasion.name}.evidence.json"
    return CitedEvidence(file=file, sha256=hashlib.sha256(text).hexdigest())


def cited_forecast(run: MeasuredRun) -> CitedForecast | None:
    """The forecast of the run, if it has one."""
    forecast, digest = run.forecast, run.forecast_sha256
    if forecast is None or digest is None:
        return None
    traffic = [
        CitedTraffic(name=t.name, source=t.source, mean_rps=t.mean_rps, days=t.days, sha256=t.sha256)
        for t in forecast.traffic
    ]
    return CitedForecast(sha256=digest, made_at=forecast.made_at, traffic=traffic)


def record_of(
    runs: Runs, run: MeasuredRun, occasion: Occasion, figures: list[CitedFigure], evidence: CitedEvidence
) -> ReviewRecord:
    """The front matter."""
    manifest = run.manifest
    advice = advice_of(run.decision.cards)
    primary = primary_of(advice)
    return ReviewRecord(
        schema=REVIEW_SCHEMA,
        quarter=occasion.quarter,
        name=occasion.name,
        written_on=occasion.written_on,
        written_by=occasion.written_by,
        experiment=experiment_of(manifest),
        experiment_sha256=manifest.experiment_sha256,
        run=manifest.run,
        run_hash=runs.hash(manifest.run),
        measured_at=measured_at(manifest),
        rounds=manifest.rounds,
        margin=run.margin,
        cost_sha256=run.cost_sha256,
        recommendations=advice,
        primary=primary,
        triggers=choose_triggers(run, figures, primary),
        previous=occasion.previous,
        runs=cited_runs(runs, manifest.run, occasion),
        forecast=cited_forecast(run),
        evidence=evidence,
    )


def advice_of(cards: list[Scorecard]) -> list[WorkloadAdvice]:
    """One entry per answer over all forms, then one per card; several of one workload say which service and function
    they are of."""
    workloads = [card.workload for card in cards]
    ambiguous = {name for name in workloads if workloads.count(name) > 1}
    over_all = [
        WorkloadAdvice(workload=o.workload, recommendation=o.recommendation, targets=o.targets, target=o.target)
        for o in overall_of(cards)
    ]
    return over_all + [
        WorkloadAdvice(
            workload=card.workload,
            recommendation=card.recommendation,
            service=card.service if card.workload in ambiguous else None,
            function=card.function if card.workload in ambiguous else None,
        )
        for card in cards
    ]


def primary_of(advice: list[WorkloadAdvice]) -> Primary:
    """What all workloads say; split where they are decided and differ, undecided where one is not.

    A workload with several pairs of targets is decided where all of them say the same, or by its answer over all forms.
    """
    over_all = {each.workload: each.recommendation for each in advice if each.targets is not None}
    answers = {(each.workload, over_all.get(each.workload, each.recommendation)) for each in advice}
    said = {recommendation for _, recommendation in answers}
    pairs_differ = len(answers) > len({workload for workload, _ in answers})
    if not said or pairs_differ or "cannot decide yet" in said:
        return "undecided"
    for form in ("serverless", "container", "hybrid"):
        if said == {form}:
            return form
    return "split"


def experiment_of(manifest: Manifest) -> str:
    """The experiment's name; RecordError for a run without one."""
    name = manifest.experiment.get("name")
    if not isinstance(name, str) or not 0 < len(name) <= 2000:
        raise RecordError(f"run {manifest.run}: experiment.name is no name: a review needs a run of an experiment")
    return name


def measured_at(manifest: Manifest) -> str:
    """When the run ended, or began where it did not end."""
    moment = manifest.finished_at or manifest.started_at
    try:
        moment_of(moment)
    except ValueError:
        problem = f"manifest.json: {moment[:80]!r} is no time with a zone: restore it"
        raise RecordError(f"run {manifest.run}: {problem}") from None
    return moment


def cited_runs(runs: Runs, run: str, occasion: Occasion) -> list[CitedRun]:
    """Every run that a number comes from."""
    cited = [CitedRun(role="run", run=run, hash=runs.hash(run))]
    if occasion.before is not None:
        before = occasion.before.record
        cited.append(CitedRun(role="previous", run=before.run, hash=before.run_hash))
    if occasion.anchor is not None:
        cited.append(CitedRun(role="anchor", run=occasion.anchor, hash=runs.hash(occasion.anchor)))
    return cited
