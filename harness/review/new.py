"""`frostline review new`: one page per experiment and quarter; what is there is never written over."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness import __version__
from harness.clock import Quarter, moment_of
from harness.decision.decision import Scorecard
from harness.errors import MissingError, RecordError, UsageError
from harness.files.problems import quote
from harness.files.whole import NAME, replacing
from harness.record.folder import RunFolder
from harness.record.nouns import Manifest
from harness.record.shelf import find_run
from harness.review.change import change_since
from harness.review.figures import figures_of
from harness.review.file import MOST_BYTES, ReviewFile, read_front_matter, read_review, write_front_matter
from harness.review.page import markdown, page_of
from harness.review.record import REVIEW_SCHEMA, CitedReview, CitedRun, Primary, ReviewRecord, WorkloadAdvice
from harness.review.runs import MeasuredRun, Runs
from harness.review.triggers import choose_triggers

MOST_NAME = 120


@dataclass(frozen=True)
class Occasion:
    """What a review is given besides its run. `anchor` is pinned, since another one may come later."""

    quarter: str
    name: str
    written_on: str
    written_by: str
    previous: CitedReview | None = None
    before: ReviewRecord | None = None
    """The record of `previous`."""
    anchor: str | None = None
    name_pairs: bool = True
    """Whether several recommendations for one workload say their pair. False for a review from before they did."""
    name_services: bool = True
    """Whether triggers name one of several services. False to derive a review that was written before they did."""


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
    _, text = derive(runs, folder.manifest.run, occasion_of(runs, folder.manifest, name, now, before))
    check_readable(text)
    write(file, text)
    return file


def derive(runs: Runs, run_id: str, occasion: Occasion) -> tuple[ReviewRecord, str]:
    """The record and the text of the file, with people's parts empty; the same input gives the same text.

    RecordError when a run cannot be read.
    """
    run = runs.read(run_id)
    record = record_of(runs, run, occasion)
    before = occasion.before
    since = change_since(before, record, runs, run, occasion.anchor) if before is not None else None
    return record, f"{write_front_matter(record)}\n{markdown(page_of(run, record, since))}"


def record_of(runs: Runs, run: MeasuredRun, occasion: Occasion) -> ReviewRecord:
    """The front matter, with every figure that the page may show."""
    manifest, figures = run.manifest, figures_of(run)
    advice = advice_of(run.decision.cards, name_pairs=occasion.name_pairs)
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
        triggers=choose_triggers(run, figures, primary, name_services=occasion.name_services),
        previous=occasion.previous,
        runs=cited_runs(runs, manifest.run, occasion),
        evidence=figures,
    )


def advice_of(cards: list[Scorecard], *, name_pairs: bool) -> list[WorkloadAdvice]:
    """One entry per card; several of one workload say which service and function they are of."""
    workloads = [card.workload for card in cards]
    ambiguous = {name for name in workloads if name_pairs and workloads.count(name) > 1}
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
    """What all workloads say; hybrid where they are decided and differ, undecided where one is not.

    A workload with several pairs of targets is decided where all of them say the same.
    """
    said = {each.recommendation for each in advice}
    pairs_differ = len({(each.workload, each.recommendation) for each in advice}) > len({e.workload for e in advice})
    if not said or pairs_differ or "cannot decide yet" in said:
        return "undecided"
    if said == {"serverless"}:
        return "serverless"
    return "container" if said == {"container"} else "hybrid"


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
        cited.append(CitedRun(role="previous", run=occasion.before.run, hash=occasion.before.run_hash))
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
        before=before.record if before else None,
        anchor=anchor,
    )


def check_readable(text: str) -> None:
    """What could not be read back is not written."""
    try:
        read_front_matter(text)
    except ValueError as error:
        raise RecordError(f"the review of this run could not be read back: {error}") from None
    if len(text.encode()) > MOST_BYTES:
        raise RecordError(f"the review of this run has more than {MOST_BYTES:,} bytes: name a run with fewer rows")


def write(file: Path, text: str) -> None:
    """Write the page, whole or not at all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as stream:
            stream.write(text.encode())
    except OSError as error:
        why = error.strerror or str(error)
        raise MissingError(f"{file} cannot be written ({why}): free some space or make it writable") from None
