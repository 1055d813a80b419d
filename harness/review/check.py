"""`frostline review check`: every review is derived again from the runs that it cites, and held against the newest."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from harness import __version__
from harness.clock import moment_of
from harness.errors import FrostlineError, RecordError, UsageError
from harness.files.problems import quote
from harness.files.text import harmless
from harness.files.whole import one_line
from harness.record.figures import plural
from harness.record.moments import is_ahead
from harness.record.shelf import list_runs
from harness.review.change import key_of
from harness.review.derive import Occasion, derive
from harness.review.figures import COSTS, figures_of, number
from harness.review.file import ReviewFile, differences, read_reviews, tell_apart
from harness.review.record import FIRST_FORM, ReviewRecord
from harness.review.runs import MeasuredRun, Runs
from harness.review.watch import hold_against

FRESH = timedelta(days=100)
MOST_DAMAGE = 5


@dataclass
class Check:
    """One review: what needs a person, and what is only to be known."""

    review: ReviewFile
    needs: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    sound: bool = True
    """The machine part is what the runs give."""


def check_reviews(folder: Path, runs: Runs, now: datetime) -> int:
    """Print what there is to say; 0 when nothing needs a person, 1 when something does.

    UsageError, after the others were told, when a review is malformed or cites what is not there.
    """
    reviews, problems = read_reviews(folder)
    lacking = {id(review): list(not_there(review, reviews, runs)) for review in reviews}
    problems += [text for review in reviews for text in lacking[id(review)]]
    checks = [verify(review, reviews, runs) for review in reviews if not lacking[id(review)]]
    if problems and not checks:
        raise UsageError(problems)
    for name in sorted({check.review.record.name for check in checks}):
        own = sorted((c for c in checks if c.review.record.name == name), key=lambda c: c.review.record.quarter)
        for superseded in own[:-1]:
            superseded.remarks.append(f"superseded by {own[-1].review.path.name}: only verified")
        wake(own[-1], runs, now)
        tell_signal(own)
    for check in checks:
        print_check(check)
    for text in list_runs(runs.results, now)[1]:
        print(harmless(f"not considered: {text}"))
    waiting = sum(bool(check.needs) for check in checks)
    print(f"{plural(len(checks), 'review')}, {waiting} of them {'needs' if waiting == 1 else 'need'} a person")
    if problems:
        raise UsageError(problems)
    return 1 if waiting else 0


def not_there(review: ReviewFile, reviews: list[ReviewFile], runs: Runs) -> Iterator[str]:
    """What a review cites and is not there, or cannot be read as a run."""
    for run in dict.fromkeys([review.record.run, *(cited.run for cited in review.record.runs)]):
        try:
            runs.folder(run).trials()
        except RecordError as error:
            yield from (f"{review.path}: {line}" for line in str(error).split("\n"))
    previous = review.record.previous
    if previous is not None and previous_of(review, reviews) is None:
        yield f"{review.path}: the previous review {previous.file} is not in the folder: restore it"


def previous_of(review: ReviewFile, reviews: list[ReviewFile]) -> ReviewFile | None:
    """The previous review; none cites itself."""
    cited = review.record.previous
    return next((r for r in reviews if cited and r.path.name == cited.file and r is not review), None)


def verify(review: ReviewFile, reviews: list[ReviewFile], runs: Runs) -> Check:
    """Derive the machine part again and compare."""
    needs = [*changed_runs(review, runs)]
    before = previous_of(review, reviews)
    if before is not None and review.record.previous and before.lines.sha256 != review.record.previous.sha256:
        needs.append(f"changed: the previous review {before.path.name} is not the one that this was written beside")
    if review.evidence_changed:
        needs.append(f"changed: {review.record.evidence_file} is not the evidence that the review was written with")
    if before is not None and before.evidence_changed:
        needs.append(f"changed: {before.record.evidence_file}, which the change since then is reckoned from")
    needs += other_figures(review, runs) if review.record.schema_ == FIRST_FORM else edited_lines(review, before, runs)
    return Check(review, needs, sound=not needs)


def changed_runs(review: ReviewFile, runs: Runs) -> Iterator[str]:
    """Runs whose hash is not the one cited, and data files that are not what their trial states."""
    for cited in review.record.runs:
        if runs.hash(cited.run) != cited.hash:
            yield f"changed: run {cited.run} is not the one that was measured: manifest.json or trials.jsonl differs"
        folder = runs.folder(cited.run)
        damages = [text for record in folder.trials() for text in folder.find_damage(record)]
        yield from (f"changed: run {cited.run}: {text}" for text in damages[:MOST_DAMAGE])


def edited_lines(review: ReviewFile, before: ReviewFile | None, runs: Runs) -> Iterator[str]:
    """Every line of the machine part that the cited runs do not give."""
    record, run = review.record, runs.read(review.record.run)
    otherwise = list(reckoned_otherwise(record, run))
    yield from (f"changed: {why}: write a new review" for why in otherwise)
    if record.written_by != __version__:
        otherwise.append(f"written by {quote(record.written_by)[1:-1]}, this is {__version__}")
    try:
        derived = derive(runs, record.run, occasion_of_file(review, before))
    except FrostlineError as error:
        yield f"the run no longer gives a review: {error}"
        return
    lines = differences(review.lines, tell_apart(derived.page))
    if not otherwise:
        yield from (f"edited by hand: {line}" for line in lines)
    elif lines:
        told = one_line("; ".join(lines[:MOST_DAMAGE]))
        yield f"other text is derived now ({'; '.join(otherwise)}), so an edit by hand could not be told: {told}"


def reckoned_otherwise(record: ReviewRecord, run: MeasuredRun) -> Iterator[str]:
    """What the figures come from and is another by now, though the run is the same."""
    if run.cost_sha256 != record.cost_sha256:
        why = "another version of Frostline reckons it otherwise, or the run keeps no prices and today's are other ones"
        yield f"the costing gives other figures now ({why})"
    cited = record.forecast.sha256 if record.forecast else None
    if cited != run.forecast_sha256 and record.schema_ != FIRST_FORM:
        now = "has no forecast any more" if run.forecast_sha256 is None else "was forecast anew since"
        yield f"the run {now}: forecast.json is not the one that the review cites"


def occasion_of_file(review: ReviewFile, before: ReviewFile | None) -> Occasion:
    """What a review was given besides its run, by its own word."""
    record = review.record
    return Occasion(
        quarter=record.quarter,
        name=record.name,
        written_on=record.written_on,
        written_by=record.written_by,
        previous=record.previous,
        before=before,
        anchor=record.anchor,
    )


def other_figures(review: ReviewFile, runs: Runs) -> Iterator[str]:
    """Of a review in the first form, whose text is not derived any more: each figure that the run gives otherwise."""
    record, run = review.record, runs.read(review.record.run)
    yield from (f"changed: {why}: write a new review" for why in reckoned_otherwise(record, run))
    given = {key_of(figure): figure for figure in figures_of(run)}
    others = []
    for figure in review.figures:
        now = given.get(key_of(figure))
        if figure.field not in COSTS and (now is None or now.estimate != figure.estimate):
            told = "nothing" if now is None else number(now.field, now.estimate)
            others.append(f"{figure.id} is {number(figure.field, figure.estimate)} where the run gives {told}")
    if others:
        rest = [f"and {len(others) - MOST_DAMAGE} more"] if len(others) > MOST_DAMAGE else []
        why = "an edit by hand, or another version of Frostline derives it otherwise"
        yield f"changed: {'; '.join([*others[:MOST_DAMAGE], *rest])} ({why})"


def wake(check: Check, runs: Runs, now: datetime) -> None:
    """What makes the newest review of its name a person's business: no decision, its age, its triggers."""
    record = check.review.record
    if check.review.lines.undecided:
        check.needs.append(f"no decision yet, not filled in: {', '.join(check.review.lines.undecided)}")
    measured = moment_of(record.measured_at)
    age = now - measured
    if is_ahead(measured, now):
        check.needs.append(f"measured_at: {quote(record.measured_at)} lies in the future: set this machine's clock")
    if age > FRESH:
        check.needs.append(
            f"stale: measured {age.days} days ago, {FRESH.days} is the most: `frostline remeasure --if-due`"
        )
    try:
        newest = runs.newest(record.experiment, record.run, now)
        run = runs.read(newest)
    except RecordError as error:
        check.needs.append(f"the newest run cannot be read: {error}")
        return
    if newest != record.run:
        again = f"`frostline review new {newest} --previous {check.review.path}`"
        check.remarks.append(f"measured again since, which the triggers are held against; next quarter: {again}")
    hold_triggers(check, run)


def hold_triggers(check: Check, run: MeasuredRun) -> None:
    """Every trigger against the newest run; what cannot be told is not passed over."""
    figures = figures_of(run)
    for trigger in check.review.record.triggers:
        state = hold_against(trigger, run, figures)
        if state.tripped is None:
            check.needs.append(state.words)
        elif state.tripped:
            check.needs.append(f"tripped: {state.words}")
        else:
            check.remarks.append(f"not tripped: {state.words}")


def tell_signal(own: list[Check]) -> None:
    """Two reviews in a row that point the same way, if neither was tampered with."""
    if len(own) < 2 or not all(check.sound for check in own[-2:]):
        return
    earlier, later = (check.review.record for check in own[-2:])
    if earlier.primary == later.primary != "undecided":
        own[-1].remarks.append(f"enough signal to migrate: {later.primary} in {earlier.quarter} and in {later.quarter}")


def print_check(check: Check) -> None:
    """A review's lines on a terminal."""
    record = check.review.record
    day = f"{moment_of(record.measured_at):%Y-%m-%d}"
    print(harmless(f"{check.review.path.name}: {record.primary}, measured {day} in run {record.run}"))
    if check.sound and record.schema_ == FIRST_FORM:
        print(f"  ok: every number is what the run gives; its words are not derived again: it is in {FIRST_FORM}")
    elif check.sound:
        print("  ok: every number is what the run gives, and the run is the one cited")
    for text in check.needs:
        print(f"  needs a person: {harmless(text)}")
    for text in check.remarks:
        print(f"  {harmless(text)}")
