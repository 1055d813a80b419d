"""What one trial's rows come to: a few numbers, and one value per cold start and per lag; worked on whole columns."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.analysis.stats import Floats, TrialPercentile, percentile_of_trial
from harness.errors import RecordError
from harness.files.problems import shown
from harness.record.columns import phase_column
from harness.record.folder import RunFolder
from harness.record.nouns import PHASES, Outcome, StartClass, TrialRecord

Name = TypeVar("Name", bound=StrEnum)
MS_PER_NS = 1e-6
MET_START = (StartClass.COLD, StartClass.COLD_REINIT, StartClass.RESET, StartClass.RESTORED)
"""Requests that waited for a start; `proactive` and `warm` did not."""
COLUMNS = [
    *("index", "scheduled_ns", "started_ns", "sent_ns", "done_ns", "outcome", "start_class", "unit"),
    *("queue_ns", "handler_ns", "gpu_ns", "in_flight"),
]
PERCENTILES = {
    "latency": (0.5, 0.95, 0.99),
    "service": (0.5, 0.95),
    "warm": (0.5, 0.95),
    "queue": (0.95,),
    "gpu": (0.5,),
}
OK = list(Outcome).index(Outcome.OK)
WARM = list(StartClass).index(StartClass.WARM)
MOST_DAMAGE = 5
MOST_STRANGE = 5
"""Of each kind of problem so many are told; a file can hold millions."""


@dataclass
class TrialFigures:
    """Figures of one trial; `problems` says where its rows do not add up, and then nothing of it may be used."""

    problems: list[str] = field(default_factory=list)
    sent: int = 0
    start_classes: dict[StartClass, int] = field(default_factory=dict)
    percentiles: dict[str, TrialPercentile] = field(default_factory=dict)
    """By field, e.g. latency_p50_ms."""
    cold_ms: Floats = field(default_factory=lambda: np.empty(0))
    """Scheduled to done of good answers that met a start."""
    phases_ms: dict[str, Floats] = field(default_factory=dict)
    lag_ms: Floats = field(default_factory=lambda: np.empty(0))
    max_in_flight: int | None = None
    max_sandboxes: int | None = None


def read_figures(run: RunFolder, record: TrialRecord) -> TrialFigures:
    """Read one trial. An INVALID trial without files is only checked by its line; damaged files are a problem."""
    problems = [] if sum(record.counts.values()) == record.scheduled else [miscounted(record)]
    if not record.valid and not record.files:
        return TrialFigures(problems)
    damage = run.damaged(record)
    if not damage:
        try:
            return figures_of(run, record, problems)
        except RecordError as error:
            damage = str(error).split("\n")
    return TrialFigures([*problems, f"{'; '.join(damage[:MOST_DAMAGE])}: {run.remedy}"])


def figures_of(run: RunFolder, record: TrialRecord, problems: list[str]) -> TrialFigures:
    """From its files; what does not add up is added to `problems`. RecordError when they are not readable."""
    requests = run.requests(record, COLUMNS)
    outcomes, strange = codes(requests["outcome"], Outcome)
    starts, strange_starts = codes(requests["start_class"], StartClass)
    problems += [f"unknown outcome {shown(name)}" for name in strange[:MOST_STRANGE]]
    problems += [f"unknown start_class {shown(name)}" for name in strange_starts[:MOST_STRANGE]]
    problems += breaches(record, requests, outcomes)
    figures = TrialFigures(problems, start_classes=counted(starts, StartClass))
    if not problems:
        fill(figures, requests, outcomes, starts)
        add_phases(figures, run, record, met_start(starts) & (outcomes == OK))
        figures.max_sandboxes = most_alive(requests, run.samples(record, ["at_ns", "unit"]))
    return figures


def miscounted(record: TrialRecord) -> str:
    """Conservation, by the trial's own line."""
    return f"conservation: {record.scheduled} scheduled, but outcomes add up to {sum(record.counts.values())}"


def breaches(record: TrialRecord, requests: pa.Table, outcomes: NDArray[np.int8]) -> list[str]:
    """Conservation, by the rows: each arrival has exactly one, with the outcomes counted and instants in order."""
    problems = []
    n = requests.num_rows
    if n != record.scheduled:
        problems.append(f"conservation: {record.scheduled} scheduled, but {n} rows")
    if not np.array_equal(np.sort(numbers(requests["index"])), np.arange(n)):
        problems.append("conservation: index is not 0, 1, 2, ... with each number once")
    found = counted(outcomes, Outcome)
    for outcome in Outcome:
        if found.get(outcome, 0) != record.counts.get(outcome, 0):
            counts = f"{record.counts.get(outcome, 0)} counted, but {found.get(outcome, 0)} rows"
            problems.append(f"conservation: {outcome}: {counts}")
    scheduled, sent, done = (numbers(requests[name]) for name in ("scheduled_ns", "sent_ns", "done_ns"))
    broken = int(np.sum((outcomes == OK) & ~((sent >= scheduled) & (done > sent))))
    if broken:
        problems.append(f"{broken} rows are ok without scheduled_ns <= sent_ns < done_ns")
    return problems


def fill(figures: TrialFigures, requests: pa.Table, outcomes: NDArray[np.int8], starts: NDArray[np.int8]) -> None:
    """Latencies, lag and the most requests in flight."""
    good = outcomes == OK
    scheduled, started, sent, done = (
        numbers(requests[f"{name}_ns"]) for name in ("scheduled", "started", "sent", "done")
    )
    latency = np.where(good, (done - scheduled) * MS_PER_NS, np.inf)
    values = {
        "latency": latency,
        "service": (done - sent)[good] * MS_PER_NS,
        "warm": latency[good & (starts == WARM)],
        "queue": known(numbers(requests["queue_ns"])) * MS_PER_NS,
        "gpu": known(numbers(requests["gpu_ns"])[good]) * MS_PER_NS,
    }
    for name, ps in PERCENTILES.items():
        figures.percentiles |= {percentile_field(name, p): percentile_of_trial(values[name], p) for p in ps}
    figures.sent = int(np.sum(~np.isnan(sent)))
    figures.cold_ms = latency[good & met_start(starts)]
    figures.lag_ms = known((started - scheduled) * MS_PER_NS).astype(np.float32)
    in_flight = known(numbers(requests["in_flight"]))
    figures.max_in_flight = int(in_flight.max()) if len(in_flight) else None


def percentile_field(name: str, p: float) -> str:
    """Field of the summary, e.g. latency_p95_ms."""
    return f"{name}_p{p * 100:g}_ms"


def met_start(starts: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Rows whose request waited for a start."""
    return np.isin(starts, [list(StartClass).index(start) for start in MET_START])


def add_phases(figures: TrialFigures, run: RunFolder, record: TrialRecord, cold: NDArray[np.bool_]) -> None:
    """Parts of the cold starts, which must add up to the whole; read apart, since few rows have them."""
    if not cold.any():
        return
    columns = {phase: phase_column(phase) for phase in PHASES}
    rows = run.requests(record, [*columns.values(), "scheduled_ns", "done_ns"]).filter(pa.array(cold))
    parts = np.array([np.nan_to_num(numbers(rows[column])) for column in columns.values()])
    split = ~np.isnan(numbers(rows[columns["unaccounted"]]))
    wall = numbers(rows["done_ns"]) - numbers(rows["scheduled_ns"])
    if broken := int(np.sum(split & (parts.sum(axis=0) != wall))):
        figures.problems.append(f"{broken} starts have parts that do not add up to their time from scheduled to done")
    for phase, column in columns.items():
        values = known(numbers(rows[column])) * MS_PER_NS
        if len(values):
            figures.phases_ms[phase] = values


def most_alive(requests: pa.Table, samples: pa.Table) -> int | None:
    """Most units seen alive at once: each lives at least from its first sample or handled request to its last.

    A lower bound by construction; None when no unit is named.
    """
    done = numbers(requests["done_ns"])
    handled = np.nan_to_num(numbers(requests["handler_ns"]))
    spans: dict[str, tuple[float, float]] = {}
    at = numbers(samples["at_ns"])
    for column, first, last in ((requests["unit"], done - handled, done), (samples["unit"], at, at)):
        for unit, (begin, end) in spans_of(column, first, last).items():
            known_begin, known_end = spans.get(unit, (begin, end))
            spans[unit] = min(begin, known_begin), max(end, known_end)
    if not spans:
        return None
    begins, ends = np.sort(np.array(list(spans.values())), axis=0).T
    return int(np.max(np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="left")))


def spans_of(units: pa.ChunkedArray, first: Floats, last: Floats) -> dict[str, tuple[float, float]]:
    """First and last moment of each unit, in ns."""
    indices, names = positions(units)
    use = (indices >= 0) & ~np.isnan(first) & ~np.isnan(last)
    begins, ends = np.full(len(names), np.inf), np.full(len(names), -np.inf)
    np.minimum.at(begins, indices[use], first[use])
    np.maximum.at(ends, indices[use], last[use])
    return {name: (begins[i], ends[i]) for i, name in enumerate(names) if name is not None and np.isfinite(begins[i])}


def numbers(column: pa.ChunkedArray) -> Floats:
    """A number column as float64 (exact to 2^53 ns, 104 days), nan where it is empty."""
    return cast(Floats, column.to_numpy()).astype(np.float64, copy=False)


def known(values: Floats) -> Floats:
    """Without what is empty."""
    return values[~np.isnan(values)]


def positions(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str | None]]:
    """Each row's place in the list of names, -1 where it is empty."""
    if not column.num_chunks:
        return np.empty(0, np.int64), []
    whole: Any = column.unify_dictionaries().combine_chunks()
    indices = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return indices, whole.dictionary.to_pylist()


def codes(column: pa.ChunkedArray, names: type[StrEnum]) -> tuple[NDArray[np.int8], list[str]]:
    """Each row's place in the enumeration (-1: empty or unknown), and the names that it does not have."""
    indices, found = positions(column)
    places: dict[str | None, int] = {str(name): place for place, name in enumerate(names)}
    lookup = np.array([*(places.get(name, -1) for name in found), -1], dtype=np.int8)
    used = set(np.unique(indices).tolist())
    return lookup[indices], [str(name) for i, name in enumerate(found) if name not in places and i in used]


def counted(places: NDArray[np.int8], names: type[Name]) -> dict[Name, int]:
    """How often each member of an enumeration occurs; those that do not are left out."""
    tally = np.bincount(places[places >= 0], minlength=len(names))
    return {name: n for name, n in zip(names, tally.tolist(), strict=True) if n}
