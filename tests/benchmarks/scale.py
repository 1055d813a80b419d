"""How long `frostline show` takes over a large run and how much memory, by the kernel's account of that very process.

Run with `python -m tests.benchmarks.scale [--requests 10_000_000] [--keep DIR]`: runs of a tenth, three tenths and all
of so many requests in 40 trials, and all of them in 4 trials. Ends with 1 when a bound does not hold,
with 4 when the machine was too busy to say.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.benchmarks.calm import settled

MB = 2**20
MOST_SECONDS, MOST_MB = 15.0, 1024.0
CONSTANT_MB, BYTES_PER_REQUEST, BYTES_PER_TIMES = 320.0, 400.0, 28.0
"""What results/README.md promises: for a run, for each request of its largest trial, for each of a row of its table."""
TARGETS = ("docker-service", "docker-lambda")
PROFILES = ("bursty", "steady")
RATE, UNITS, ALIVE, SAMPLES_PER_S = 1000, 300, 40, 10
HEAD = "   requests trials  per trial  disk MB   form  wall s   CPU s  peak MB"
SHOW = [sys.executable, "-c", "from harness.cli import main; main()", "show"]


class Shape(NamedTuple):
    """A run to make."""

    requests: int
    rounds: int

    @property
    def trials(self) -> int:
        return self.rounds * len(TARGETS) * len(PROFILES)

    @property
    def per_trial(self) -> int:
        return self.requests // self.trials


class Cost(NamedTuple):
    """What one process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    code: int


def make(folder: Path, shape: Shape) -> None:
    """A valid run by the store itself. Imports are here, for the parent's memory would count as the child's."""
    import numpy as np

    from harness.record.folder import RunFolder
    from tests.synthetic import manifest, trial, unit

    rng = np.random.default_rng(1)
    run = RunFolder.create(
        folder, manifest(run=f"r{shape.requests}-{shape.trials}", rounds=shape.rounds, trials=shape.trials)
    )
    for order, (number, profile, target) in enumerate(plan(shape)):
        units = [f"{target}-{at:04}" for at in range(UNITS if target == "docker-lambda" else 2)]
        table, cold = traffic(rng, shape.per_trial, units)
        key = {"target": target, "profile": profile, "round": number, "order": order, "starts": cold}
        seconds = shape.per_trial / RATE
        case = {"memory_mb": 1769, "cpus": 1.0, "rate": RATE, "seconds": seconds}
        record = trial(
            table,
            f"r{number:02}.{target}.{profile}",
            **key,
            case=case,
            seconds=seconds,
            units=[unit(name) for name in units],
        )
        run.save_trial(record, table, memory(rng, units, seconds))


def plan(shape: Shape) -> Iterator[tuple[int, str, str]]:
    for number in range(1, shape.rounds + 1):
        for profile in PROFILES:
            for target in TARGETS:
                yield number, profile, target


def traffic(rng: Any, n: int, units: list[str]) -> tuple[Any, int]:
    """Poisson arrivals, log-normal answers, a cold start per unit and a failure in a thousand; (table, cold starts)."""
    import numpy as np
    import pyarrow as pa

    from harness.record.columns import requests_schema
    from tests.synthetic import MS, with_phases

    scheduled = np.cumsum(rng.exponential(1e9 / RATE, n)).astype(np.int64)
    started = scheduled + rng.exponential(60_000, n).astype(np.int64)
    sent = started + rng.integers(10_000, 40_000, n)
    at = placed(rng, n, len(units))
    cold = np.zeros(n, bool)
    cold[np.unique(at, return_index=True)[1]] = len(units) > 2
    handler = (rng.lognormal(2.5, 0.3, n) * MS).astype(np.int64)
    start = np.where(cold, (800 * rng.lognormal(0, 0.1, n) * MS).astype(np.int64), 0)
    queue = rng.integers(0, MS // 5, n)
    done = sent + start + queue + handler + rng.integers(200_000, 900_000, n)
    failed = rng.random(n) < 0.001
    columns = {
        "index": np.arange(n),
        "payload": named(["short", "long"], rng.integers(0, 2, n)),
        "scheduled_ns": scheduled,
        "started_ns": started,
        "sent_ns": sent,
        "first_byte_ns": done - rng.integers(1_000, 50_000, n),
        "done_ns": done,
        "outcome": named(["ok", "failed"], failed),
        "status": pa.array(np.where(failed, 500, 200)),
        "error": pa.array(np.full(n, "HTTP 500"), mask=~failed),
        "start_class": named(["warm", "cold"], cold),
        "unit": named(units, at),
        "invocation": 1 + np.arange(n) // len(units),
        "unit_request": 1 + np.arange(n) // len(units),
        "queue_ns": queue,
        "handler_ns": handler,
        "new_connection": rng.random(n) < 0.01,
        "in_flight": rng.integers(1, ALIVE, n),
        "reply_bytes": rng.integers(100, 4000, n),
    }
    schema = requests_schema(())
    arrays = [pa.array(columns.get(field.name, pa.nulls(n))).cast(field.type) for field in schema]
    return with_phases(pa.Table.from_arrays(arrays, schema=schema), cold, done - scheduled), int(cold.sum())


def placed(rng: Any, n: int, units: int) -> Any:
    """Which unit answers each request: of many, ALIVE at once, one following the other."""
    import numpy as np

    if units <= ALIVE:
        return rng.integers(0, units, n)
    first = np.linspace(0, units - ALIVE, n).astype(np.int64)
    return first + rng.integers(0, ALIVE, n)


def named(names: list[str], places: Any) -> Any:
    """A column of names."""
    import numpy as np
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(np.asarray(places), pa.int32()), pa.array(names))


def memory(rng: Any, units: list[str], seconds: float) -> Any:
    """Each living unit ten times a second."""
    import numpy as np
    import pyarrow as pa

    from harness.record.columns import SAMPLES

    moments = np.arange(0, seconds, 1 / SAMPLES_PER_S)
    alive = min(ALIVE, len(units))
    first = np.linspace(0, len(units) - alive, len(moments)).astype(np.int64)
    at = (first[:, None] + np.arange(alive)).ravel()
    n = len(at)
    columns = {
        "at_ns": np.repeat((moments * 1e9).astype(np.int64), alive),
        "unit": named(units, at),
        "memory_bytes": rng.integers(40 * MB, 64 * MB, n) // 4096 * 4096,
        "own_memory_bytes": rng.integers(30 * MB, 40 * MB, n) // 4096 * 4096,
        "cpu_ns": np.arange(n) * 1_000_000,
        "throttled_ns": np.zeros(n, np.int64),
    }
    return pa.Table.from_arrays([pa.array(columns[f.name]).cast(f.type) for f in SAMPLES], schema=SAMPLES)


def show(run: Path, form: str) -> Cost:
    """One reading in a process of its own. The output is kept in a file: a pipe would have to be emptied."""
    with tempfile.TemporaryFile() as out:
        began = time.monotonic()
        process = subprocess.Popen([*SHOW, str(run), "--format", form], stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        if process.returncode:
            print(out.read(2000).decode())
    return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, process.returncode)


def made(folder: Path, shape: Shape) -> Path:
    """The run's folder, made by another process unless it is there from an earlier time."""
    run = folder / "runs" / f"r{shape.requests}-{shape.trials}"
    if not run.exists():
        command = [sys.executable, "-m", "tests.benchmarks.scale", "--make", str(folder), *map(str, shape)]
        subprocess.run(command, check=True)
    return run


def measure(folder: Path, shape: Shape, keep: bool) -> list[Cost]:
    """Text and JSON, printed as they come."""
    run = made(folder, shape)
    size = sum(file.stat().st_size for file in run.rglob("*.parquet"))
    costs = []
    for form in ("text", "json"):
        cost = show(run, form)
        print(
            f"{shape.requests:>11,} {shape.trials:>6} {shape.per_trial:>10,} {size / MB:>8.0f} {form:>6} "
            f"{cost.wall_s:>7.1f} {cost.cpu_s:>7.1f} {cost.peak_mb:>8.0f}",
            flush=True,
        )
        costs.append(cost)
    if not keep:
        subprocess.run(["rm", "-rf", str(run)], check=True)
    return costs


def broken(shape: Shape, cost: Cost) -> list[str]:
    """Bounds that do not hold."""
    name = f"{shape.requests:,} requests in {shape.trials} trials"
    allowed = CONSTANT_MB + (BYTES_PER_REQUEST + BYTES_PER_TIMES * shape.rounds) * shape.per_trial / MB
    problems = [] if cost.code == 0 else [f"{name}: ended with {cost.code}"]
    if cost.wall_s > MOST_SECONDS:
        problems.append(f"{name}: {cost.wall_s:.1f} s, bound {MOST_SECONDS:.0f} s")
    if cost.peak_mb > min(allowed, MOST_MB):
        problems.append(f"{name}: {cost.peak_mb:.0f} MB, bound {min(allowed, MOST_MB):.0f} MB")
    return problems


def line(points: list[tuple[int, float]]) -> tuple[float, float]:
    """Least squares: MB at no request, and bytes per request of the largest trial."""
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points, strict=True))
    slope = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return mean_y - slope * mean_x, slope * MB


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--keep", type=Path, help="leave the runs in this folder, and use those that are there")
    parser.add_argument("--make", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.make:
        make(Path(asked.make[0]), Shape(*map(int, asked.make[1:])))
        return 0
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])
    return settled(lambda: measured(asked.requests, asked.keep))


def measured(requests: int, keep: Path | None) -> list[str]:
    """Bounds that do not hold."""
    shapes = [Shape(requests * tenths // 10, 10) for tenths in (1, 3, 10)] + [Shape(requests, 1)]
    print(HEAD)
    problems, points = [], []
    with tempfile.TemporaryDirectory() as temporary:
        for shape in shapes:
            for cost in measure(keep or Path(temporary), shape, keep is not None):
                points.append((shape.per_trial, cost.peak_mb))
                problems += broken(shape, cost)
    constant, slope = line(points)
    print(f"\npeak memory: {constant:.0f} MB for a run, and {slope:.0f} bytes for each request of its largest trial")
    return problems


if __name__ == "__main__":
    sys.exit(main())
