"""Words and figures for people: significant digits, harmless text, and the tables that terminal and Markdown show."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

from harness.estimate import Estimate, plain
from harness.notes import FORCED_COLD
from harness.records import PHASES
from harness.summary import Row, Summary

MISSING = "–"  # noqa: RUF001
DIGITS = 3


@dataclass(frozen=True)
class Cell:
    """A figure and, in small beside or below it, its interval or a remark."""

    main: str
    small: str = ""


@dataclass(frozen=True)
class Table:
    """First column: what the row is about. `heads` may break at a newline."""

    title: str
    heads: list[str]
    rows: list[list[Cell]]


@dataclass
class Footnotes:
    """Each sentence once: those true of every row, and numbered ones with the rows that they mark."""

    common: list[str] = field(default_factory=list)
    numbered: list[str] = field(default_factory=list)
    marks: dict[int, list[int]] = field(default_factory=dict)
    """Numbers by the row's place in the summary."""


def clean(text: object) -> str:
    """One line without control, bidirectional or other invisible characters: they are shown as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in str(text))


def decimals(value: float, digits: int = DIGITS) -> int:
    """Decimal places that leave this many significant digits; negative ones are left of the point."""
    return digits - 1 - math.floor(math.log10(abs(value))) if value else 0


def fixed(value: float, places: int) -> str:
    """Rounded to `places`, written without an exponent."""
    return f"{round(value, places):.{max(0, places)}f}"


def figure(value: float | None) -> str:
    """A plain number to three significant digits."""
    return MISSING if value is None else fixed(value, decimals(value))


def cell(estimate: Estimate | None) -> Cell:
    """A number and its interval; of an uncertain number only two digits of the uncertainty are shown."""
    if estimate is None or estimate.value is None:
        return Cell(MISSING)
    value, low, high = estimate.value, estimate.low, estimate.high
    places = decimals(value)
    if low is None or high is None:
        return Cell(fixed(value, places))
    half = min(value - low, high - value)
    if half > 0:
        places = min(places, decimals(half, 2))
    low_text, high_text = (fixed(end, min(places, decimals(end))) for end in (low, high))
    return Cell(fixed(value, places), f"{low_text}–{high_text}")  # noqa: RUF001


def percent(estimate: Estimate) -> Cell:
    """A share in percent."""
    return cell(estimate.scaled(100))


def count(n: int | None) -> Cell:
    """A whole number."""
    return Cell(MISSING if n is None else f"{n:,}")


def not_good(row: Row) -> Cell:
    """Arrivals without a good answer, and their part of all."""
    if row.scheduled is None or row.ok is None:
        return Cell(MISSING)
    bad = row.scheduled - row.ok
    return Cell(f"{bad:,}", f"{figure(100 * bad / row.scheduled)} %" if bad else "")


def pair(first: Estimate, second: Estimate) -> Cell:
    """Two numbers in one cell, without their intervals but with no more digits than these allow."""
    return Cell(f"{cell(first).main} / {cell(second).main}")


Column = tuple[str, Callable[[Row], Cell]]
TRAFFIC: list[Column] = [
    ("requests", lambda row: count(row.scheduled)),
    ("not\ngood", not_good),
    ("cold\n%", lambda row: percent(row.cold_share)),
    ("p50\nms", lambda row: cell(row.latency_p50_ms)),
    ("p95\nms", lambda row: cell(row.latency_p95_ms)),
    ("p99\nms", lambda row: cell(row.latency_p99_ms)),
    ("warm p50 /\np95 ms", lambda row: pair(row.warm_p50_ms, row.warm_p95_ms)),
    ("cold p50\nms", lambda row: cell(row.cold_p50_ms)),
    ("peak\nMB", lambda row: Cell(figure(row.memory_peak_mb))),
    ("most\nunits", lambda row: count(row.max_sandboxes)),
    ("lag p99\nms", lambda row: Cell(figure(row.lag_p99_ms))),
]
FORCED: list[Column] = [
    ("cold\nstarts", lambda row: count(row.cold_starts)),
    ("not\ngood", not_good),
    ("cold p50\nms", lambda row: cell(row.cold_p50_ms)),
    ("cold p90\nms", lambda row: cell(row.cold_p90_ms)),
    ("peak\nMB", lambda row: Cell(figure(row.memory_peak_mb))),
    ("own peak\nMB", lambda row: Cell(figure(row.memory_own_peak_mb))),
    ("lag p99\nms", lambda row: Cell(figure(row.lag_p99_ms))),
]


def tables_of(summary: Summary, notes: Footnotes) -> list[Table]:
    """A table per workload and profile with its targets as rows, then the parts of the cold starts."""
    blocks: dict[tuple[str, str], list[tuple[int, Row]]] = {}
    for place, row in enumerate(summary.rows):
        blocks.setdefault((row.workload, row.profile), []).append((place, row))
    tables = [block(rows, notes) for rows in blocks.values()]
    return [*tables, *phases(summary)]


def block(rows: list[tuple[int, Row]], notes: Footnotes) -> Table:
    """One workload under one profile; what the rows' cases share stands in the title."""
    first = rows[0][1]
    shared = {k: v for k, v in first.case.items() if all(row.case.get(k, ...) == v for _, row in rows)}
    columns = FORCED if first.profile == FORCED_COLD else TRAFFIC
    about = "forced cold starts" if first.profile == FORCED_COLD else first.profile
    title = "  ".join(part for part in (f"{first.workload}: {about}", settings(shared)) if part)
    lines = [
        [label(row, shared, notes.marks.get(place, [])), *(column(row) for _, column in columns)] for place, row in rows
    ]
    return Table(clean(title), ["target", *(head for head, _ in columns)], lines)


def label(row: Row, shared: dict[str, object], marks: list[int]) -> Cell:
    """Target; below, its notes' numbers, how many trials are INVALID and what sets its case apart."""
    small = [f"INVALID: {row.invalid_trials} of {row.trials} trials"] if row.invalid_trials else []
    small += [f"notes {','.join(map(str, marks))}"] if marks else []
    small += [settings({k: v}) for k, v in sorted(row.case.items()) if k not in shared]
    return Cell(clean(row.target), "\n".join(map(clean, small)))


def settings(case: dict[str, object]) -> str:
    """A case in words, e.g. memory_mb=1769 keep_alive_s=300."""
    return " ".join(f"{k}={plain(v)}" for k, v in sorted(case.items()))


def phases(summary: Summary) -> list[Table]:
    """Median ms of each part of a cold start; no table when no part was stamped."""
    rows = [row for row in summary.rows if row.cold_phases_ms]
    if not rows:
        return []
    stamped = [phase for phase in PHASES if any(phase in row.cold_phases_ms for row in rows)]
    lines = [
        [
            Cell(clean(row.target), clean(f"{row.workload} {row.profile}")),
            count(row.cold_starts),
            *(Cell(figure(row.cold_phases_ms.get(phase))) for phase in stamped),
        ]
        for row in rows
    ]
    title = "Cold starts by part: median ms of each (medians do not add up to the whole's median)"
    return [Table(title, ["target", "starts", *(phase.replace("_", "\n") for phase in stamped)], lines)]


def footnotes(summary: Summary) -> Footnotes:
    """Number the notes in the order in which they first occur."""
    notes = Footnotes()
    texts = [list(dict.fromkeys(clean(note.text) for note in row.notes)) for row in summary.rows]
    every = set.intersection(*map(set, texts)) if texts else set()
    for place, row_texts in enumerate(texts):
        for text in row_texts:
            if text in every:
                if text not in notes.common:
                    notes.common.append(text)
                continue
            if text not in notes.numbered:
                notes.numbered.append(text)
            notes.marks.setdefault(place, []).append(notes.numbered.index(text) + 1)
    return notes


def heading(summary: Summary) -> str:
    """What was run, when, and whether it holds."""
    name = summary.experiment or "unnamed experiment"
    rounds = "1 round" if summary.rounds == 1 else f"{summary.rounds} rounds"
    state = "valid" if summary.valid else f"INVALID: {len(summary.problems)} problems"
    return clean(f"{summary.run}: {name}, {rounds}, seed {summary.seed}, begun {summary.started_at}: {state}")


LEGEND = (
    "p50, p95, p99 count from the scheduled moment over all requests, with failures as infinitely late; "
    "95 % intervals; 1 MB is 1,048,576 bytes."
)
