"""A trial's rows as typed columns, read by one reader for all; everything is worked on whole columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.analysis.stats import Floats
from harness.files.problems import quote
from harness.record.columns import PART_FIGURES, part_column, phase_column
from harness.record.folder import RunFolder, TrialFiles
from harness.record.nouns import PROVEN_COLD, Outcome, StartClass, TrialRecord

Name = TypeVar("Name", bound=StrEnum)
Codes = NDArray[np.int8]
"""Each row's place in an enumeration, -1 where it is empty or unknown."""
Mask = NDArray[np.bool_]
NS_PER_S = 1e9
MS_PER_NS = 1e-6
MET_START = (StartClass.COLD, StartClass.COLD_REINIT, StartClass.RESET, StartClass.RESTORED)
"""Requests that waited for a start; `proactive` and `warm` did not."""
INSTANTS = ("scheduled_ns", "started_ns", "sent_ns", "done_ns", "queue_ns", "handler_ns")
SELDOM = (
    *("gpu_ns", "billed_ns", "first_chunk_ns", "chunks", "chunk_gap_p50_ns", "chunk_gap_p95_ns"),
    *("unit_first_chunk_ns", "unit_chunk_gap_p50_ns", "unit_chunk_gap_p95_ns", "tokens_in", "tokens_out"),
)
"""Columns that most trials leave empty: kept where any row has a value."""
SHORT = 100_000
"""Rows of a trial whose columns are read at once; those of a longer one are read one at a time, to hold few."""
AMOUNTS = tuple(name for name in SELDOM if name != "first_chunk_ns")
"""Those of them that are no moment."""
MOST_STRANGE = 5
"""So many of each kind of problem are named; a file can hold millions."""


@dataclass(frozen=True)
class UnitSpans:
    """First and last moment at which each unit was seen alive; a lower bound by construction."""

    begins_ns: Floats
    ends_ns: Floats

    def most_alive(self) -> int:
        """Most units seen alive at once."""
        begins, ends = np.sort(self.begins_ns), np.sort(self.ends_ns)
        return int(np.max(np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="left")))


@dataclass(frozen=True)
class TrialRows:
    """One trial's rows in the order in which they are stored. Times are ns since the trial began, nan where empty."""

    scheduled_ns: Floats
    started_ns: Floats
    sent_ns: Floats
    done_ns: Floats
    """The end: of the reply or, where a request was only accepted at first, of its completion."""
    queue_ns: Floats
    handler_ns: Floats
    in_flight: Floats
    outcomes: Codes
    starts: Codes
    phases_ns: dict[str, Floats]
    """Parts of each start, one value per row of `met_start`; empty where no row met one."""
    seldom: dict[str, Floats]
    """Columns of SELDOM in which any row has a value."""
    parts_ns: dict[str, dict[str, Floats]]
    """By further part each of PART_FIGURES, nan of requests that did not reach it."""
    units: UnitSpans | None
    """Of the part that requests reach. None where no unit is named, or where samples were not read."""
    problems: list[str]
    """Where the rows do not add up; when there is any, nothing of them may be used."""

    def __len__(self) -> int:
        return len(self.outcomes)

    @cached_property
    def good(self) -> Mask:
        """Rows with a right answer."""
        return np.equal(self.outcomes, place_of(Outcome.OK))

    @cached_property
    def met_start(self) -> Mask:
        """Rows whose request waited for a start."""
        return met_start(self.starts)

    def is_cold(self, forced: bool) -> Mask:
        """Rows that count as cold starts; of `forced` ones only those of the kind that was to be forced."""
        return np.isin(self.starts, [place_of(kind) for kind in PROVEN_COLD]) if forced else self.met_start

    @cached_property
    def latency_ms(self) -> Floats:
        """From the scheduled moment; infinite without a good answer."""
        return np.where(self.good, (self.done_ns - self.scheduled_ns) * MS_PER_NS, np.inf)

    @cached_property
    def own_ns(self) -> Floats:
        """Of the handler's time, what it did not wait for further parts; all of it where it waited for none."""
        waited = [np.nan_to_num(figures["waited"]) for figures in self.parts_ns.values()]
        return np.maximum(0.0, self.handler_ns - sum(waited, np.zeros(len(self))))

    @property
    def lag_ms(self) -> Floats:
        """How late the generator was for each request that it began."""
        return present((self.started_ns - self.scheduled_ns) * MS_PER_NS)


def read_rows(run: RunFolder, record: TrialRecord, samples: bool = True) -> TrialRows:
    """The one reader of a trial's rows: each file is opened and hashed once. RecordError with all that is damaged.

    `samples` are only needed for `units`.
    """
    with run.open_trial(record, ("requests", "samples") if samples else ("requests",)) as files:
        table = files.read("requests", ["index", "outcome", "start_class", "unit", "in_flight", *INSTANTS])
        outcomes, strange = codes(table["outcome"], Outcome)
        starts, strange_starts = codes(table["start_class"], StartClass)
        columns: dict[str, Floats] = {name: numbers(table[name]) for name in (*INSTANTS, "in_flight")}
        index, units = table["index"], table["unit"]
        del table  # the columns that were converted are not held twice while the rest is read
        seldom = read_seldom(files, [*SELDOM, "completed_ns"])
        columns["done_ns"] = ends_of(columns["done_ns"], seldom.pop("completed_ns", None))
        rows = TrialRows(
            **columns,
            outcomes=outcomes,
            starts=starts,
            phases_ns=read_phases(files, met_start(starts)),
            seldom=seldom,
            parts_ns={part: read_part(files, part) for part in record.parts},
            units=unit_spans(files, units, columns["done_ns"], columns["handler_ns"]) if samples else None,
            problems=[
                *(f"unknown outcome {quote(name)}" for name in strange[:MOST_STRANGE]),
                *(f"unknown start_class {quote(name)}" for name in strange_starts[:MOST_STRANGE]),
            ],
        )
        rows.problems.extend(breaches(record, rows, numbers(index)))
        return rows


def read_phases(files: TrialFiles, started: Mask) -> dict[str, Floats]:
    """Parts of the starts, one column at a time, since few of millions of rows have them."""
    if not started.any():
        return {}
    columns = {phase: phase_column(phase) for phase in files.record.phases}
    return {phase: numbers(files.read("requests", [name])[name])[started] for phase, name in columns.items()}


def read_part(files: TrialFiles, part: str) -> dict[str, Floats]:
    """What a further part took for each request, by PART_FIGURES."""
    names = {figure: part_column(part, figure) for figure in PART_FIGURES}
    return {figure: numbers(files.read("requests", [name])[name]) for figure, name in names.items()}


def read_seldom(files: TrialFiles, names: Sequence[str]) -> dict[str, Floats]:
    """Those of these columns in which any row has a value."""
    found: dict[str, Floats] = {}
    for group in [names] if files.record.scheduled <= SHORT else [[name] for name in names]:
        table = files.read("requests", group)
        found |= {name: numbers(table[name]) for name in group if table[name].null_count < len(table)}
    return found


def ends_of(done: Floats, completed: Floats | None) -> Floats:
    """When each request came to its end: as it completed where it was only accepted at first, else as it was done."""
    return done if completed is None else np.where(np.isnan(completed), done, completed)


def unit_spans(files: TrialFiles, units: pa.ChunkedArray, done: Floats, handler: Floats) -> UnitSpans | None:
    """How long each unit lived: at least from its first sample or handled request to its last."""
    samples = files.read("samples", ["at_ns", "unit"])
    at, handled = numbers(samples["at_ns"]), np.nan_to_num(handler)
    spans: dict[str, tuple[float, float]] = {}
    for column, first, last in ((units, done - handled, done), (samples["unit"], at, at)):
        for unit, (begin, end) in spans_of(column, first, last).items():
            earlier, later = spans.get(unit, (begin, end))
            spans[unit] = min(begin, earlier), max(end, later)
    for further in (unit.unit for unit in files.record.units if unit.part is not None):
        spans.pop(further, None)
    if not spans:
        return None
    begins, ends = np.array(list(spans.values())).T
    return UnitSpans(begins, ends)


def breaches(record: TrialRecord, rows: TrialRows, index: Floats) -> list[str]:
    """Where the rows break conservation: one per arrival, outcomes counted, instants in order, nothing below 0."""
    problems = []
    n = len(rows)
    if n != record.scheduled:
        problems.append(f"conservation: {record.scheduled} scheduled, but {n} rows")
    if not np.array_equal(np.sort(index), np.arange(n)):
        problems.append("conservation: index is not 0, 1, 2, ... with each number once")
    counts = tally(rows.outcomes, Outcome)
    for outcome in Outcome:
        if counts.get(outcome, 0) != record.counts.get(outcome, 0):
            both = f"{record.counts.get(outcome, 0)} counted, but {counts.get(outcome, 0)} rows"
            problems.append(f"conservation: {outcome}: {both}")
    in_order = (rows.sent_ns >= rows.scheduled_ns) & (rows.done_ns > rows.sent_ns)
    if broken := int(np.sum(rows.good & ~in_order)):
        problems.append(f"{broken} rows are ok without scheduled_ns <= sent_ns < done_ns")
    further = {
        part_column(part, figure): values for part, own in rows.parts_ns.items() for figure, values in own.items()
    }
    amounts = further | {
        "handler_ns": rows.handler_ns,
        **{name: rows.seldom[name] for name in rows.seldom if name in AMOUNTS},
    }
    negative = {name: int(np.sum(values < 0)) for name, values in amounts.items()}
    return problems + [f"{n} rows have less than 0 in {name}" for name, n in negative.items() if n]


def place_of(name: StrEnum) -> int:
    """The code of an enumeration's member in a column of `Codes`."""
    return list(type(name)).index(name)


def met_start(starts: Codes) -> Mask:
    """Rows whose request waited for a start."""
    return np.isin(starts, [place_of(start) for start in MET_START])


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


def present(values: Floats) -> Floats:
    """The values without empty ones."""
    return values[~np.isnan(values)]


def positions(column: pa.ChunkedArray) -> tuple[NDArray[np.int64], list[str | None]]:
    """Each row's place in the list of names, -1 where it is empty."""
    if not column.num_chunks:
        return np.empty(0, np.int64), []
    whole: Any = column.unify_dictionaries().combine_chunks()
    indices = whole.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return indices, whole.dictionary.to_pylist()


def codes(column: pa.ChunkedArray, names: type[StrEnum]) -> tuple[Codes, list[str]]:
    """Each row's place in the enumeration (-1: empty or unknown), and the names that it does not have."""
    indices, present_names = positions(column)
    places: dict[str | None, int] = {str(name): place for place, name in enumerate(names)}
    # The last entry is for empty rows: their index -1 finds it.
    lookup = np.array([*(places.get(name, -1) for name in present_names), -1], dtype=np.int8)
    used = set(np.unique(indices).tolist())  # a dictionary may hold names that no row uses
    return lookup[indices], [str(name) for i, name in enumerate(present_names) if name not in places and i in used]


def tally(places: Codes, names: type[Name]) -> dict[Name, int]:
    """How often each member of an enumeration occurs; those that do not are left out."""
    counts = np.bincount(places[places >= 0], minlength=len(names))
    return {name: n for name, n in zip(names, counts.tolist(), strict=True) if n}
