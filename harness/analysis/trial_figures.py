"""What one trial's rows come to: a few numbers, and of every time that has percentiles the values in order."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from harness.analysis.stats import Floats, TrialPercentile, TrialValues
from harness.analysis.trial_rows import MS_PER_NS, NS_PER_S, Mask, TrialRows, place_of, present, read_rows, tally
from harness.errors import RecordError
from harness.record.folder import RunFolder
from harness.record.nouns import FORCED_COLD, StartClass, TrialRecord
from harness.record.phases import UNACCOUNTED

PERCENTILES = {
    "latency": (0.5, 0.95, 0.99),
    "service": (0.5, 0.95),
    "warm": (0.5, 0.95),
    "queue": (0.95,),
    "cold": (0.5, 0.9),
    "gpu": (0.5,),
    "first_chunk": (0.5, 0.95),
    "chunk_gap_p50": (0.5,),
    "chunk_gap_p95": (0.5,),
    "chunks": (0.5,),
    "unit_first_chunk": (0.5, 0.95),
    "unit_chunk_gap_p50": (0.5,),
    "unit_chunk_gap_p95": (0.5,),
    "tokens_in": (0.5,),
    "tokens_out": (0.5,),
    "tokens_per_s": (0.5,),
}
GAPS = ("chunk_gap_p50", "chunk_gap_p95", "unit_chunk_gap_p50", "unit_chunk_gap_p95")
"""Those of them that are a percentile of each request's own: told is the median over requests."""
COUNTED = ("chunks", "tokens_in", "tokens_out", "tokens_per_s")
"""Those of them that are no time."""
SELDOM = ("gpu", "first_chunk", "unit_first_chunk", *GAPS, *COUNTED)
"""Those of them that most runs do not have: absent where no row has a value."""
MOST_DAMAGE = 5
"""So many damaged files are named."""

Counts = NDArray[np.int64]


@dataclass
class TrialFigures:
    """Figures of one trial; `problems` says where its rows do not add up, and then nothing of it may be used."""

    problems: list[str] = field(default_factory=list)
    sent: int = 0
    start_classes: dict[StartClass, int] = field(default_factory=dict)
    values: dict[str, TrialValues] = field(default_factory=dict)
    """By what PERCENTILES names, each over the requests that it is about."""
    phases_ms: dict[str, Floats] = field(default_factory=dict)
    tokens_made: int | None = None
    """By good answers; None where no token was counted."""
    own: TrialValues | None = None
    """Of the part that requests reach, the handler's time without its waits; None where there is no other part."""
    parts: dict[str, dict[str, TrialValues]] = field(default_factory=dict)
    """By further part each of PART_FIGURES in ms, over the good answers that it had a share in."""
    lag_ms: Floats = field(default_factory=lambda: np.empty(0))
    makespan_s: float | None = None
    """From the first scheduled moment to the end of the last good answer; None without one."""
    max_in_flight: int | None = None
    max_sandboxes: int | None = None
    busy: Counts = field(default_factory=lambda: np.zeros(0, np.int64))
    """How many requests met so many units busy as the place says, their own among them; empty where nobody knows."""

    @property
    def percentiles(self) -> dict[str, TrialPercentile]:
        """Of this trial by itself, by the summary's field, e.g. latency_p50_ms."""
        return {
            percentile_field(name, p): self.values[name].percentile(p)
            for name, ps in PERCENTILES.items()
            for p in ps
            if name in self.values
        }


def read_figures(run: RunFolder, record: TrialRecord) -> TrialFigures:
    """What one trial comes to. One that is INVALID and left no files is only checked by its line."""
    return read_trial(run, record)[0]


def read_trial(run: RunFolder, record: TrialRecord) -> tuple[TrialFigures, TrialRows | None]:
    """Figures and rows, in one reading; no rows where there are no files, or where these are damaged."""
    problems = [] if sum(record.counts.values()) == record.scheduled else [count_breach(record)]
    if not record.valid and not record.files:
        return TrialFigures(problems), None
    try:
        rows = read_rows(run, record)
    except RecordError as error:
        damage = str(error).split("\n")
        return TrialFigures([*problems, f"{'; '.join(damage[:MOST_DAMAGE])}: {run.remedy}"]), None
    return figures_of(rows, problems, record.profile == FORCED_COLD), rows


def count_breach(record: TrialRecord) -> str:
    """That outcomes do not add up to what was scheduled, by the trial's own line."""
    return f"conservation: {record.scheduled} scheduled, but outcomes add up to {sum(record.counts.values())}"


def figures_of(rows: TrialRows, problems: Sequence[str] = (), forced: bool = False) -> TrialFigures:
    """What a trial's rows come to; `problems` are known already. Of rows that do not add up only starts are counted.

    Of `forced` starts only those enter figures that are of the kind that was to be forced."""
    figures = TrialFigures([*problems, *rows.problems], start_classes=tally(rows.starts, StartClass))
    if figures.problems:
        return figures
    good = rows.good
    cold = good & rows.is_cold(forced)
    values = {
        "latency": rows.latency_ms,
        "service": (rows.done_ns - rows.sent_ns)[good] * MS_PER_NS,
        "warm": rows.latency_ms[good & (rows.starts == place_of(StartClass.WARM))],
        "queue": present(rows.queue_ns) * MS_PER_NS,
        "cold": rows.latency_ms[cold],
        **seldom_values(rows),
    }
    figures.values = {name: TrialValues.of(values[name]) for name in PERCENTILES}
    if rows.parts_ns:
        figures.own = TrialValues.of(present(rows.own_ns[good]) * MS_PER_NS)
    figures.parts = {
        part: {name: TrialValues.of(present(values[good]) * MS_PER_NS) for name, values in own.items()}
        for part, own in rows.parts_ns.items()
    }
    figures.sent = int(np.sum(~np.isnan(rows.sent_ns)))
    if (made := rows.seldom.get("tokens_out")) is not None and len(told := present(made[good])):
        figures.tokens_made = int(told.sum())
    if good.any():
        figures.makespan_s = float(np.max(rows.done_ns[good]) - np.min(rows.scheduled_ns)) / NS_PER_S
    figures.lag_ms = rows.lag_ms.astype(np.float32)
    in_flight = present(rows.in_flight)
    figures.max_in_flight = int(in_flight.max()) if len(in_flight) else None
    figures.max_sandboxes = rows.units.most_alive() if rows.units else None
    if len(in_flight) and figures.max_sandboxes is not None:  # more than there are units wait, and take no CPU
        figures.busy = np.bincount(np.minimum(in_flight, figures.max_sandboxes).astype(np.int64))
    add_phases(figures, rows, cold)
    return figures


def seldom_values(rows: TrialRows) -> dict[str, Floats]:
    """Values by percentile of what few trials have; none where a trial does not have it."""
    none, good = np.full(len(rows), np.nan), rows.good

    def of_good(column: str) -> Floats:
        return present(rows.seldom.get(column, none)[good])

    durations = ("gpu", "unit_first_chunk", *GAPS)
    return {
        "first_chunk": first_chunks_ms(rows),
        "tokens_per_s": tokens_per_s(rows),
        **{name: of_good(f"{name}_ns") * MS_PER_NS for name in durations},
        **{name: of_good(name) for name in ("chunks", "tokens_in", "tokens_out")},
    }


def first_chunks_ms(rows: TrialRows) -> Floats:
    """As latency: from the scheduled moment over all requests; a good answer that came whole has no first chunk."""
    first = rows.seldom.get("first_chunk_ns")
    if first is None or np.isnan(first[rows.good]).all():
        return np.empty(0)  # what failed before its answer was whole is no stream's first chunk
    return present(np.where(rows.good, (first - rows.scheduled_ns) * MS_PER_NS, np.inf))


def tokens_per_s(rows: TrialRows) -> Floats:
    """Tokens that each good answer made over its time in the handler, in which its prompt was read, too."""
    made = rows.seldom.get("tokens_out")
    if made is None:
        return np.empty(0)
    timed = rows.good & (rows.handler_ns > 0)
    return present(made[timed] / rows.handler_ns[timed] * NS_PER_S)


def add_phases(figures: TrialFigures, rows: TrialRows, cold: Mask) -> None:
    """Add the parts of the cold starts that were answered well; they must add up to the whole."""
    if not cold.any():
        return
    answered = cold[rows.met_start]
    parts = {phase: values[answered] for phase, values in rows.phases_ns.items()}
    if not parts:
        return
    split = ~np.isnan(parts[UNACCOUNTED])
    wall = (rows.done_ns - rows.scheduled_ns)[cold]
    whole = np.nan_to_num(np.array(list(parts.values()))).sum(axis=0)
    if broken := int(np.sum(split & (whole != wall))):
        figures.problems.append(f"{broken} starts have parts that do not add up to their time from scheduled to done")
    figures.phases_ms = {phase: present(values) * MS_PER_NS for phase, values in parts.items() if len(present(values))}


def percentile_field(name: str, p: float) -> str:
    """The summary's field of a percentile, e.g. latency_p95_ms, chunk_gap_p95_ms or chunks_p50."""
    return name + ("" if name in GAPS else f"_p{p * 100:g}") + ("" if name in COUNTED else "_ms")
