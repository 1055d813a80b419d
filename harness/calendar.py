"""The calendar's time, for labels and due dates; durations are harness/clock.py's."""

from datetime import UTC, datetime


def utc_now() -> datetime:
    """Never subtracted from another one to measure."""
    return datetime.now(UTC)
