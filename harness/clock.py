"""The clock that durations are measured with, and the calendar's time, for labels and due dates."""

import time
from datetime import UTC, datetime
from typing import NamedTuple

now_ns = time.monotonic_ns
"""CLOCK_MONOTONIC in ns: the same one that targets/clock.py reads in every process and container of this kernel."""

cpu_ns = time.process_time_ns
"""CPU time of this process, in ns."""

sleep = time.sleep
"""Seconds; here so that no other file needs the time module."""


unix_s = time.time
"""The calendar's time in seconds since 1970, for signatures: never subtracted from another one to measure."""


def utc_now() -> datetime:
    """Never subtracted from another one to measure."""
    return datetime.now(UTC)


def moment_of(text: str) -> datetime:
    """An ISO 8601 time, in UTC; one without a zone is taken for UTC. ValueError for anything else."""
    moment = datetime.fromisoformat(text)
    try:
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except OverflowError:  # before the year 1 or after the year 9999
        raise ValueError(f"{text} is out of the calendar") from None


class Quarter(NamedTuple):
    """Of a calendar year, in UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime) -> "Quarter":
        """The one that a moment lies in."""
        return cls(moment.year, (moment.month + 2) // 3)

    @property
    def next(self) -> "Quarter":
        """The one after it."""
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)

    @property
    def month(self) -> int:
        """Its first."""
        return 3 * self.number - 2

    def __str__(self) -> str:
        return f"{self.year}-Q{self.number}"
