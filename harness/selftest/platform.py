"""What a platform that keeps its log to itself wrote down for the self-test alone, where the bench never looks.

In a witness folder: platform.jsonl has events as a deployment of this machine logs them, on the platform's own clock,
and bills.jsonl one line for each request that was carried out.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets.events import Event

EVENTS = "platform.jsonl"
BILLS = "bills.jsonl"


@dataclass(frozen=True)
class Bill:
    """What one request came to."""

    request_id: str
    request: int
    """Its number, as its body has it: whose bill it is, whatever becomes of the id."""
    unit: str
    start_type: str
    billed_ns: int
    memory_mb: int | None
    mailed: bool
    """Whether the platform ever told the deployment."""


def read_platform_events(folder: Path) -> list[Event] | None:
    """What was started and stopped, as it was; None where the platform keeps nothing to itself."""
    events: list[Event] | None = _read_lines(folder / EVENTS)
    return events


def read_bills(folder: Path) -> dict[str, Bill]:
    """Every bill by request; none where nobody wrote any."""
    return {line["request_id"]: Bill(**line) for line in _read_lines(folder / BILLS) or []}


def _read_lines(path: Path) -> Any:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else None
