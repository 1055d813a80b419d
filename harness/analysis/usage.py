"""What the units of a row used: peaks over units, sums over all of them. MB are 1,048,576 bytes, as on Lambda."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from harness.record.nouns import Case, TrialRecord, UnitRecord

MB = 1_048_576
MB_PER_GB = 1024
NS_PER_S = 1_000_000_000
POLLED = "polled"
"""Of a target's capability `usage`: its units can be asked at any moment."""


@dataclass(frozen=True)
class Usage:
    """A sum is None when a unit's counter was not read, since it would be too small; peaks are of those read."""

    memory_peak_mb: float | None
    memory_own_peak_mb: float | None
    memory_mean_mb: float | None
    """Mean over units, weighted by how long each lived."""
    cpu_seconds: float | None
    cpu_throttled_seconds: float | None
    memory_gb_seconds: float | None
    """Sizing times lifetime: what is reserved, not what is filled. None where nobody logs how long a unit lived."""
    unread: int
    """Units with at least one counter of memory or CPU time that could not be read."""
    oom_killed: int


def usage_of(records: list[TrialRecord], case: Case, told: str = POLLED, part: str | None = None) -> Usage:
    """What all units of these trials used that are of the part that requests reach, or of this further one.

    `case` has one unit's sizing, `told` is the target's `usage`."""
    units = [unit for record in records for unit in record.units if unit.part == part]
    memory_mb = case.get("memory_mb" if part is None else f"{part}_memory_mb")
    return Usage(
        memory_peak_mb=most_mb(unit.memory_peak_bytes for unit in units),
        memory_own_peak_mb=most_mb(unit.own_peak_bytes for unit in units),
        memory_mean_mb=mean_mb(units),
        cpu_seconds=sum_of(units, lambda unit: unit.cpu_ns),
        cpu_throttled_seconds=sum_of(units, lambda unit: unit.throttled_ns),
        memory_gb_seconds=gb_seconds(units, memory_mb),
        unread=sum(None in expected_counters(unit, told) for unit in units),
        oom_killed=sum(unit.oom_killed for unit in units),
    )


def expected_counters(unit: UnitRecord, told: str) -> tuple[int | None, ...]:
    """The counters that should have been read: a platform that is not polled tells of memory alone."""
    polled = (unit.own_peak_bytes, unit.cpu_ns) if told == POLLED else ()
    return (unit.memory_peak_bytes, *polled)


def most_mb(values: Iterable[int | None]) -> float | None:
    """The largest known value, in MB."""
    known = [value for value in values if value is not None]
    return max(known) / MB if known else None


def mean_mb(units: list[UnitRecord]) -> float | None:
    """The mean over the units whose mean is known, weighted by how long each lived."""
    known = [(unit.memory_mean_bytes, unit.lived_ns) for unit in units if unit.memory_mean_bytes is not None]
    lived_ns = sum(lived for _, lived in known)
    return sum(mean * lived for mean, lived in known) / lived_ns / MB if lived_ns else None


def sum_of(units: list[UnitRecord], nanoseconds: Callable[[UnitRecord], int | None]) -> float | None:
    """Seconds over all units; None when there is no unit or one is not known."""
    values = [nanoseconds(unit) for unit in units]
    known = [value for value in values if value is not None]
    return sum(known) / NS_PER_S if known and len(known) == len(values) else None


def gb_seconds(units: list[UnitRecord], memory_mb: Any) -> float | None:
    """Lambda's unit of memory over time; None when the sizing is not known, or but the least that a unit lived."""
    if not units or any(unit.lived_longer for unit in units):
        return None
    if isinstance(memory_mb, bool) or not isinstance(memory_mb, int | float) or not memory_mb > 0:
        return None
    return float(memory_mb) / MB_PER_GB * sum(unit.lived_ns for unit in units) / NS_PER_S
