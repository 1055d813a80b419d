"""What Lambda's log says of requests: REPORT lines as text, or platform events as JSON; read by key, never by place."""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from targets.contract import INITIALISED, Witnessed

MB = 1024 * 1024
FIELD = re.compile(r"([A-Z][A-Za-z ]*?): ([^\t\n]+)")
"""Of a line of text; its fields stand between tabs, in an order that differs by who writes them."""
MS = re.compile(r"([0-9]+(?:\.[0-9]+)?) ms")
MEMORY = re.compile(r"([0-9]+) MB")
MOST_LINE = 8192


@dataclass(frozen=True)
class Report:
    """The end of one request, as Lambda tells it."""

    request_id: str
    billed_ms: int | None
    init_ms: float | None = None
    restore_ms: float | None = None
    memory_used_mb: int | None = None
    statuses: frozenset[str] = field(default_factory=frozenset)
    """Of initialisations before it in this log: timeout, or error."""

    @property
    def start_type(self) -> str | None:
        """As far as Lambda tells: Init Duration comes with the first request of a unit, awaited or not."""
        if "timeout" in self.statuses:
            return "cold_reinit"
        if self.restore_ms is not None:
            return "restored"
        return INITIALISED if self.init_ms is not None else None

    def witnessed(self, unit: str | None = None) -> Witnessed:
        """In the bench's own terms."""
        return Witnessed(
            request_id=self.request_id,
            unit=unit,
            start_type=self.start_type,
            billed_ns=None if self.billed_ms is None else self.billed_ms * 1_000_000,
            init_ns=_ns(self.init_ms),
            restore_ns=_ns(self.restore_ms),
            memory_used_bytes=None if self.memory_used_mb is None else self.memory_used_mb * MB,
        )


def read_tail(header: bytes) -> list[Report]:
    """The reports in a reply's X-Amz-Log-Result, which is base64 of its log's last 4 KB; none where it is no such."""
    try:
        text = base64.b64decode(header, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return []
    return list(read_log(text.splitlines()))


def read_log(lines: Iterable[str]) -> Iterator[Report]:
    """Each report in the log of one unit, in order. What a function printed itself is passed over."""
    statuses: set[str] = set()
    for line in lines:
        if len(line) > MOST_LINE:
            continue
        facts = _of_json(line) if line.startswith("{") else _of_text(line)
        if facts is None:
            continue
        if isinstance(facts, str):
            statuses.add(facts)
        else:
            yield Report(**facts, statuses=frozenset(statuses))
            statuses.clear()


def _of_text(line: str) -> dict[str, Any] | str | None:
    """The fields of a REPORT line, or the status that an INIT_REPORT line tells."""
    kind, _, rest = line.partition(" ")
    if kind not in ("REPORT", "INIT_REPORT"):
        return None
    facts = dict(FIELD.findall(rest))
    if kind == "INIT_REPORT":
        return facts.get("Status")
    if not (request_id := facts.get("RequestId", "").strip()):
        return None
    billed = _ms(facts.get("Billed Duration"))
    memory = MEMORY.fullmatch(facts.get("Max Memory Used", "").strip())
    return {
        "request_id": request_id,
        "billed_ms": None if billed is None else round(billed),
        "init_ms": _ms(facts.get("Init Duration")),
        "restore_ms": _ms(facts.get("Restore Duration")),
        "memory_used_mb": int(memory[1]) if memory else None,
    }


def _of_json(line: str) -> dict[str, Any] | str | None:
    """The same of an event of the JSON log format."""
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    record = event.get("record")
    if not isinstance(record, dict):
        return None
    if event.get("type") == "platform.initReport":
        status = record.get("status")
        return status if isinstance(status, str) and status != "success" else None
    metrics, request_id = record.get("metrics"), record.get("requestId")
    if event.get("type") != "platform.report" or not isinstance(metrics, dict) or not isinstance(request_id, str):
        return None
    billed, memory = _amount(metrics.get("billedDurationMs")), _amount(metrics.get("maxMemoryUsedMB"))
    return {
        "request_id": request_id,
        "billed_ms": None if billed is None else round(billed),
        "init_ms": _amount(metrics.get("initDurationMs")),
        "restore_ms": _amount(metrics.get("restoreDurationMs")),
        "memory_used_mb": None if memory is None else round(memory),
    }


def _ms(text: str | None) -> float | None:
    found = MS.fullmatch(text.strip()) if text else None
    return float(found[1]) if found else None


def _amount(value: Any) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value < 1e12 else None


def _ns(ms: float | None) -> int | None:
    return None if ms is None else round(ms * 1_000_000)
