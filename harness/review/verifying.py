"""Whether a review still is what its runs give: no number typed, no run changed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness import __version__
from harness.errors import FrostlineError, RecordError
from harness.review.anchors import cited_run
from harness.review.deriving import Order, derive
from harness.review.findings import Findings, findings_of
from harness.review.hashing import damages, run_hash
from harness.review.people import differences, split
from harness.review.reading import Reviewed

MOST_DAMAGE = 5


@dataclass
class Verified:
    """One review: what needs a person, and what is only told."""

    review: Reviewed
    needs: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    sound: bool = True
    """The machine part is what the runs give."""


class Runs:
    """Findings by run; each run is read once."""

    def __init__(self, results: Path) -> None:
        self.results = results
        self._found: dict[str, Findings] = {}

    def of(self, run: str) -> Findings:
        """RecordError when it cannot be read."""
        if run not in self._found:
            self._found[run] = findings_of(cited_run(self.results, run))
        return self._found[run]


def missing(review: Reviewed, reviews: list[Reviewed], results: Path) -> Iterator[str]:
    """What it cites and is not there, or cannot be read as a run."""
    for cited in dict.fromkeys([review.record.run, *(cited.run for cited in review.record.runs)]):
        try:
            cited_run(results, cited).trials()
        except RecordError as error:
            yield from (f"{review.path}: {line}" for line in str(error).split("\n"))
    previous = review.record.previous
    if previous is not None and before(review, reviews) is None:
        yield f"{review.path}: the previous review {previous.file} is not in the folder: restore it"


def before(review: Reviewed, reviews: list[Reviewed]) -> Reviewed | None:
    """The previous review; none cites itself."""
    cited = review.record.previous
    return next((r for r in reviews if cited and r.path.name == cited.file and r is not review), None)


def verified(review: Reviewed, reviews: list[Reviewed], runs: Runs) -> Verified:
    """Derive the machine part again and compare."""
    one = Verified(review)
    one.needs += changed_runs(review, runs.results)
    earlier = before(review, reviews)
    if earlier is not None and review.record.previous and earlier.split.sha256 != review.record.previous.sha256:
        one.needs.append(
            f"changed: the previous review {earlier.path.name} is not the one that this was written beside"
        )
    one.needs += typed(review, earlier, runs)
    one.sound = not one.needs
    return one


def changed_runs(review: Reviewed, results: Path) -> Iterator[str]:
    """Runs whose hash is not the one cited, and data files that are not what their trial states."""
    for cited in review.record.runs:
        folder = cited_run(results, cited.run)
        if run_hash(folder) != cited.hash:
            yield f"changed: run {cited.run} is not the one that was measured: manifest.json or trials.jsonl differs"
        yield from (f"changed: run {cited.run}: {text}" for text in damages(folder)[:MOST_DAMAGE])


def typed(review: Reviewed, earlier: Reviewed | None, runs: Runs) -> Iterator[str]:
    """Every line of the machine part that the cited runs do not give."""
    record = review.record
    order = Order(
        quarter=record.quarter,
        name=record.name,
        written_on=record.written_on,
        written_by=record.written_by,
        previous=record.previous,
        before=earlier.record if earlier else None,
        anchor=record.anchor,
    )
    found = runs.of(record.run)
    if found.cost_sha256 != record.cost_sha256:
        why = "a newer capacity search, or other prices"
        yield f"changed: the costing gives other figures now ({why}): write a new review"
    try:
        _, text = derive(runs.results, found, order)
    except FrostlineError as error:
        yield f"the run no longer gives a review: {error}"
        return
    found_by = "" if record.written_by == __version__ else f", or written by Frostline {record.written_by}"
    for difference in differences(review.split, split(text)):
        yield f"edited by hand{found_by}: {difference}"
