"""Columns of the two Parquet files that each trial leaves; every time is in ns since the trial began."""

from collections.abc import Sequence

import pyarrow as pa

from harness.errors import RecordError
from harness.record.nouns import PHASES, RUN_SCHEMA

NAME = pa.dictionary(pa.int32(), pa.string())


NEWER = ("phase_image_ns",)
"""Columns of `requests` that the first version of the phase list did not have."""


def phase_column(phase: str) -> str:
    """Column of one part of a start, e.g. phase_weights_ns."""
    return f"phase_{phase}_ns"


REQUESTS: pa.Schema = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("payload", NAME),
        pa.field("scheduled_ns", pa.int64(), nullable=False),
        pa.field("started_ns", pa.int64()),
        pa.field("sent_ns", pa.int64()),
        pa.field("first_byte_ns", pa.int64()),
        pa.field("done_ns", pa.int64()),
        pa.field("outcome", NAME, nullable=False),
        pa.field("status", pa.int16()),
        pa.field("error", NAME),
        pa.field("start_class", NAME),
        pa.field("unit", NAME),
        pa.field("invocation", pa.int32()),
        pa.field("unit_request", pa.int32()),
        pa.field("queue_ns", pa.int64()),
        pa.field("handler_ns", pa.int64()),
        pa.field("gpu_ns", pa.int64()),
        pa.field("new_connection", pa.bool_()),
        pa.field("in_flight", pa.int32()),
        pa.field("reply_bytes", pa.int32()),
        *(pa.field(phase_column(phase), pa.int64()) for phase in PHASES),
    ]
)
"""One row per scheduled arrival: requests/<trial>.<attempt>.parquet."""

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


def upgrade(table: pa.Table, wanted: Sequence[str]) -> pa.Table:
    """A table of an older list of phases, with the parts that it did not know left empty."""
    for name in (name for name in NEWER if name in wanted and name not in table.column_names):
        table = table.append_column(REQUESTS.field(name), pa.nulls(table.num_rows, pa.int64()))
    return table


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
