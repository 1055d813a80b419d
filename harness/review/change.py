"""What changed since the previous review, number by number; and, beside an anchor, whose doing it was."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.analysis.compare import compare_runs
from harness.analysis.comparison import Comparison, Comparisons
from harness.analysis.ratio import Verdict, judge_interval
from harness.errors import FrostlineError
from harness.files.whole import one_line
from harness.record.estimate import Estimate, plain
from harness.record.figures import MISSING, cell
from harness.record.folder import RunFolder
from harness.review.ledger import MEASURES, number
from harness.review.record import Evidence, ReviewRecord

WEAK = (
    "Weak evidence: the two runs were not interleaved, so the platform's drift is part of every ratio. Intervals are "
    "the widest that both runs' own allow."
)

NOT_OF_TIME = {Verdict.SLOWER: "HIGHER", Verdict.FASTER: "LOWER"}


@dataclass(frozen=True)
class Change:
    """One number then and now."""

    id: str
    what: str
    then: str
    now: str
    ratio: str
    verdict: str
    within: bool
    """Whether the ratio by itself lies within the margin: such a line is told in short."""


@dataclass(frozen=True)
class Split:
    """One compared figure: platform drift and own change, each with its verdict."""

    what: str
    drift: str
    own: str


def changes(old: ReviewRecord, evidence: list[Evidence], rounds: int) -> list[Change]:
    """Every number that both have; ratios are now / then, the margin is the earlier one."""
    before = {key_of(row): row for row in old.evidence if row.value is not None}
    both = [(before[key_of(row)], row) for row in evidence if row.value is not None and key_of(row) in before]
    return [change(then, now, old.margin, min(rounds, old.rounds)) for then, now in both]


def key_of(row: Evidence) -> str:
    """The same number of another run."""
    return repr([row.workload, row.target, row.profile, sorted(plain(row.case).items()), row.field])


def change(then: Evidence, now: Evidence, margin: float, rounds: int) -> Change:
    """One line."""
    ratio = ratio_of(then.estimate, now.estimate)
    shown = cell(ratio)
    return Change(
        id=now.id,
        what=f"{now.workload}, {now.target}, {now.profile}: {MEASURES[now.field]}",
        then=number(then.field, then.estimate),
        now=number(now.field, now.estimate),
        ratio=f"{shown.main} ({shown.small})" if shown.small else shown.main,
        verdict=verdict(ratio, now.field, margin, rounds),
        within=then.value == now.value if ratio.value is None else 1 / (1 + margin) <= ratio.value <= 1 + margin,
    )


def in_short(all_of_them: list[Change]) -> list[str]:
    """By verdict the ids and ratios of those within the margin, e.g. SAME: E1 1.02 (0.98-1.05), E2 0.99 (0.95-1.03)."""
    told: dict[str, list[str]] = {}
    for one in all_of_them:
        if one.within:
            told.setdefault(one.verdict, []).append(f"{one.id} {one.ratio}")
    return [f"{said}: {', '.join(ids)}" for said, ids in told.items()]


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


def splits(then: RunFolder, anchor: RunFolder, now: RunFolder | None) -> tuple[list[Split], list[str]]:
    """Platform drift (anchor now / then) and own change (now / anchor now), and what is to be said of them.

    Without `now` the run under review is itself the anchor, and nothing of the change is our own.
    """
    try:
        drift = compare_runs(then, anchor)
        own = compare_runs(anchor, now) if now is not None else None
    except FrostlineError as error:
        return [], [f"The change cannot be split: {one_line(str(error))}"]
    ours = {named(row): row for row in own.rows if row.field in MEASURES} if own else {}
    rows = [
        Split(named(row), told(row), told(ours.get(named(row))) if own else "none: these are the earlier images")
        for row in drift.rows
        if row.field in MEASURES
    ]
    return rows, [*doubts("platform drift", drift), *(doubts("own change", own) if own else [])]


def named(row: Comparison) -> str:
    """What is compared."""
    return f"{row.workload}, {row.target}, {row.profile}: {MEASURES[row.field]}"


def told(row: Comparison | None) -> str:
    """Ratio and verdict."""
    if row is None or row.ratio.value is None or not math.isfinite(row.ratio.value):
        return MISSING
    shown = cell(row.ratio)
    interval = f" ({shown.small})" if shown.small else ""
    return f"{shown.main}{interval} {row.verdict or f'no verdict: {row.why}'}"


def doubts(what: str, compared: Comparisons, most: int = 8) -> Iterator[str]:
    """The comparison's warnings; the rest is `frostline compare A B`."""
    for warning in compared.warnings[:most]:
        yield f"{what}: {warning}"
    if len(compared.warnings) > most:
        rest = len(compared.warnings) - most
        yield f"{what}: {rest} more warnings: frostline compare {compared.a} {compared.b}"
