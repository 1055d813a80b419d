"""Makes a valid run folder from a seed: what a bench would leave, with numbers that a test can choose."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from harness.record.columns import SAMPLES, phase_column, phases_in, requests_schema
from harness.record.folder import RunFolder
from harness.record.nouns import GeneratorRecord, Manifest, Outcome, TrialRecord, UnitRecord
from harness.record.phases import order_phases
from harness.record.target_facts import TargetFacts

MS = 1_000_000
PHASES = (
    *("queue", "create", "start", "boot", "imports", "weights", "tokenizer", "connections"),
    *("first_inference", "unaccounted"),
)
"""Of a workload that names four, where the image is present."""


def target_facts(kind: str = "service", bought_as: str = "fargate", **capabilities: Any) -> TargetFacts:
    """Of a target of one part, isolated and no emulation unless said."""
    part = {"name": "main", "kind": kind, "bought_as": bought_as}
    facts = {"emulated": False, "isolated": True, "usage": "polled"}
    return TargetFacts.model_validate({"parts": [part], "capabilities": facts | capabilities})


TARGETS = {
    "docker-service": target_facts(),
    "docker-lambda": target_facts("function", "aws_lambda", emulated=True),
}
CASES: dict[str, dict[str, Any]] = {
    "docker-service": {"memory_mb": 2048, "cpus": 1.0},
    "docker-lambda": {"memory_mb": 1769, "cpus": 1.0, "keep_alive_s": 300, "begin": "steady"},
}


def manifest(**changes: Any) -> Manifest:
    """A manifest of 10 rounds."""
    given = {
        "schema": "frostline/run/2",
        "run": "2026-11-03T10-12-05Z_quickstart_7f3a",
        "experiment": {"name": "quickstart"},
        "experiment_sha256": "0" * 64,
        "seed": 1,
        "rounds": 10,
        "trials": 0,
        "started_at": "2026-11-03T10:12:05+00:00",
        "finished_at": "2026-11-03T10:42:05+00:00",
        "targets": TARGETS,
    }
    return Manifest.model_validate(given | changes)


def requests(latency_ms: Sequence[float] | np.ndarray, **columns: Any) -> pa.Table:
    """One row per latency, sent 1 ms apart, all ok, warm and on one unit unless `columns` says else."""
    n = len(latency_ms)
    scheduled = np.arange(n, dtype=np.int64) * MS
    done = scheduled + np.round(np.asarray(latency_ms, dtype=float) * MS).astype(np.int64)
    filled: dict[str, Any] = {
        "index": np.arange(n),
        "payload": ["short"] * n,
        "scheduled_ns": scheduled,
        "started_ns": scheduled + 10_000,
        "sent_ns": scheduled + 20_000,
        "first_byte_ns": done - 5_000,
        "done_ns": done,
        "outcome": ["ok"] * n,
        "status": [200] * n,
        "start_class": ["warm"] * n,
        "unit": ["u0"] * n,
        "queue_ns": [0] * n,
        "handler_ns": [10_000] * n,
        "new_connection": [False] * n,
        "resent": [False] * n,
        "in_flight": [1] * n,
    }
    filled |= columns
    phases = phases_in(filled)
    schema = requests_schema(order_phases([*phases, "unaccounted"] if phases else []))
    arrays = [pa.array(filled.get(field.name, [None] * n)).cast(field.type) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def samples(units: Sequence[str] = ("u0",), at_ms: Sequence[int] = (0, 100)) -> pa.Table:
    """Every unit at every moment."""
    rows = [{"at_ns": at * MS, "unit": unit, "memory_bytes": 2**20} for at in at_ms for unit in units]
    return pa.Table.from_pylist(rows, schema=SAMPLES)


def trial(table: pa.Table, trial: str = "r01.docker-lambda", **changes: Any) -> TrialRecord:
    """The record that fits a table of requests."""
    outcomes = table["outcome"].to_pylist()
    target = changes.get("target", "docker-lambda")
    given: dict[str, Any] = {
        "trial": trial,
        "round": 1,
        "order": 0,
        "workload": "echo",
        "target": target,
        "profile": "steady",
        "case": CASES.get(target, {}),
        "started_at": "2026-11-03T10:12:05+00:00",
        "seconds": 10.0,
        "counts": {outcome: outcomes.count(outcome) for outcome in Outcome if outcome in outcomes},
        "scheduled": len(outcomes),
        "phases": phases_in(table.column_names),
        "units": [unit("u0")],
        "host_cpus": 4,
        "unit_cpus": 1.0,
        "generator": GeneratorRecord(workers=1, timer="timerfd", priority="real-time"),
    }
    return TrialRecord.model_validate(given | changes)


def unit(name: str, **changes: Any) -> UnitRecord:
    """A unit with every counter read: 64 MB at most, 1 CPU second in 10 s."""
    mb = 2**20
    given = {
        "unit": name,
        "for_request": True,
        "lived_ns": 10_000 * MS,
        "memory_peak_bytes": 64 * mb,
        "own_peak_bytes": 48 * mb,
        "memory_mean_bytes": 40 * mb,
        "cpu_ns": 1_000 * MS,
        "throttled_ns": 0,
    }
    return UnitRecord.model_validate(given | changes)


def traffic(rng: np.random.Generator, n: int, cold_share: float = 0.01, failed_share: float = 0.0) -> pa.Table:
    """`n` log-normal latencies around 20 ms; those that meet a start take 800 ms more, with every phase stamped."""
    cold, bad = rng.random(n) < cold_share, rng.random(n) < failed_share
    latency = rng.lognormal(3.0, 0.25, n) + np.where(cold, 800 * rng.lognormal(0.0, 0.1, n), 0.0)
    table = requests(
        latency,
        outcome=np.where(bad, "failed", "ok"),
        start_class=np.where(cold, "cold", "warm"),
        unit=np.char.add("u", (np.cumsum(cold) % 50).astype(str)),
        queue_ns=rng.integers(0, 2 * MS, n),
        in_flight=rng.integers(1, 9, n),
        started_ns=np.arange(n) * MS + rng.integers(0, 200_000, n),
        sent_ns=np.arange(n) * MS + 200_000,
    )
    return with_phases(table, cold, np.round(latency * MS).astype(np.int64))


def with_phases(table: pa.Table, cold: np.ndarray, total_ns: np.ndarray, phases: Sequence[str] = PHASES) -> pa.Table:
    """Split each cold start evenly over these phases."""
    even = total_ns // len(phases)
    rest = total_ns - even * (len(phases) - 1)
    for phase in phases:
        part = pa.array(rest if phase == "unaccounted" else even, mask=~cold)
        table = table.append_column(pa.field(phase_column(phase), pa.int64()), part)
    return table


def make_run(
    results_dir: Path,
    seed: int = 1,
    rounds: int = 10,
    requests_per_trial: int = 400,
    profiles: Sequence[str] = ("cold", "steady"),
    **changes: Any,
) -> RunFolder:
    """Both targets under every profile, `rounds` times; `cold` holds four forced cold starts per trial."""
    rng = np.random.default_rng(seed)
    plan = [(r, profile, target) for r in range(1, rounds + 1) for profile in profiles for target in TARGETS]
    run = RunFolder.create(results_dir, manifest(rounds=rounds, trials=len(plan), seed=seed, **changes))
    for order, (r, profile, target) in enumerate(plan):
        forced = profile == "cold"
        table = traffic(rng, 4 if forced else requests_per_trial, 1.0 if forced else 0.01)
        starts = table["start_class"].to_pylist().count("cold")
        key = {"target": target, "profile": profile, "round": r, "order": order, "starts": starts}
        run.save_trial(trial(table, f"r{r:02}.{target}.{profile}", **key), table, samples())
    return run
