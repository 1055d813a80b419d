"""The tables that terminal and Markdown show: one per workload and profile, and where its cold starts spend time."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from harness.analysis.stats import floor
from harness.analysis.summary import PartFigures, Row, Summary
from harness.files.text import harmless
from harness.record.estimate import Estimate
from harness.record.figures import Cell, cell, count, figure, milliseconds, plural
from harness.record.nouns import FORCED_COLD
from harness.record.phases import order_phases
from harness.report.cases import labels, sizes, traffic
from harness.report.frame import Footnotes, footnotes
from harness.report.measures import BESIDE, STREAMS, measures, shown_fields


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


ABOUT_STREAMS = (
    "first: an answer's first chunk, as latency from the scheduled moment; gap: a request's own p50 or p95 between two "
    "chunks, of the median request; unit: the same by the unit's clock, from the begin of the handler"
)


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


def run_tables(summary: Summary) -> RunTables:
    """Tables workload by workload, forced cold starts after the traffic, parts of targets and of cold starts last."""
    rows = sorted(summary.rows, key=lambda row: (row.workload, row.profile == FORCED_COLD, row.profile))
    fields = {row.profile: shown_fields(row.profile) for row in rows}
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
        table
        for places in blocks.values()
        for block in [[rows[place] for place in places]]
        for table in (rows_table(block, [notes.marks.get(place, []) for place in places], same), streams_table(block))
        if table is not None
    ]
    return RunTables(sizing_lines(same), [*tables, *part_tables(rows), *phase_tables(rows)], notes)


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


def streams_table(rows: Sequence[Row]) -> Table | None:
    """Streams and tokens of one workload under one profile, beside the latency; None where there are none."""
    first = rows[0]
    shown = [] if first.profile == FORCED_COLD else [measure for measure in STREAMS if measure.is_of(rows)]
    if not shown:
        return None
    targets = Column("target", 0, [Cell(label) for label in labels(rows)])
    columns = [Column(m.head, m.rank, [m.cell_of(row) for row in rows]) for m in (*BESIDE, *shown)]
    title = harmless(f"{first.workload} · {first.profile} · streams and tokens")
    return Table(title, ABOUT_STREAMS, [targets, *drop_empty(columns)], whole=True)


def part_tables(rows: Sequence[Row]) -> list[Table]:
    """Per workload each part of its targets that have several; nothing where none has."""
    split = [row for row in rows if row.parts]
    return [
        part_table([row for row in split if row.workload == workload])
        for workload in dict.fromkeys(row.workload for row in split)
    ]


def part_table(rows: Sequence[Row]) -> Table:
    """One line per row and part."""
    lines = [(name, part) for name, row in zip(names_of(rows), rows, strict=True) for part in row.parts or []]

    def numbers(head: str, rank: int, of: Callable[[PartFigures], Estimate | None]) -> Column:
        return Column(head, rank, [Cell("") if (e := of(part)) is None else cell(e) for _, part in lines])

    columns = [
        Column("target", 0, [Cell(name) for name, _ in lines]),
        Column("part", 0, [Cell(f"{harmless(part.name)} ({harmless(part.kind)})") for _, part in lines]),
        Column("requests", 3, [count(part.requests) for _, part in lines]),
        numbers("own\np50 ms", 0, lambda part: part.own_p50_ms),
        numbers("own\np95 ms", 1, lambda part: part.own_p95_ms),
        numbers("queue\np95 ms", 0, lambda part: part.queue_p95_ms),
        numbers("waited for\np50 ms", 2, lambda part: part.waited_p50_ms),
        Column("peak\nMB", 1, [Cell(figure(part.usage.memory_peak_mb)) for _, part in lines]),
        Column("units", 4, [count(part.units) for _, part in lines]),
    ]
    title = harmless(f"{rows[0].workload} · where a request spends its time, by part")
    return Table(title, "own: in the handler, without its waits for other parts", drop_empty(columns))


def names_of(rows: Sequence[Row]) -> list[str]:
    """Each row's target, with what tells it apart from others under its profile, and the profile."""
    by_profile = {profile: [row for row in rows if row.profile == profile] for profile in {row.profile for row in rows}}
    names = {id(row): label for same in by_profile.values() for row, label in zip(same, labels(same), strict=True)}
    return [f"{names[id(row)]}, {'forced' if row.profile == FORCED_COLD else harmless(row.profile)}" for row in rows]


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
    columns = [
        Column("target", 0, [Cell(name) for name in names_of(rows)]),
        Column("starts", 0, [count(row.cold_p50_ms.n) for row in rows]),
        *parts,
        Column("whole", 0, [Cell(cell(row.cold_p50_ms).main) for row in rows]),
    ]
    few = [phase for phase in phases if any(row.cold_phases_ms.get(phase, 0) is None for row in rows)]
    withheld = ", ".join(phase.replace("_", " ") for phase in few)
    remarks = [f"withheld where fewer than {floor(0.5)} cold starts stamped it: {withheld}"] if few else []
    return Table(title, "the parts' medians do not add up to the whole's", drop_empty(columns), remarks, whole=True)
