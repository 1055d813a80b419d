"""The steps from stored records to those of today. They are taken while reading: no stored file is changed."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from harness.record.columns import phase_column
from harness.record.forms import as_seconds
from harness.record.nouns import RUN_SCHEMA

OLD_SCHEMA = "frostline/run/1"
OLD_PHASES = (
    *("queue", "image", "create", "start", "boot"),
    *("imports", "weights", "tokenizer", "connections"),
    *("first_inference", "unaccounted"),
)
"""The list was closed, and a file had all of their columns; those of its first days lack `image`."""
PACE = (
    *("chunk_gap_p50_ns", "chunk_gap_p95_ns"),
    *("unit_first_chunk_ns", "unit_chunk_gap_p50_ns", "unit_chunk_gap_p95_ns"),
)
ADDED_LATER = {OLD_SCHEMA: frozenset({phase_column("image")}), RUN_SCHEMA: frozenset({"resent", *PACE})}
"""Columns that files of the first days of a version lack."""
OLD_COLUMNS = frozenset(
    {
        *("index", "payload", "scheduled_ns", "started_ns", "sent_ns", "first_byte_ns", "done_ns"),
        *("outcome", "status", "error", "start_class", "unit", "invocation", "unit_request"),
        *("queue_ns", "handler_ns", "gpu_ns", "new_connection", "in_flight", "reply_bytes"),
        *(phase_column(phase) for phase in OLD_PHASES),
    }
)
BOUGHT_AS = {"service": "fargate", "function": "aws_lambda"}
LOCAL = {"clock": "shared", "cold": "removed", "usage": "polled", "events": True}
"""What every target could do whose units ran on the machine that asked."""


def upgrade_manifest(data: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest of version 1: a target was one kind, with three switches. What it does not tell stays untold."""
    new = {**data, "schema": RUN_SCHEMA}
    if isinstance(targets := data.get("targets"), dict):
        new["targets"] = {name: _upgrade_target(facts) for name, facts in targets.items()}
    return new


def _upgrade_target(facts: Any) -> Any:
    if not isinstance(facts, dict):
        return facts
    kind = facts.get("kind")
    parts = [{"name": kind, "kind": kind, "bought_as": BOUGHT_AS.get(kind, kind)}] if isinstance(kind, str) else []
    switches = {name: facts[name] for name in ("emulated", "isolated") if isinstance(facts.get(name), bool)}
    return {"parts": parts, "capabilities": (LOCAL if facts.get("local") is True else {}) | switches}


def upgrade_trial(data: Any) -> Any:
    """A line of trials.jsonl of version 1. Its front's facts are the only ones that told of the limit."""
    if not isinstance(data, dict):
        return data
    deployment = data.get("deployment")
    front = deployment.get("front") if isinstance(deployment, dict) else None
    limit_s = as_seconds(front.get("init_timeout_s")) if isinstance(front, dict) else None
    limit = {} if limit_s is None else {"init_timeout_s": limit_s}
    return {"phases": list(OLD_PHASES), **limit, **data}


def fill_requests(table: pa.Table, wanted: pa.Schema, stored_as: str) -> pa.Table:
    """Rows of a stored version, with every column empty that it did not have, or not from its first day; one that it
    should have stays missing."""
    of_its_time = OLD_COLUMNS if stored_as == OLD_SCHEMA else frozenset(wanted.names)
    expected = of_its_time - ADDED_LATER.get(stored_as, frozenset())
    for field in wanted:
        if field.name not in expected and field.name not in table.column_names:
            table = table.append_column(field, pa.nulls(table.num_rows, field.type))
    return table
