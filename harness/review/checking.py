"""`frostline review check`: every review of a folder against the runs that it cites, and against the newest one."""

from datetime import timedelta
from pathlib import Path

from harness.clock import moment_of, utc_now
from harness.errors import RecordError, UsageError
from harness.files.text import harmless
from harness.record.figures import counted
from harness.record.shelf import stored_runs
from harness.review.anchors import cited_run, newest_run
from harness.review.evidence import evidence_of
from harness.review.findings import Findings
from harness.review.reading import read_reviews
from harness.review.triggers import reading
from harness.review.verifying import Runs, Verified, missing, verified

FRESH = timedelta(days=100)


def check_reviews(folder: Path, results: Path) -> int:
    """Print what is found; 0 when nothing needs a person, 1 when something does.

    UsageError, before anything is printed, when a review is malformed or cites what is not there.
    """
    reviews = read_reviews(folder)
    problems = [text for review in reviews for text in missing(review, reviews, results)]
    if problems:
        raise UsageError(problems)
    runs = Runs(results)
    checked = [verified(review, reviews, runs) for review in reviews]
    for name in sorted({review.record.name for review in reviews}):
        own = sorted((v for v in checked if v.review.record.name == name), key=lambda v: v.review.record.quarter)
        for superseded in own[:-1]:
            superseded.told.append(f"superseded by {own[-1].review.path.name}: only verified")
        awake(own[-1], runs)
        signal(own)
    for one in checked:
        say(one)
    for text in stored_runs(results)[1]:
        print(harmless(f"not considered: {text}"))
    waiting = sum(bool(one.needs) for one in checked)
    print(f"{counted(len(checked), 'review')}, {waiting} of them {'needs' if waiting == 1 else 'need'} a person")
    return 1 if waiting else 0


def awake(one: Verified, runs: Runs) -> None:
    """What makes the newest review of its name a person's business: no decision, its age, its triggers."""
    record = one.review.record
    if one.review.split.undecided:
        one.needs.append(f"no decision yet, not filled in: {', '.join(one.review.split.undecided)}")
    age = utc_now() - moment_of(record.measured_at)
    if age > FRESH:
        one.needs.append(
            f"stale: measured {age.days} days ago, {FRESH.days} is the most: `frostline remeasure --if-due`"
        )
    try:
        newest = newest_run(runs.results, record.experiment, cited_run(runs.results, record.run))
        found = runs.of(newest.manifest.run)
    except RecordError as error:
        one.needs.append(f"the newest run cannot be read: {error}")
        return
    if newest.manifest.run != record.run:
        again = f"`frostline review new {newest.manifest.run} --previous {one.review.path}`"
        one.told.append(f"measured again since, which the triggers are held against; next quarter: {again}")
    held(one, found)


def held(one: Verified, found: Findings) -> None:
    """Every trigger against the newest run; what cannot be told is not passed over."""
    evidence = evidence_of(found)
    for trigger in one.review.record.triggers:
        read = reading(trigger, found, evidence)
        if read.tripped is None:
            one.needs.append(read.words)
        elif read.tripped:
            one.needs.append(f"tripped: {read.words}")
        else:
            one.told.append(f"not tripped: {read.words}")


def signal(own: list[Verified]) -> None:
    """Two reviews in a row that point the same way, if neither was tampered with."""
    if len(own) < 2 or not all(one.sound for one in own[-2:]):
        return
    one, other = (v.review.record for v in own[-2:])
    if one.primary == other.primary != "undecided":
        own[-1].told.append(f"enough signal to migrate: {other.primary} in {one.quarter} and in {other.quarter}")


def say(one: Verified) -> None:
    """A review's lines on a terminal."""
    record = one.review.record
    print(harmless(f"{one.review.path.name}: {record.primary}, measured {record.measured_at[:10]} in run {record.run}"))
    if one.sound:
        print("  ok: every number is what the run gives, and the run is the one cited")
    for text in one.needs:
        print(f"  needs a person: {harmless(text)}")
    for text in one.told:
        print(f"  {harmless(text)}")
