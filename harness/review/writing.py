"""`frostline review new`: one page per experiment and quarter; what is there is never written over."""

from datetime import datetime
from pathlib import Path

from harness import __version__
from harness.clock import Quarter, utc_now
from harness.errors import MissingError, RecordError, UsageError
from harness.files.problems import shown
from harness.files.whole import NAME, replacing
from harness.record.folder import RunFolder
from harness.record.nouns import Manifest
from harness.record.shelf import find_run
from harness.review.anchors import anchor_of, cited_run
from harness.review.deriving import Order, derive, experiment_of
from harness.review.findings import findings_of
from harness.review.front_matter import record_of
from harness.review.reading import MOST_BYTES, Reviewed, read_review
from harness.review.record import CitedReview

MOST_NAME = 120


def new_review(results: Path, run: str, previous: Path | None, name: str | None) -> Path:
    """Write results/reviews/QUARTER_NAME.md. UsageError when it is there, or when what it would cite is not."""
    # Opened again: what finding it noticed about other runs is not part of it.
    folder = RunFolder.open(find_run(results, run).path)
    now = utc_now()
    quarter = str(Quarter.of(now))
    called = name_of(folder.manifest, name)
    file = results / "reviews" / f"{quarter}_{called}.md"
    problems = [*place_problems(results, folder), *there_problems(file)]
    before = None
    try:
        before = earlier(previous, file.parent) if previous is not None else None
    except UsageError as error:
        problems += error.problems
    if before is not None:
        problems += earlier_problems(results, folder.manifest, quarter, before)
    if problems:
        raise UsageError(problems)
    order = ordered(results, folder.manifest, quarter, called, now, before)
    _, text = derive(results, findings_of(folder), order)
    check_own(text)
    write(file, text)
    return file


def name_of(manifest: Manifest, name: str | None) -> str:
    """Of the file: what was given, or the experiment's name."""
    experiment = experiment_of(manifest)
    called = experiment if name is None else name
    if not NAME.fullmatch(called) or len(called) > MOST_NAME:
        accepted = f"letters, digits and ._=@+- only, at most {MOST_NAME}"
        raise UsageError([f"name: {shown(called)} is no safe file name: give --name with {accepted}"])
    return called


def place_problems(results: Path, folder: RunFolder) -> list[str]:
    """A review can only cite what `review check` will find."""
    if not NAME.fullmatch(folder.manifest.run):
        return [f"run: {shown(folder.manifest.run)} is no safe name: restore the run's manifest.json"]
    wanted = (results / "runs").resolve() / folder.manifest.run
    if folder.path == wanted:
        return []
    return [f"run: {folder.path} is not {wanted}: a review cites runs of its results folder: move it there"]


def there_problems(file: Path) -> list[str]:
    """Nothing is overwritten, a dangling link included."""
    if not file.exists() and not file.is_symlink():
        return []
    return [f"{file} is there already: delete it, or give the new one another --name"]


def earlier(previous: Path, folder: Path) -> Reviewed:
    """The previous review, which must lie beside the new one."""
    if previous.resolve().parent != folder.resolve():
        raise UsageError([f"previous: {previous} does not lie in {folder}: `review check` would not find it"])
    return read_review(previous)


def earlier_problems(results: Path, manifest: Manifest, quarter: str, before: Reviewed) -> list[str]:
    """What keeps it from being the previous one of this run."""
    record, place = before.record, f"previous: {before.path}"
    problems = []
    if record.experiment != manifest.experiment.get("name"):
        told = f"{shown(record.experiment)}, the run is of {shown(manifest.experiment.get('name'))}"
        problems.append(f"{place} is of {told}: name a review of the same experiment")
    if record.run == manifest.run:
        problems.append(f"{place} rests on the same run: measure again, or leave it out")
    if record.quarter > quarter:
        problems.append(f"{place} is of {record.quarter}, which is after {quarter}: name an earlier one")
    try:
        cited_run(results, record.run)
    except RecordError as error:
        problems += [f"{place}: {line}" for line in str(error).split("\n")]
    return problems


def ordered(
    results: Path, manifest: Manifest, quarter: str, name: str, now: datetime, before: Reviewed | None
) -> Order:
    """Everything that is not derived."""
    anchor = None
    if before is not None and manifest.anchor.get("run") != before.record.run:
        anchor = anchor_of(results, before.record.experiment, before.record.run, manifest.run)
    return Order(
        quarter=quarter,
        name=name,
        written_on=f"{now:%Y-%m-%d}",
        written_by=__version__,
        previous=CitedReview(file=before.path.name, sha256=before.split.sha256) if before else None,
        before=before.record if before else None,
        anchor=anchor,
    )


def check_own(text: str) -> None:
    """What could not be read back is not written."""
    try:
        record_of(text)
    except ValueError as error:
        raise RecordError(f"the review of this run could not be read back: {error}") from None
    if len(text.encode()) > MOST_BYTES:
        raise RecordError(f"the review of this run has more than {MOST_BYTES:,} bytes: name a run with fewer rows")


def write(file: Path, text: str) -> None:
    """Whole or not at all."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with replacing(file) as stream:
            stream.write(text.encode())
    except OSError as error:
        told = error.strerror or str(error)
        raise MissingError(f"{file} cannot be written ({told}): free some space or make it writable") from None
