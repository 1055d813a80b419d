"""The tables that terminal and Markdown show: one per workload and profile, and where its cold starts spend time."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.analysis.stats import floor
from harness.analysis.summary import Row, Summary
from harness.files.text import harmless
from harness.record.figures import MISSING, Cell, cell, count, figure, milliseconds, percent, plural
from harness.record.nouns import FORCED_COLD
from harness.record.phases import order_phases
from harness.report.cases import labels, sizes, traffic
from harness.report.frame import Footnotes, footnotes


@dataclass(frozen=True)
class Column:
    """`head` may break at a newline; the highest `rank` goes first where room is short, 0 never goes."""

    head: str
    rank: int
    cells: list[Cell]

    @property
    def name(self) -> str:
        """The head on one line."""
        return self.head.replace("\n", " ")

    @property
    def quantity(self) -> str:
        """The head without its unit."""
        return self.name.removesuffix(" ms").removesuffix(" MB").removesuffix(" %")


@dataclass(frozen=True)
class Table:
    """The first column says what each row is about, and `remarks` what else is to be said below."""

    title: str
    about: str
    columns: list[Column]
    remarks: list[str] = field(default_factory=list)
    whole: bool = False
    """No column is left out where room is short: they go on below."""


class Label(NamedTuple):
    """What a row is called in its table, with the target that it is of."""

    target: str
    text: str


@dataclass(frozen=True)
class RunTables:
    """All that is shown of the rows. `sizing` holds one line per target that has the same in all of them."""

    sizing: list[str]
    tables: list[Table]
    notes: Footnotes


@dataclass(frozen=True)
class Measure:
    """A column to be: the summary's field that it shows, and how."""

    field: str
    head: str
    rank: int
    cell_of: Callable[[Row], Cell]
    seldom: bool = False
    """Nobody misses it where it has no value."""
    matters: Callable[[Row], bool] | None = None
    """The column is there where this holds of any row; None: always."""

    def is_of(self, rows: Sequence[Row]) -> bool:
        """Whether a table of these rows can have it."""
        if self.matters is not None and not any(self.matters(row) for row in rows):
            return False
        return not self.seldom or any(not self.cell_of(row).empty for row in rows)


MOST_QUEUE = 0.1
"""A queue longer than this part of the median latency explains which side wins."""


def waits(row: Row) -> bool:
    """Whether one of twenty requests waits inside the target for more than a tenth of the median latency."""
    queue, median = row.queue_p95_ms.value, row.latency_p50_ms.value
    return queue is not None and median is not None and queue > MOST_QUEUE * median


def not_ok(row: Row) -> Cell:
    """Arrivals without a good answer, and their part of all."""
    if row.scheduled is None or row.ok is None:
        return Cell(MISSING)
    bad = row.scheduled - row.ok
    return Cell(f"{bad:,}", f"{figure(100 * bad / row.scheduled)} %" if bad else "")


TRAFFIC = [
    Measure("scheduled", "requests", 0, lambda row: count(row.scheduled)),
    Measure("ok", "not\nok", 0, not_ok),
    Measure("cold_share", "cold\n%", 1, lambda row: percent(row.cold_share)),
    Measure("latency_p50_ms", "p50\nms", 0, lambda row: cell(row.latency_p50_ms)),
    Measure("latency_p95_ms", "p95\nms", 0, lambda row: cell(row.latency_p95_ms)),
    Measure("latency_p99_ms", "p99\nms", 4, lambda row: cell(row.latency_p99_ms)),
    Measure("queue_p95_ms", "queue\np95 ms", 1, lambda row: cell(row.queue_p95_ms), matters=waits),
    Measure("warm_p50_ms", "warm\np50 ms", 3, lambda row: cell(row.warm_p50_ms)),
    Measure("warm_p95_ms", "warm\np95 ms", 6, lambda row: cell(row.warm_p95_ms)),
    Measure("cold_p50_ms", "cold\np50 ms", 2, lambda row: cell(row.cold_p50_ms)),
    Measure("cost_per_1k_usd", "USD per\n1,000 ok", 3, lambda row: cell(row.cost_per_1k_usd)),
    Measure("memory_peak_mb", "peak\nMB", 5, lambda row: Cell(figure(row.memory_peak_mb))),
    Measure("max_sandboxes", "units", 7, lambda row: count(row.max_sandboxes)),
    Measure("first_chunk_p50_ms", "first chunk\np50 ms", 2, lambda row: cell(row.first_chunk_p50_ms), seldom=True),
    Measure("first_chunk_p95_ms", "first chunk\np95 ms", 4, lambda row: cell(row.first_chunk_p95_ms), seldom=True),
    Measure("chunks_p50", "chunks\np50", 6, lambda row: cell(row.chunks_p50), seldom=True),
    Measure("tokens_out_p50", "tokens\nout p50", 6, lambda row: cell(row.tokens_out_p50), seldom=True),
    Measure("gpu_p50_ms", "GPU\np50 ms", 4, lambda row: cell(row.gpu_p50_ms), seldom=True),
    Measure("lag_p99_ms", "lag\np99 ms", 8, lambda row: milliseconds(row.lag_p99_ms)),
]
FORCED = [
    Measure("cold_starts", "cold\nstarts", 0, lambda row: count(row.cold_starts)),
    Measure("ok", "not\nok", 0, not_ok),
    Measure("cold_p50_ms", "cold\np50 ms", 0, lambda row: cell(row.cold_p50_ms)),
    Measure("cold_p90_ms", "cold\np90 ms", 0, lambda row: cell(row.cold_p90_ms)),
    Measure("memory_peak_mb", "peak\nMB", 1, lambda row: Cell(figure(row.memory_peak_mb))),
    Measure("memory_own_peak_mb", "own peak\nMB", 2, lambda row: Cell(figure(row.memory_own_peak_mb))),
]


def measures(profile: str) -> list[Measure]:
    """What a table of this profile can show."""
    return FORCED if profile == FORCED_COLD else TRAFFIC


def run_tables(summary: Summary) -> RunTables:
    """Tables workload by workload, forced cold starts after the traffic, then the parts of the cold starts."""
    rows = sorted(summary.rows, key=lambda row: (row.workload, row.profile == FORCED_COLD, row.profile))
    fields = {row.profile: frozenset(measure.field for measure in measures(row.profile)) for row in rows}
    notes = footnotes(rows, fields)
    blocks: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(rows):
        blocks.setdefault((row.workload, row.profile), []).append(place)
    sizes_of: dict[Label, dict[str, None]] = {}
    for places in blocks.values():
        for name, size in sizes_by_label([rows[place] for place in places]):
            sizes_of.setdefault(name, {})[size] = None
    same = {name: next(iter(sizes)) for name, sizes in sizes_of.items() if len(sizes) == 1}
    tables = [
        rows_table([rows[i] for i in places], [notes.marks.get(i, []) for i in places], same)
        for places in blocks.values()
    ]
    return RunTables(sizing_lines(same), [*tables, *phase_tables(rows)], notes)


def sizing_lines(sizes: dict[Label, str]) -> list[str]:
    """The sizing of each label; one line for a target whose labels all share it, such as regimes of cold starts."""
    of_target: dict[str, set[str]] = {}
    for name, size in sizes.items():
        of_target.setdefault(name.target, set()).add(size)
    lines = {
        f"{name.target if len(of_target[name.target]) == 1 else name.text}: {size}": None
        for name, size in sizes.items()
        if size
    }
    return list(lines)


def sizes_by_label(rows: Sequence[Row]) -> list[tuple[Label, str]]:
    """Label and sizing of each row of a block."""
    names = [Label(harmless(row.target), text) for row, text in zip(rows, labels(rows), strict=True)]
    return list(zip(names, sizes(rows), strict=True))


def rows_table(rows: Sequence[Row], marks: Sequence[list[int]], elsewhere: Collection[Label]) -> Table:
    """One workload under one profile; the sizing of rows in `elsewhere` is not repeated."""
    first = rows[0]
    name = "forced cold starts" if first.profile == FORCED_COLD else first.profile
    targets = [
        Cell(label, f"INVALID: {row.invalid_trials} of {plural(row.trials, 'trial')}" if row.invalid_trials else "")
        for label, row in zip(labels(rows), rows, strict=True)
    ]
    shown = [m for m in measures(first.profile) if m.is_of(rows)]
    measured = [Column(m.head, m.rank, [m.cell_of(row) for row in rows]) for m in shown]
    columns = [Column("target", 0, targets), *drop_empty(measured)]
    if any(marks):
        columns.append(Column("notes", 0, [Cell(" ".join(map(str, numbers))) for numbers in marks]))
    remarks = [f"{name.text}: {size}" for name, size in sizes_by_label(rows) if size and name not in elsewhere]
    empty = [column.quantity for column in measured if column not in drop_empty(measured)]
    if empty:
        remarks.append(f"no value in any row: {', '.join(empty)}")
    return Table(harmless(f"{first.workload} · {name}"), traffic(rows), columns, remarks)


def drop_empty(columns: Sequence[Column]) -> list[Column]:
    """The columns that have a value in any row."""
    return [column for column in columns if not all(cell.empty for cell in column.cells)]


def phase_tables(rows: Sequence[Row]) -> list[Table]:
    """Per workload the median ms of each part of a cold start; nothing where no part was stamped."""
    stamped = [row for row in rows if row.cold_phases_ms]
    workloads = list(dict.fromkeys(row.workload for row in stamped))
    title = "Where cold starts spend their time (median ms)"
    return [
        phase_table(
            title if len(workloads) == 1 else harmless(f"{workload} · {title}"),
            [row for row in stamped if row.workload == workload],
        )
        for workload in workloads
    ]


def phase_table(title: str, rows: Sequence[Row]) -> Table:
    """One row per target and profile; where room is short the shortest parts go first. Intervals stand elsewhere."""
    by_profile = {profile: [row for row in rows if row.profile == profile] for profile in {row.profile for row in rows}}
    names = {id(row): label for same in by_profile.values() for row, label in zip(same, labels(same), strict=True)}
    phases = order_phases(phase for row in rows for phase in row.cold_phases_ms)
    longest = {phase: max(row.known_phases_ms.get(phase, 0.0) for row in rows) for phase in phases}
    ranks = {phase: rank for rank, phase in enumerate(sorted(phases, key=lambda phase: -longest[phase]), 1)}
    parts = [
        Column(
            phase.replace("_", "\n"),
            ranks[phase],
            [milliseconds(row.cold_phases_ms.get(phase)) for row in rows],
        )
        for phase in phases
    ]
    kinds = ["forced" if row.profile == FORCED_COLD else harmless(row.profile) for row in rows]
    columns = [
        Column("target", 0, [Cell(f"{names[id(row)]}, {kind}") for row, kind in zip(rows, kinds, strict=True)]),
        Column("starts", 0, [count(row.cold_p50_ms.n) for row in rows]),
        *parts,
        Column("whole", 0, [Cell(cell(row.cold_p50_ms).main) for row in rows]),
    ]
    few = [phase for phase in phases if any(row.cold_phases_ms.get(phase, 0) is None for row in rows)]
    withheld = ", ".join(phase.replace("_", " ") for phase in few)
    remarks = [f"withheld where fewer than {floor(0.5)} cold starts stamped it: {withheld}"] if few else []
    return Table(title, "the parts' medians do not add up to the whole's", drop_empty(columns), remarks, whole=True)
