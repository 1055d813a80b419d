"""What the tables of a run have columns for: the summary's fields, and how each is shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness.analysis.summary import Row
from harness.record.figures import MISSING, Cell, cell, count, figure, milliseconds, percent
from harness.record.nouns import FORCED_COLD


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


def is_queued(row: Row) -> bool:
    """Whether requests went through a queue: then how long all of them took matters, beside it on other targets too."""
    return row.repeats is not None


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
    Measure("makespan_s", "makespan\ns", 1, lambda row: cell(row.makespan_s), matters=is_queued),
    Measure("completions_rps", "ends\na second", 2, lambda row: Cell(figure(row.completions_rps)), matters=is_queued),
    Measure("repeats", "repeats", 3, lambda row: count(row.repeats), matters=is_queued),
    Measure("queue_p95_ms", "queue\np95 ms", 1, lambda row: cell(row.queue_p95_ms), matters=waits),
    Measure("warm_p50_ms", "warm\np50 ms", 3, lambda row: cell(row.warm_p50_ms)),
    Measure("warm_p95_ms", "warm\np95 ms", 6, lambda row: cell(row.warm_p95_ms)),
    Measure("cold_p50_ms", "cold\np50 ms", 2, lambda row: cell(row.cold_p50_ms)),
    Measure("cost_per_1k_usd", "USD per\n1,000 ok", 3, lambda row: cell(row.cost_per_1k_usd)),
    Measure("memory_peak_mb", "peak\nMB", 5, lambda row: Cell(figure(row.memory_peak_mb))),
    Measure("image_mb", "image\nMB", 9, lambda row: Cell(figure(row.image_mb)), seldom=True),
    Measure("max_sandboxes", "units", 7, lambda row: count(row.max_sandboxes)),
    Measure("gpu_p50_ms", "GPU\np50 ms", 4, lambda row: cell(row.gpu_p50_ms), seldom=True),
    Measure("gpu_memory_peak_mb", "GPU\nMB", 5, lambda row: Cell(figure(row.gpu_memory_peak_mb)), seldom=True),
    Measure("gpu_power_mean_w", "GPU\nW", 6, lambda row: Cell(figure(row.gpu_power_mean_w)), seldom=True),
    Measure(
        "gpu_energy_per_1k_j", "GPU J\nper 1,000", 6, lambda row: Cell(figure(row.gpu_energy_per_1k_j)), seldom=True
    ),
    Measure("lag_p99_ms", "lag\np99 ms", 8, lambda row: milliseconds(row.lag_p99_ms)),
]
STREAMS = [
    Measure("first_chunk_p50_ms", "first\np50 ms", 2, lambda row: cell(row.first_chunk_p50_ms), seldom=True),
    Measure("first_chunk_p95_ms", "first\np95 ms", 3, lambda row: cell(row.first_chunk_p95_ms), seldom=True),
    Measure("chunk_gap_p50_ms", "gap\np50 ms", 2, lambda row: cell(row.chunk_gap_p50_ms), seldom=True),
    Measure("chunk_gap_p95_ms", "gap\np95 ms", 3, lambda row: cell(row.chunk_gap_p95_ms), seldom=True),
    Measure("chunks_p50", "chunks\np50", 6, lambda row: cell(row.chunks_p50), seldom=True),
    Measure(
        "unit_first_chunk_p50_ms", "unit first\np50 ms", 4, lambda row: cell(row.unit_first_chunk_p50_ms), seldom=True
    ),
    Measure(
        "unit_first_chunk_p95_ms", "unit first\np95 ms", 5, lambda row: cell(row.unit_first_chunk_p95_ms), seldom=True
    ),
    Measure("unit_chunk_gap_p50_ms", "unit gap\np50 ms", 4, lambda row: cell(row.unit_chunk_gap_p50_ms), seldom=True),
    Measure("unit_chunk_gap_p95_ms", "unit gap\np95 ms", 5, lambda row: cell(row.unit_chunk_gap_p95_ms), seldom=True),
    Measure("tokens_in_p50", "tokens\nin p50", 1, lambda row: cell(row.tokens_in_p50), seldom=True),
    Measure("tokens_out_p50", "tokens\nout p50", 1, lambda row: cell(row.tokens_out_p50), seldom=True),
    Measure("tokens_per_s_p50", "tokens/s\np50", 1, lambda row: cell(row.tokens_per_s_p50), seldom=True),
    Measure(
        "throughput_tokens_per_s",
        "tokens/s\nof all",
        3,
        lambda row: Cell(figure(row.throughput_tokens_per_s)),
        seldom=True,
    ),
]
"""What streams and tokens add, in a table of its own beside the latency."""
BESIDE = [measure for measure in TRAFFIC if measure.field in ("latency_p50_ms", "latency_p95_ms")]
FORCED = [
    Measure("cold_starts", "cold\nstarts", 0, lambda row: count(row.cold_starts)),
    Measure("ok", "not\nok", 0, not_ok),
    Measure("cold_p50_ms", "cold\np50 ms", 0, lambda row: cell(row.cold_p50_ms)),
    Measure("cold_p90_ms", "cold\np90 ms", 0, lambda row: cell(row.cold_p90_ms)),
    Measure("memory_peak_mb", "peak\nMB", 1, lambda row: Cell(figure(row.memory_peak_mb))),
    Measure("memory_own_peak_mb", "own peak\nMB", 2, lambda row: Cell(figure(row.memory_own_peak_mb))),
    Measure("gpu_memory_peak_mb", "GPU\nMB", 3, lambda row: Cell(figure(row.gpu_memory_peak_mb)), seldom=True),
    Measure("gpu_power_mean_w", "GPU\nW", 4, lambda row: Cell(figure(row.gpu_power_mean_w)), seldom=True),
]


def measures(profile: str) -> list[Measure]:
    """What a table of this profile can show."""
    return FORCED if profile == FORCED_COLD else TRAFFIC


def shown_fields(profile: str) -> frozenset[str]:
    """The summary's fields that some table of this profile has a column for."""
    streams = [] if profile == FORCED_COLD else STREAMS
    return frozenset(measure.field for measure in [*measures(profile), *streams])
