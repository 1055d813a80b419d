"""`frostline review new`: one page per experiment and quarter; what is there is never written over."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness import __version__
from harness.clock import Quarter, moment_of
from harness.decision.decision import Scorecard
from harness.errors import MissingError, RecordError, UsageError
from harness.files.problems import quote
from harness.files.strict_json import strict_json
from harness.files.whole import NAME, replacing
from harness.record.folder import RunFolder
from harness.record.nouns import Manifest
from harness.record.shelf import find_run
from harness.review import evidence
from harness.review.change import change_since
from harness.review.evidence import write_evidence
from harness.review.figures import figures_of
from harness.review.file import MOST_BYTES, ReviewFile, read_front_matter, read_review, write_front_matter
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

MOST_NAME = 120


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


def new_review(runs: Runs, run: str, previous: Path | None, name: str | None, now: datetime) -> Path:
    """Write results/reviews/QUARTER_NAME.md. UsageError when it is there, or when what it would cite is not."""
    folder = find_run(runs.results, run)
    quarter, name = str(Quarter.of(now)), name_of(folder.manifest, name)
    file = runs.results / "reviews" / f"{quarter}_{name}.md"
    problems = [*place_problems(runs.results, folder), *there_problems(file)]
    before = None
    try:
        before = previous_review(previous, file.parent) if previous is not None else None
    except UsageError as error:
        problems += error.problems
    if before is not None:
        problems += previous_problems(runs, folder.manifest, quarter, before)
    if problems:
        raise UsageError(problems)
    review = derive(runs, folder.manifest.run, occasion_of(runs, folder.manifest, name, now, before))
    check_readable(review)
    write(file.with_name(review.record.evidence_file), review.evidence)
    write(file, review.page.encode())
    return file


def derive(runs: Runs, run_id: str, occasion: Occasion) -> Review:
    """The review of a run, with people's parts empty; the same input gives the same files.

    RecordError when a run cannot be read.
    """
    run = runs.read(run_id)
    figures = figures_of(run)
    record = record_of(runs, run, occasion, figures)
    before = occasion.before
    since = change_since(before, record, figures, runs, run, occasion.anchor) if before is not None else None
    page = f"{write_front_matter(record)}\n{markdown(page_of(run, record, figures, since))}"
    return Review(record, page, write_evidence(evidence_of(record.file, runs, run, figures)))


def evidence_of(review: str, runs: Runs, run: MeasuredRun, figures: list[CitedFigure]) -> Evidence:
    """Every figure that the page may show, and where they are from."""
    return Evidence(
        schema=EVIDENCE_SCHEMA,
        review=review,
        run=run.manifest.run,
        run_hash=runs.hash(run.manifest.run),
        forecast_sha256=run.forecast_sha256,
        figures=figures,
    )


def cited_evidence(runs: Runs, run: MeasuredRun, occasion: Occasion, figures: list[CitedFigure]) -> CitedEvidence:
    """The file beside the review, and its hash."""
    name = f"{occasion.quarter}_{occasion.name}"
    text = write_evidence(evidence_of(f"{name}.md", runs, run, figures))
    return CitedEvidence(file=f"{name}.evidence.json", sha256=hashlib.sha256(text).hexdigest())


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


def record_of(runs: Runs, run: MeasuredRun, occasion: Occasion, figures: list[CitedFigure]) -> ReviewRecord:
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
        evidence=cited_evidence(runs, run, occasion, figures),
    )


def advice_of(cards: list[Scorecard]) -> list[WorkloadAdvice]:
    """One entry per card; several of one workload say which service and function they are of."""
    workloads = [card.workload for card in cards]
    ambiguous = {name for name in workloads if workloads.count(name) > 1}
    return [
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

    A workload with several pairs of targets is decided where all of them say the same.
    """
    said = {each.recommendation for each in advice}
    pairs_differ = len({(each.workload, each.recommendation) for each in advice}) > len({e.workload for e in advice})
    if not said or pairs_differ or "cannot decide yet" in said:
        return "undecided"
    if said == {"serverless"}:
        return "serverless"
    return "container" if said == {"container"} else "split"


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


def name_of(manifest: Manifest, given: str | None) -> str:
    """Name of the review: what was given, or the experiment's."""
    experiment = experiment_of(manifest)
    name = experiment if given is None else given
    if not NAME.fullmatch(name) or len(name) > MOST_NAME:
        accepted = f"letters, digits and ._=@+- only, at most {MOST_NAME}"
        raise UsageError([f"name: {quote(name)} is no safe file name: give --name with {accepted}"])
    return name


def place_problems(results: Path, folder: RunFolder) -> list[str]:
    """A review can only cite what `review check` will find."""
    if not NAME.fullmatch(folder.manifest.run):
        return [f"run: {quote(folder.manifest.run)} is no safe name: restore the run's manifest.json"]
    wanted = (results / "runs").resolve() / folder.manifest.run
    if folder.path == wanted:
        return []
    return [f"run: {folder.path} is not {wanted}: a review cites runs of its results folder: move it there"]


def there_problems(file: Path) -> list[str]:
    """Nothing is overwritten, a dangling link included."""
    if not file.exists() and not file.is_symlink():
        return []
    return [f"{file} is there already: delete it, or give the new one another --name"]


def previous_review(previous: Path, folder: Path) -> ReviewFile:
    """The previous review, which must lie beside the new one."""
    if previous.resolve().parent != folder.resolve():
        raise UsageError([f"previous: {previous} does not lie in {folder}: `review check` would not find it"])
    return read_review(previous)


def previous_problems(runs: Runs, manifest: Manifest, quarter: str, before: ReviewFile) -> list[str]:
    """What keeps a review from being the previous one of this run."""
    record, place = before.record, f"previous: {before.path}"
    problems = []
    if record.experiment != manifest.experiment.get("name"):
        both = f"{quote(record.experiment)}, the run is of {quote(manifest.experiment.get('name'))}"
        problems.append(f"{place} is of {both}: name a review of the same experiment")
    if record.run == manifest.run:
        problems.append(f"{place} rests on the same run: measure again, or leave it out")
    if record.quarter > quarter:
        problems.append(f"{place} is of {record.quarter}, which is after {quarter}: name an earlier one")
    try:
        runs.folder(record.run)
    except RecordError as error:
        problems += [f"{place}: {line}" for line in str(error).split("\n")]
    return problems


def occasion_of(runs: Runs, manifest: Manifest, name: str, now: datetime, before: ReviewFile | None) -> Occasion:
    """Everything of a new review that is not derived from its run."""
    anchor = None
    if before is not None and manifest.anchor.get("run") != before.record.run:
        anchor = runs.anchor_of(before.record.experiment, before.record.run, manifest.run, now)
    return Occasion(
        quarter=str(Quarter.of(now)),
        name=name,
        written_on=f"{now:%Y-%m-%d}",
        written_by=__version__,
        previous=CitedReview(file=before.path.name, sha256=before.lines.sha256) if before else None,
        before=before,
        anchor=anchor,
    )


def check_readable(review: Review) -> None:
    """What could not be read back is not written."""
    try:
        read_front_matter(review.page)
        Evidence.model_validate(strict_json(review.evidence))
    except ValueError as error:
        raise RecordError(f"the review of this run could not be read back: {error}") from None
    if len(review.page.encode()) > MOST_BYTES or len(review.evidence) > evidence.MOST_BYTES:
        raise RecordError("the review of this run is too large to be read back: name a run with fewer rows")


def write(file: Path, data: bytes) -> None:
    """Write a file, whole or not at all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as stream:
            stream.write(data)
    except OSError as error:
        why = error.strerror or str(error)
        raise MissingError(f"{file} cannot be written ({why}): free some space or make it writable") from None
