"""What changed since the previous review, number by number; and, beside an anchor, whose doing it was."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.compare import Comparison, ComparisonRow, compare_runs
from harness.analysis.ratio import Verdict, judge_interval
from harness.errors import FrostlineError
from harness.files.whole import one_line
from harness.record.estimate import Estimate, plain
from harness.record.figures import MISSING, cell, plural
from harness.review.figures import COSTS, MEASURES, figures_of, number, with_interval
from harness.review.file import ReviewFile
from harness.review.record import CitedFigure, ReviewRecord
from harness.review.runs import MeasuredRun, Runs

NOT_OF_TIME = {Verdict.SLOWER: "HIGHER", Verdict.FASTER: "LOWER"}
MOST_CHANGES = 8
MOST_ATTRIBUTIONS = 6
MOST_WARNINGS = 2
"""A review has two sheets."""


@dataclass(frozen=True)
class FigureChange:
    """One number then and now."""

    id: str
    what: str
    then: str
    now: str
    ratio: str
    verdict: str
    within: bool
    """Whether the ratio by itself lies within the margin: such a line is told in short."""
    distance: float
    """Of the ratio from 1, on the log scale; 0 where there is none."""


@dataclass(frozen=True)
class Attribution:
    """One compared figure: what the platform's drift did to it and what our own change did, each with its verdict."""

    what: str
    drift: str
    own: str


@dataclass(frozen=True)
class ChangeSince:
    """The page's part on the change since the previous review."""

    before: ReviewRecord
    redefined: bool
    """The experiment is no longer the one of then."""
    repriced: str | None
    """What is to be said where the earlier run's costing is no longer the one that the earlier review rests on."""
    changes: list[FigureChange]
    """Those furthest beyond the margin."""
    in_short: list[str]
    """How many others there are."""
    anchor: str | None
    """The run that deployed the earlier images again."""
    attributions: list[Attribution]
    remarks: list[str]
    signal: bool
    """Both reviews point the same way."""


def change_since(
    previous: ReviewFile,
    record: ReviewRecord,
    figures: list[CitedFigure],
    runs: Runs,
    run: MeasuredRun,
    anchor: str | None,
) -> ChangeSince:
    """Beside the previous review. RecordError when a run that it takes cannot be read."""
    before = previous.record
    earlier, repriced = earlier_figures(previous, runs)
    changes = figure_changes(before, earlier, figures, record.rounds)
    beyond = sorted((change for change in changes if not change.within), key=lambda change: -change.distance)
    anchor, attributions, remarks = attribute(before, runs, run, anchor)
    return ChangeSince(
        before=before,
        # Not by the hashes that the records hold: another version of Frostline may reckon them otherwise.
        redefined=runs.folder(before.run).manifest.definition != run.manifest.definition,
        repriced=repriced,
        changes=beyond[:MOST_CHANGES],
        in_short=list(in_short(changes, sum(figure.value is not None for figure in figures) - len(changes))),
        anchor=anchor,
        attributions=attributions,
        remarks=remarks,
        signal=record.primary == before.primary and record.primary != "undecided" and repriced is None,
    )


def earlier_figures(previous: ReviewFile, runs: Runs) -> tuple[list[CitedFigure], str | None]:
    """The numbers of then, and what must be said of them.

    Costs under the same name may be reckoned otherwise by now: then they are derived anew, or left out.
    """
    before = previous.record
    why = (
        f"run {before.run} is costed otherwise now than the earlier review has it (another Frostline, or other prices)"
    )
    withheld = "; whether both reviews point the same way cannot be told from them."
    try:
        run = runs.read(before.run)
    except FrostlineError as error:
        run, why = None, f"run {before.run} cannot be costed anew: {one_line(str(error))}"
    if run is not None and run.cost_sha256 == before.cost_sha256:
        return previous.figures, None
    measured = [figure for figure in previous.figures if figure.field not in COSTS]
    if run is None or run.costing is None:
        return measured, f"Costs are not compared: {why}{withheld}"
    derived = [figure for figure in figures_of(run) if figure.field in COSTS]
    return [*measured, *derived], f"Costs of then are derived anew: {why}{withheld}"


def figure_changes(
    before: ReviewRecord, earlier: list[CitedFigure], figures: list[CitedFigure], rounds: int
) -> list[FigureChange]:
    """Every number that is there then and now; ratios are now / then, the margin is the earlier one."""
    then_by_key = {key_of(figure): figure for figure in earlier if figure.value is not None}
    both = [(then_by_key[key_of(f)], f) for f in figures if f.value is not None and key_of(f) in then_by_key]
    return [figure_change(then, now, before.margin, min(rounds, before.rounds)) for then, now in both]


def key_of(figure: CitedFigure) -> str:
    """What makes it the same number of another run."""
    return repr([figure.workload, figure.target, figure.profile, sorted(plain(figure.case).items()), figure.field])


def figure_change(then: CitedFigure, now: CitedFigure, margin: float, rounds: int) -> FigureChange:
    """One number then and now, judged."""
    ratio = ratio_of(then.estimate, now.estimate)
    return FigureChange(
        id=now.id,
        what=f"{now.workload}, {now.target}, {now.profile}: {MEASURES[now.field]}",
        then=number(then.field, then.estimate),
        now=number(now.field, now.estimate),
        ratio=with_interval(cell(ratio)),
        verdict=verdict(ratio, now.field, margin, rounds),
        distance=abs(math.log(ratio.value)) if ratio.value else 0.0,
        within=then.value == now.value if ratio.value is None else 1 / (1 + margin) <= ratio.value <= 1 + margin,
    )


def in_short(changes: list[FigureChange], alone: int) -> Iterator[str]:
    """How many have no room, lie within the margin by verdict, e.g. SAME: 12 figures, or have no earlier figure."""
    if (more := sum(not change.within for change in changes) - MOST_CHANGES) > 0:
        yield f"Beyond the margin besides: {plural(more, 'figure')}"
    verdicts = [change.verdict for change in changes if change.within]
    if verdicts:
        told = [f"{verdict}: {plural(verdicts.count(verdict), 'figure')}" for verdict in dict.fromkeys(verdicts)]
        yield f"Within the margin: {'; '.join(told)}"
    if alone:
        yield f"Without a partner in the earlier review: {plural(alone, 'figure')}"


def ratio_of(then: Estimate, now: Estimate) -> Estimate:
    """Now / then; none where either is not above 0, no interval where either has none."""
    if not then.value or not now.value or min(then.value, now.value) <= 0:
        return Estimate(None, why="a value of 0 has no ratio")
    value = now.value / then.value
    if now.low is None or not (then.low and then.high and now.high) or min(then.low, then.high, now.high) <= 0:
        return Estimate(value, why="no interval")
    return Estimate(value, now.low / then.high, now.high / then.low)


def verdict(ratio: Estimate, field: str, margin: float, rounds: int) -> str:
    """By the rule of `compare`; what is not a duration is HIGHER or LOWER, not slower or faster."""
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return f"no verdict: {ratio.why}"
    low = math.log(ratio.low) if ratio.low > 0 else -math.inf
    judgement = judge_interval(low, math.log(ratio.high), rounds, margin)
    if judgement.verdict is None:
        return f"no verdict: {judgement.why}"
    return judgement.verdict if field.endswith("_ms") else NOT_OF_TIME.get(judgement.verdict, judgement.verdict)


def attribute(
    before: ReviewRecord, runs: Runs, run: MeasuredRun, anchor: str | None
) -> tuple[str | None, list[Attribution], list[str]]:
    """The anchor, platform drift (anchor now / then) and own change (now / anchor now), and what is to be said of them.

    The run under review may be the anchor itself: nothing of the change is our own then.
    """
    itself = run.manifest.anchor.get("run") == before.run
    if not itself and anchor is None:
        return None, [], []
    then, again = runs.folder(before.run), run.folder if itself else runs.folder(anchor or "")
    try:
        drift = compare_runs(then, again)
        own = None if itself else compare_runs(again, run.folder)
    except FrostlineError as error:
        return again.manifest.run, [], [f"The change cannot be split: {one_line(str(error))}"]
    ours = {name_of(row): row for row in own.rows if row.field in MEASURES} if own else {}
    attributions = [
        Attribution(
            name_of(row),
            ratio_words(row),
            ratio_words(ours.get(name_of(row))) if own else "none: these are the earlier images",
        )
        for row in drift.rows
        if row.field in MEASURES
    ]
    remarks = [*warnings("platform drift", drift), *(warnings("own change", own) if own else [])]
    if (rest := len(attributions) - MOST_ATTRIBUTIONS) > 0:
        remarks.append(f"{plural(rest, 'more figure')}: frostline compare {drift.a} {drift.b}")
    return again.manifest.run, attributions[:MOST_ATTRIBUTIONS], remarks


def name_of(row: ComparisonRow) -> str:
    """What is compared, in words."""
    return f"{row.workload}, {row.target}, {row.profile}: {MEASURES[row.field]}"


def ratio_words(row: ComparisonRow | None) -> str:
    """A comparison's ratio and verdict, in words."""
    if row is None or row.ratio.value is None or not math.isfinite(row.ratio.value):
        return MISSING
    return f"{with_interval(cell(row.ratio))} {row.verdict or f'no verdict: {row.why}'}"


def warnings(what: str, comparisons: Comparison) -> Iterator[str]:
    """The first warnings of a comparison; the rest is `frostline compare A B`."""
    for warning in comparisons.warnings[:MOST_WARNINGS]:
        yield f"{what}: {warning}"
    if len(comparisons.warnings) > MOST_WARNINGS:
        rest = len(comparisons.warnings) - MOST_WARNINGS
        yield f"{what}: {rest} more warnings: frostline compare {comparisons.a} {comparisons.b}"
