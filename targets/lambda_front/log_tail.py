"""The end of an invocation's log, as LogType=Tail asks for it."""

import base64
import math
from dataclasses import dataclass

LIMIT_BYTES = 4096
MB = 1024 * 1024


@dataclass(frozen=True)
class Report:
    """What was measured of one invocation; what could not be is None."""

    duration_ns: int
    init_ns: int | None = None
    """Of a cold start: from when its runtime was let run until it could take the request."""
    memory_peak_bytes: int | None = None
    """The most memory of its own that its sandbox was seen to hold, files left out."""
    printed: bytes = b""
    """What the function printed meanwhile, as far as it is at hand."""
    status: str | None = None
    """How it ended where it did not end well: timeout or error."""


def log_tail(report: Report, request_id: str, memory_mb: int | None) -> str:
    """The last 4 KB of the log as UTF-8, in base64."""
    printed = report.printed.decode(errors="replace")
    log = f"START RequestId: {request_id} Version: $LATEST\n{printed}"
    log += "" if log.endswith("\n") else "\n"
    log += f"END RequestId: {request_id}\n{report_line(report, request_id, memory_mb)}\n"
    whole_characters = log.encode()[-LIMIT_BYTES:].decode(errors="ignore")
    return base64.b64encode(whole_characters.encode()).decode()


def report_line(report: Report, request_id: str, memory_mb: int | None) -> str:
    """AWS's REPORT line, of measured figures. Initialisation is billed."""
    billed_ms = math.ceil((report.duration_ns + (report.init_ns or 0)) / 1e6)
    parts = [
        f"REPORT RequestId: {request_id}",
        f"Duration: {report.duration_ns / 1e6:.2f} ms",
        f"Billed Duration: {billed_ms} ms",
    ]
    if memory_mb is not None:
        parts.append(f"Memory Size: {memory_mb} MB")
    if report.memory_peak_bytes is not None:
        parts.append(f"Max Memory Used: {math.ceil(report.memory_peak_bytes / MB)} MB")
    if report.init_ns is not None:
        parts.append(f"Init Duration: {report.init_ns / 1e6:.2f} ms")
    if report.status is not None:
        parts.append(f"Status: {report.status}")
    return "\t".join([*parts, ""])
