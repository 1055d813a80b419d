"""The only file of harness/ that reads time."""

import time
from datetime import UTC, datetime

from targets.clock import clock_id, now_ns, sleep

__all__ = ["clock_id", "cpu_ns", "now_ns", "sleep", "utc_now"]

cpu_ns = time.process_time_ns
"""CPU time of this process, in ns."""


def utc_now() -> datetime:
    """The calendar's time, for labels only: never subtracted."""
    return datetime.now(UTC)
