"""Servers of other people under `frostline load` and under k6, in alternating passes: nothing fails, and p50 agrees.

Run with `python -m tests.benchmarks.servers`; about five minutes. Each server gets 10,000 requests at 500/s from each
generator, on one core, the server on the other one. What is compared is the median from the last byte sent to the last
one of the reply: k6's `http_req_waiting` with its `http_req_receiving`, and our `service_ms`. Ends with 1 when a bound
does not hold, with 4 when the machine was too busy to say. What is not installed is said and left out.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from tests.benchmarks.calm import settled, worst
from tests.benchmarks.load_path import K6_SCRIPT, frostline, k6_binary, placed
from tests.benchmarks.strangers import STRANGERS, Command, running

RATE, SECONDS, PASSES = 500, 10, 2
BOUND, LEAST_MS = 0.05, 0.05
"""Of k6's median, or so many ms: about what one generator or the other takes itself between a packet and its stamp."""


def k6_service_ms(port: int) -> float:
    """k6's median of a pass, from the request sent to the last byte of the reply."""
    with tempfile.TemporaryDirectory() as folder:
        script, summary = Path(folder, "load.js"), Path(folder, "summary.json")
        text = K6_SCRIPT.replace("RATE", str(RATE)).replace("SECONDS", str(SECONDS)).replace("PORT", str(port))
        script.write_text(text)
        command = [k6_binary(), "run", "--quiet", "--no-usage-report", "--summary-export", str(summary), str(script)]
        subprocess.run(command, capture_output=True, preexec_fn=lambda: placed(0), check=True)
        metrics = json.loads(summary.read_text())["metrics"]
        return sum(float(metrics[f"http_req_{part}"]["med"]) for part in ("waiting", "receiving"))


def compare(name: str, command: Command) -> list[str]:
    """Ours and k6 in turn against one server."""
    good, ours, theirs = 0, [], []
    with tempfile.TemporaryDirectory() as folder, running(command, Path(folder), partial(placed, 1)) as port:
        for _ in range(PASSES):
            told = frostline(port, RATE, SECONDS)
            good += told["good"]
            ours.append(told["service_ms"]["p50"])
            theirs.append(k6_service_ms(port))
    asked = RATE * SECONDS * PASSES
    p50, k6_p50 = (statistics.median(value for value in values if value is not None) for values in (ours, theirs))
    off = p50 / k6_p50 - 1
    print(
        f"{name:<26} {good:>6} of {asked} good   p50 {p50:.3f} ms   k6 {k6_p50:.3f} ms   {100 * off:+.1f} %", flush=True
    )
    problems = [] if good == asked else [f"{name}: {asked - good} of {asked} requests were not good"]
    return problems + (
        [] if abs(p50 - k6_p50) <= max(BOUND * k6_p50, LEAST_MS) else [f"{name}: p50 is {100 * off:+.1f} % off k6's"]
    )


def main(names: Sequence[str]) -> int:
    """Compare those of these names, or all."""
    codes, missing = [], []
    for name in names or STRANGERS:
        try:
            codes.append(settled(partial(compare, name, STRANGERS[name])))
        except FileNotFoundError as error:
            missing.append(f"NOT COMPARED: {name}: {error}")
    print("\n".join(missing))
    return worst(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
