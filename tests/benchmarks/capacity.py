"""A search for a capacity that is known: 20 ms a request, one at a time, is 50 a second.

Run with `python -m tests.benchmarks.capacity`. Ends with 1 when the search is wrong, with 4 when the machine was busy.
"""

import io
import sys
import tempfile
from contextlib import redirect_stdout
from pathlib import Path

from rich.console import Console

from harness.capacity.order import CapacityOrder
from harness.capacity.running import measure_capacity
from harness.record.capacity import read_capacities
from tests.benchmarks.calm import settled

HANDLER_MS = 20.0
LEAST, MOST = 20.0, 60.0
ORDER = CapacityOrder("known-truth", "process-service", 300.0, 90.0, 100.0, 1.5, 1, 1, 3)


def search() -> list[str]:
    """Bounds that do not hold."""
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        measure_capacity(ORDER, "json", Path(folder), Console(stderr=True), {"handler_ms": HANDLER_MS})
        kept, malformed = read_capacities(Path(folder) / "capacity")
    if malformed or len(kept) != 1:
        return [f"the search left {len(kept)} records", *malformed]
    rate = kept[0].capacity.rate
    sys.stdout.write(f"one replica that takes {HANDLER_MS:g} ms serves {rate.value} a second, n = {rate.n} steps\n")
    if rate.value is None:
        return [f"no rate was found: {rate.why}"]
    return [] if LEAST < rate.value < MOST else [f"{rate.value} is not between {LEAST:g} and {MOST:g}"]


if __name__ == "__main__":
    sys.exit(settled(search))
