"""What a row may be used for: whoever decides, prices or forecasts asks here, and says the reason that it is given."""

from collections.abc import Iterator
from typing import Literal

from harness.analysis.notes import is_startup
from harness.analysis.summary import Row
from harness.record.nouns import FORCED_COLD, SCALE_OUT, Case

Use = Literal["latency", "frequency", "cost", "warm samples", "cold samples"]
"""Latency under traffic beside an objective; how often a request meets a start; what a month costs; durations of warm
requests and of cold starts, each for itself, to draw from."""
UNDER_TRAFFIC: tuple[Use, ...] = ("latency", "frequency", "cost")
HOST_BOUND = "host_bound"
"""Code of the note that says so."""

INVALID = "no valid trial: `frostline show` says why"
CROWDED = "host-bound: this machine may be what is slow; measure with fewer units at once, or on more cores"
COMPRESSED = "compressed time: starts take as long as ever in it; measure with `compression: 1`"
TRANSIENT = (
    "its trials begin with an empty pool, so that it is a transient and holds for no traffic that lasts; "
    "measure with `begin: steady`, or where each trial is a whole batch with `begin: batch`"
)
NOT_FORCED = "its starts slow each other down; force cold starts with `cold_starts`"
NOT_TRAFFIC = "no traffic that anybody expects: its load serves to bring starts about"


def unfit(row: Row, use: Use) -> list[str]:
    """Every reason, each with its fix, why a row may not be used so; empty where it may."""
    return list(reasons_against(row, use))


def reasons_against(row: Row, use: Use) -> Iterator[str]:
    """The same, one by one. Forced cold starts have no traffic, and are what cold starts are drawn from."""
    if not row.valid:
        yield INVALID
    if any(note.code == HOST_BOUND for note in row.notes):
        yield CROWDED
    if use in UNDER_TRAFFIC:
        if row.profile in (FORCED_COLD, SCALE_OUT):
            yield NOT_TRAFFIC
        if is_compressed(row.case):
            yield COMPRESSED
        if is_transient(row):
            yield TRANSIENT
    elif use == "cold samples" and row.profile != FORCED_COLD:
        yield NOT_FORCED
    elif use == "warm samples" and row.profile in (FORCED_COLD, SCALE_OUT):
        yield NOT_TRAFFIC


def is_compressed(case: Case) -> bool:
    """Whether modelled time passed faster than the clock."""
    factor = case.get("compression", 1)
    return isinstance(factor, int | float) and factor > 1


def is_transient(row: Row) -> bool:
    """Whether what it shows is a start-up, under traffic that is to last."""
    return row.profile != FORCED_COLD and is_startup(row.kind, row.asynchronous, row.case)


def is_batch(row: Row) -> bool:
    """Whether each of its trials is the whole of a batch, which begins with nothing and leaves nothing."""
    return row.case.get("begin") == "batch"
