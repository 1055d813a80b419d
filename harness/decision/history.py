"""`frostline history`: chosen figures of one experiment over all its runs, with change points (frostline/history/1)."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from harness.analysis.change_points import LEAST, ChangePoint, change_points
from harness.analysis.notes import NOT_TRAFFIC
from harness.analysis.summary import Row, Summary
from harness.decision.past_runs import PastRun, read_past_runs
from harness.errors import UsageError
from harness.files.problems import quote
from harness.record.estimate import Estimate, plain
from harness.record.nouns import FORCED_COLD, Case

HISTORY_SCHEMA = "frostline/history/1"
NUMBERS = (Estimate, Estimate | None, float | None, int | None)
FIELDS = tuple(f.name for f in fields(Row) if f.type in NUMBERS)
"""What may be chosen."""
COST = "cost_per_1k_usd"
DEFAULT_FIELDS = ("latency_p95_ms", "cold_p50_ms", "warm_p95_ms", COST)


@dataclass(frozen=True)
class Point:
    """One figure of one run. An INVALID row has no valid trial and so no value."""

    run: str
    valid: bool
    trials: int
    invalid_trials: int
    estimate: Estimate


@dataclass(frozen=True)
class Change:
    """A change point, with the run from which on the new level holds."""

    run: str
    point: ChangePoint

    def to_json(self) -> dict[str, Any]:
        """The run beside the figures of the change."""
        told: dict[str, Any] = plain(self.point)
        return {"run": self.run} | told


@dataclass(frozen=True)
class Segment:
    """Valid points between two breaks. `why` says why no change was looked for."""

    runs: list[str]
    changes: list[Change]
    why: str | None


@dataclass(frozen=True)
class Series:
    """One figure of one workload, target, profile and case. Anchor runs stand apart and are in no segment."""

    workload: str
    target: str
    profile: str
    case: Case
    field: str
    emulated: bool
    points: list[Point]
    anchors: list[Point]
    segments: list[Segment]


@dataclass(frozen=True)
class History:
    """Runs are oldest first; `told` says what was left out."""

    experiment: str
    fields: list[str]
    runs: list[PastRun]
    series: list[Series]
    told: list[str]

    def to_json(self) -> dict[str, Any]:
        """frostline/history/1."""
        return {"schema": HISTORY_SCHEMA} | {f.name: plain(getattr(self, f.name)) for f in fields(self)}


def read_history(results: Path, experiment: str, chosen: list[str]) -> History:
    """Chosen figures of one experiment over all its runs.

    UsageError for a field or an experiment that does not exist, with those that do.
    """
    unknown = [name for name in chosen if name not in FIELDS]
    if unknown:
        choices = f"there are: {', '.join(FIELDS)}"
        raise UsageError([*(f"field: {quote(name)} is no number of the summary" for name in unknown), choices])
    past = read_past_runs(results, experiment)
    wanted = list(dict.fromkeys(chosen)) or list(DEFAULT_FIELDS)
    series = [series for series in all_series(past.runs, wanted) if chosen or is_worth_showing(series)]
    return History(experiment, wanted, [run for run, _ in past.runs], series, past.notices)


def all_series(runs: list[tuple[PastRun, Summary]], wanted: list[str]) -> Iterator[Series]:
    """A series for every workload, target, profile and case, and for every figure wanted."""
    rows: dict[tuple[str, bool, str, str, str], list[tuple[PastRun, Row]]] = {}
    for run, summary in runs:
        for row in summary.rows:
            case = json.dumps(plain(row.case), sort_keys=True)
            key = row.workload, row.profile == FORCED_COLD, row.profile, row.target, case
            rows.setdefault(key, []).append((run, row))
    for key in sorted(rows):
        for field in wanted:
            yield series_of(rows[key], field)


def series_of(rows: list[tuple[PastRun, Row]], field: str) -> Series:
    """One figure over the rows of one workload, target, profile and case."""
    points = [(run, point_of(run, row, field)) for run, row in rows]
    eras: dict[int, list[Point]] = {}
    for run, point in points:
        if not run.anchor:
            eras.setdefault(era_of(run, field), []).append(point)
    first = rows[0][1]
    return Series(
        workload=first.workload,
        target=first.target,
        profile=first.profile,
        case=first.case,
        field=field,
        emulated=any(note.code == "emulated" for _, row in rows for note in row.notes),
        points=[point for run, point in points if not run.anchor],
        anchors=[point for run, point in points if run.anchor],
        segments=[segment_of(era) for era in eras.values()],
    )


def era_of(run: PastRun, field: str) -> int:
    """The era of a run for this figure: within one era its values may be compared."""
    return run.cost_era if field == COST else run.era


def point_of(run: PastRun, row: Row, field: str) -> Point:
    """A figure of one run; a plain number has no interval and rests on the row's valid trials."""
    number = getattr(row, field)
    if not isinstance(number, Estimate):
        why = None if number is not None else "not measured"
        number = Estimate(number, n=row.trials - row.invalid_trials if number is not None else 0, why=why)
    return Point(run.run, row.valid, row.trials, row.invalid_trials, number)


def segment_of(points: list[Point]) -> Segment:
    """The points of one era that have a value, and where the value changed."""
    used = [(p.run, p.estimate.value) for p in points if p.valid and p.estimate.value is not None]
    runs, values = [run for run, _ in used], [value for _, value in used]
    if len(values) < LEAST:
        return Segment(runs, [], f"needs at least {LEAST} runs, has {len(values)}")
    if min(values) <= 0:
        return Segment(runs, [], "a value is 0 or below and has no logarithm")
    return Segment(runs, [Change(runs[point.index], point) for point in change_points(values)], None)


def is_worth_showing(series: Series) -> bool:
    """False for a figure that its profile never has, or of which no run knows anything."""
    points = [*series.points, *series.anchors]
    if series.profile == FORCED_COLD and all(point.estimate.why == NOT_TRAFFIC for point in points if point.valid):
        return False
    return any(point.estimate.value is not None or point.estimate.need for point in points) or not all(
        point.valid for point in points
    )
