"""What `frostline compare` says: B beside A in one figure, and all of them together (frostline/compare/1)."""

from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np

from harness.analysis.pairing import NOT_GOOD, Side, Usable, asked_of_trial, differing_arrivals, fields_of, usable
from harness.analysis.ratio import Judgement, Verdict, judge, paired_ratio, unpaired_ratio
from harness.record.estimate import Estimate, plain
from harness.record.nouns import Case

COMPARE_SCHEMA = "frostline/compare/1"
Mode = Literal["targets", "workloads", "runs"]
Key = tuple[str | None, str | None, str]
"""Workload (None when A and B are workloads), target (None when they are targets) and profile."""


@dataclass(frozen=True)
class Comparison:
    """B beside A in one figure under one profile; `why` says why there is no verdict."""

    workload: str | None
    target: str | None
    profile: str
    field: str
    case_a: Case
    case_b: Case
    a_ms: float | None
    """Geometric mean over A's trials that entered."""
    b_ms: float | None
    ratio: Estimate
    """B / A; n counts the rounds paired, or the trials of the run that has fewer."""
    trials_a: int
    """Trials that entered."""
    trials_b: int
    invalid_a: int
    invalid_b: int
    verdict: Verdict | None
    why: str | None
    rounds_needed: int | None
    on_the_line: bool
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """Every field."""
        return {f.name: plain(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True)
class Comparisons:
    """Everything that can be said of B beside A; `warnings` are about all rows."""

    a: str
    b: str
    mode: Mode
    experiment: str | None
    runs: list[str]
    """The run that holds both, or A's and B's."""
    margin: float
    invalid_a: int
    invalid_b: int
    warnings: list[str]
    rows: list[Comparison]

    def to_json(self) -> dict[str, Any]:
        """frostline/compare/1: finite numbers of six significant digits."""
        return {"schema": COMPARE_SCHEMA} | {f.name: plain(getattr(self, f.name)) for f in fields(self)}


def rows_of(key: Key, a: Side, b: Side, mode: Mode, margin: float) -> list[Comparison]:
    """Every figure that is compared under a profile."""
    doubts = [f"{side.name}: {note.text}" for side in (a, b) for note in side.notes() if note.code == NOT_GOOD]
    unequal = differing_arrivals(a, b) if mode != "runs" else 0
    if unequal:
        doubts.append(f"rounds in which A and B did not meet the same arrivals: {unequal}")
    return [compared(key, (a, b), field, doubts, mode, margin) for field in fields_of(a.profile)]


def compared(
    key: Key, sides: tuple[Side, Side], field: str, doubts: list[str], mode: Mode, margin: float
) -> Comparison:
    """One figure."""
    least = fields_of(sides[0].profile)[field]
    a, b = (usable(side, field, least) for side in sides)
    noun = asked_of_trial(field, least)
    told = [text for side, used in zip(sides, (a, b), strict=True) for text in used.left_out(side.name, noun)]
    alone = len(a.by_round.keys() ^ b.by_round.keys())
    if alone and mode != "runs":
        told.append(f"rounds with a usable trial of one side only, left out: {alone}")
    rounds = a.by_round.keys() & b.by_round.keys()
    one, other = (
        [x for number, x in sorted(used.by_round.items()) if mode == "runs" or number in rounds] for used in (a, b)
    )
    ratio, judgement = related(one, other, mode, margin)
    judgement = upheld(judgement, a, b)
    return Comparison(
        *key,
        field=field,
        case_a=sides[0].cases[0],
        case_b=sides[1].cases[0],
        a_ms=geometric_mean(one),
        b_ms=geometric_mean(other),
        ratio=ratio,
        trials_a=len(one),
        trials_b=len(other),
        invalid_a=sides[0].invalid,
        invalid_b=sides[1].invalid,
        verdict=judgement.verdict,
        why=judgement.why,
        rounds_needed=judgement.rounds_needed,
        on_the_line=judgement.on_the_line,
        warnings=[*told, *doubts],
    )


def related(a: list[float], b: list[float], mode: Mode, margin: float) -> tuple[Estimate, Judgement]:
    """The ratio and its verdict; neither where there is nothing to divide."""
    if not a or not b:
        why = "no usable trial in one of the runs" if mode == "runs" else "no round with a usable trial on both sides"
    elif min(*a, *b) <= 0:
        why = "a trial's value is 0 or below: no ratio"
    else:
        ratio = unpaired_ratio(a, b) if mode == "runs" else paired_ratio(a, b)
        return ratio.estimate(), judge(ratio, margin)
    return Estimate(None, n=min(len(a), len(b)), why=why), Judgement(None, why)


def upheld(judgement: Judgement, a: Usable, b: Usable) -> Judgement:
    """The verdict, unless trials that failures keep out of it could overturn it: those count as infinitely slow."""
    against = {Verdict.FASTER: b.infinite, Verdict.SLOWER: a.infinite, Verdict.SAME: a.infinite + b.infinite}
    if judgement.verdict is None or not against.get(judgement.verdict):
        return judgement
    return Judgement(None, f"{judgement.verdict} but for trials left out among failures")


def geometric_mean(values: list[float]) -> float | None:
    """None for no values, and where one has no logarithm."""
    return float(np.exp(np.mean(np.log(values)))) if values and min(values) > 0 else None
