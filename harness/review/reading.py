"""A review's file as it lies there: record, machine lines, and what people wrote."""

from dataclasses import dataclass
from pathlib import Path

from harness.errors import UsageError
from harness.files.whole import NAME, read_file
from harness.review.front_matter import record_of
from harness.review.people import Split, split
from harness.review.record import ReviewRecord

MOST_BYTES = 2_000_000


@dataclass(frozen=True)
class Reviewed:
    """One file."""

    path: Path
    record: ReviewRecord
    split: Split


def read_review(path: Path) -> Reviewed:
    """UsageError with everything that keeps it from being one."""
    try:
        text = read_file(path, MOST_BYTES).decode().replace("\r\n", "\n")
        record = record_of(text)
    except OSError as error:
        raise UsageError([f"{path}: not readable ({error.strerror}): restore it"]) from None
    except ValueError as error:
        told = "is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise UsageError([f"{path}: {line}" for line in told.split("\n")]) from None
    if path.name != record.file or not NAME.fullmatch(path.name):
        raise UsageError([f"{path}: its front matter is of {record.file}: give the file its name back"])
    return Reviewed(path, record, split(text))


def read_reviews(folder: Path) -> list[Reviewed]:
    """All of a folder. UsageError for a folder without any, or with all problems of all files."""
    files = sorted(folder.glob("*.md")) if folder.is_dir() else []
    if not files:
        raise UsageError([f"{folder}: holds no review: `frostline review new RUN` writes one"])
    found: list[Reviewed] = []
    problems: list[str] = []
    for file in files:
        try:
            found.append(read_review(file))
        except UsageError as error:
            problems += error.problems
    if problems:
        raise UsageError(problems)
    return found
