"""`frostline review new`: one page per experiment and quarter; what is there is never written over."""

from datetime import datetime
from pathlib import Path

from harness import __version__
from harness.clock import Quarter
from harness.errors import MissingError, RecordError, UsageError
from harness.files.problems import quote
from harness.files.strict_json import strict_json
from harness.files.whole import NAME, replacing
from harness.record.folder import RunFolder
from harness.record.nouns import Manifest
from harness.record.shelf import find_run
from harness.review import evidence
from harness.review.derive import Occasion, Review, derive, experiment_of
from harness.review.file import MOST_BYTES, ReviewFile, read_front_matter, read_review
from harness.review.record import (
    CitedReview,
    Evidence,
)
from harness.review.runs import Runs

MOST_NAME = 120


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
