"""Columns of the two Parquet files that each trial leaves; every moment is in ns since the trial began."""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from harness.errors import RecordError
from harness.record.nouns import RUN_SCHEMA

NAME = pa.dictionary(pa.int32(), pa.string())
PHASE_COLUMN = ("phase_", "_ns")


def phase_column(phase: str) -> str:
    """Column of one part of a start, e.g. phase_weights_ns."""
    return phase.join(PHASE_COLUMN)


FIXED = (
    pa.field("index", pa.int64(), nullable=False),
    pa.field("payload", NAME),
    pa.field("scheduled_ns", pa.int64(), nullable=False),
    pa.field("started_ns", pa.int64()),
    pa.field("sent_ns", pa.int64()),
    pa.field("first_byte_ns", pa.int64()),
    pa.field("first_chunk_ns", pa.int64()),
    pa.field("last_chunk_ns", pa.int64()),
    pa.field("done_ns", pa.int64()),
    pa.field("completed_ns", pa.int64()),
    pa.field("outcome", NAME, nullable=False),
    pa.field("status", pa.int16()),
    pa.field("error", NAME),
    pa.field("request_id", pa.string()),
    pa.field("start_class", NAME),
    pa.field("start_type", NAME),
    pa.field("part", NAME),
    pa.field("unit", NAME),
    pa.field("generation", NAME),
    pa.field("invocation", pa.int32()),
    pa.field("unit_request", pa.int32()),
    pa.field("queue_ns", pa.int64()),
    pa.field("handler_ns", pa.int64()),
    pa.field("gpu_ns", pa.int64()),
    pa.field("billed_ns", pa.int64()),
    pa.field("init_ns", pa.int64()),
    pa.field("restore_ns", pa.int64()),
    pa.field("memory_used_bytes", pa.int64()),
    pa.field("new_connection", pa.bool_()),
    pa.field("resent", pa.bool_()),
    pa.field("connect_ns", pa.int64()),
    pa.field("tls_ns", pa.int64()),
    pa.field("in_flight", pa.int32()),
    pa.field("bytes_in", pa.int64()),
    pa.field("reply_bytes", pa.int64()),
    pa.field("chunks", pa.int32()),
    pa.field("chunk_gap_p50_ns", pa.int64()),
    pa.field("chunk_gap_p95_ns", pa.int64()),
    pa.field("unit_first_chunk_ns", pa.int64()),
    pa.field("unit_chunk_gap_p50_ns", pa.int64()),
    pa.field("unit_chunk_gap_p95_ns", pa.int64()),
    pa.field("tokens_in", pa.int32()),
    pa.field("tokens_out", pa.int32()),
)
"""Those of every trial; behind them come one for each of its phases, and those of its further parts."""


PART_FIGURES = ("waited", "queue", "handler")
"""What a further part of a target took for one request: how long the first part waited for it; of that, its queue and
its handler."""


def part_column(part: str, figure: str) -> str:
    """Column of one of PART_FIGURES of a further part, e.g. part_core_queue_ns."""
    return f"part_{part}_{figure}_ns"


def requests_schema(phases: Sequence[str], parts: Sequence[str] = ()) -> pa.Schema:
    """One row per scheduled arrival: requests/<trial>.<attempt>.parquet, of a trial with these phases and further
    parts."""
    names = [phase_column(phase) for phase in phases]
    names += [part_column(part, figure) for part in parts for figure in PART_FIGURES]
    return pa.schema([*FIXED, *(pa.field(name, pa.int64()) for name in names)])


def phases_in(columns: Iterable[str]) -> list[str]:
    """The phases that there are columns for, in the order of these."""
    before, after = PHASE_COLUMN
    names = (name for name in columns if name.startswith(before) and name.endswith(after))
    return [name.removeprefix(before).removesuffix(after) for name in names]


SAMPLES: pa.Schema = pa.schema(
    [
        pa.field("at_ns", pa.int64(), nullable=False),
        pa.field("unit", NAME, nullable=False),
        pa.field("memory_bytes", pa.int64()),
        pa.field("own_memory_bytes", pa.int64()),
        pa.field("cpu_ns", pa.int64()),
        pa.field("throttled_ns", pa.int64()),
    ]
)
"""One row per living unit and moment: samples/<trial>.<attempt>.parquet."""


def fit_schema(table: pa.Table, schema: pa.Schema, place: str = "table") -> pa.Table:
    """`table` with exactly the columns and types of `schema`; RecordError names all that do not fit."""
    missing = [name for name in schema.names if name not in table.column_names]
    extra = [name for name in table.column_names if name not in schema.names]
    problems = [f"{place}: column {name} is missing" for name in missing]
    problems += [f"{place}: column {name} is not of {RUN_SCHEMA}" for name in extra]
    for field in (field for field in schema if field.name not in missing):
        column = table.column(field.name)
        try:
            column.cast(field.type)
        except pa.ArrowException as error:
            problems.append(f"{place}: column {field.name}: {error}")
        if column.null_count and not field.nullable:
            problems.append(f"{place}: column {field.name} has {column.null_count} empty values: fill them")
    if problems:
        raise RecordError("\n".join(problems))
    return table.select(schema.names).cast(schema)
