"""The only file of targets/ that reads time: one monotonic clock, in nanoseconds."""

import time

now_ns = time.monotonic_ns
"""CLOCK_MONOTONIC in ns: shared by every process and container of one kernel."""


def clock_id() -> str | None:
    """Names the kernel whose monotonic clock this is: stamps of equal id may be subtracted. None where unknown."""
    from pathlib import Path  # here, because a sandbox that starts cold pays for every import

    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def sleep(seconds: float) -> None:
    """Sleep; here so that no other file needs the time module."""
    time.sleep(seconds)


def wall_time() -> float:
    """Seconds since 1970, for labels and file names: never subtracted."""
    return time.time()
