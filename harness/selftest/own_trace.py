"""A week of arrivals of our own, for whoever has no trace at hand: sparse, by office hours, in bursts."""

from pathlib import Path

from harness.files.whole import replacing
from loadprofiles.bursty import Bursty
from loadprofiles.business_hours import BusinessHours

WEEK_S = 604_800.0
RATE = 0.006
"""Of each of its two parts, requests per second."""


def write_own_trace(results: Path) -> Path:
    """Write it, the same each time, as a plain list of seconds; returns where."""
    parts = (
        BusinessHours(rate=RATE, seconds=WEEK_S),
        Bursty(rate=RATE, seconds=WEEK_S, on_mean_s=300, off_mean_s=3600),
    )
    offsets = sorted(offset for part in parts for offset in part.arrivals(1))
    results.mkdir(parents=True, exist_ok=True)
    with replacing(path := results / "own-trace.csv") as file:
        file.write("".join(f"{offset:.3f}\n" for offset in offsets).encode())
    return path
