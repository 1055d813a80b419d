"""Forecast records with numbers that a test can choose: what `frostline forecast` would leave beside a run."""

from typing import Any

from harness.record.folder import RunFolder
from harness.record.forecast import Figure, Forecast, trials_sha256

CASES: dict[str, dict[str, Any]] = {
    "docker-service": {"memory_mb": 2048, "cpus": 1.0},
    "docker-lambda": {"memory_mb": 1769, "cpus": 1.0, "keep_alive_s": 300},
}


def figure(value: float | None, spread: float = 0.1, why: str | None = None) -> dict[str, Any]:
    """A number whose interval reaches so far to both sides of it."""
    if value is None:
        return {"value": None, "why": why or "not forecast"}
    return Figure(value=value, low=value * (1 - spread), high=value * (1 + spread), n=40).model_dump()


def quantities(kind: str = "function", arrivals: float = 3e6, **changes: Any) -> dict[str, Any]:
    """Of a month: 50 ms billed for each arrival, or one replica that is there all the time."""
    own: dict[str, Any] = {"billed_s": figure(0.05 * arrivals)} if kind == "function" else {"unit_hours": figure(730.0)}
    shared = {"arrivals": arrivals, "invoked": figure(arrivals), "good": figure(arrivals), "late": figure(0.0)}
    return shared | own | {"busy_hours": figure(0.05 * arrivals / 3600)} | changes


def row(kind: str = "function", **changes: Any) -> dict[str, Any]:
    """One side, of steady traffic of a little more than a request a second."""
    target = "docker-lambda" if kind == "function" else "docker-service"
    rates = (0.01, 0.1, 1.0, 10.0)
    given: dict[str, Any] = {
        "workload": "echo",
        "target": target,
        "kind": kind,
        "profile": "steady",
        "case": CASES[target],
        "rule": "lambda-pool" if kind == "function" else "fixed-replicas",
        "parameters": {"keep_alive_s": 300, "provisioned": 0} if kind == "function" else {"replicas": 1},
        "rule_source": "AWS documentation, read 2026-11-26",
        "unit": {
            "trials": 10,
            "warm": 4000,
            "cold": 40,
            "cold_trials": 10,
            "waiting_ms": figure(150.0),
            "starting_ms": figure(650.0),
            "warm_ms": figure(20.0),
            "from_profile": "steady",
            "payloads": {"short": 4000},
            "memory_peak_mb": 64.0,
        },
        "cold_share": figure(0.01 if kind == "function" else 0.0),
        "cold_starts_per_day": figure(1000.0 if kind == "function" else 0.0),
        "latency_p50_ms": figure(20.0),
        "latency_p95_ms": figure(40.0),
        "latency_p99_ms": figure(300.0),
        "latency_at_objective_ms": figure(40.0),
        "throttled_share": figure(0.0),
        "failed_share": figure(0.0),
        "late_share": figure(0.01),
        "queue_p95_ms": None if kind == "function" else figure(1.0),
        "units_mean": figure(1.5),
        "units_peak": figure(4.0),
        "hours": {"arrivals": [4000.0] * 168, "cold_starts": [40.0] * 168, "units": [1.5] * 167 + [None]},
        "quantities": quantities(kind),
        "curve": [
            {"rps": rps, "quantities": quantities(kind, rps * 2_628_000), "latency_ms": figure(40.0), "units_peak": 4}
            for rps in rates
        ],
        "what_ifs": [
            {
                "name": "provisioned=2",
                "case": CASES[target],
                "rule": "lambda-pool",
                "parameters": {"keep_alive_s": 300, "provisioned": 2},
                "cold_share": figure(0.001),
                "latency_p95_ms": figure(38.0),
                "quantities": quantities(kind, overflow_s=figure(100.0)),
            }
        ],
        "warnings": [],
    }
    return given | changes


def forecast(run: RunFolder, rows: list[dict[str, Any]] | None = None, **changes: Any) -> Forecast:
    """Of this run as it is now; a function and a service unless `rows` says else."""
    given: dict[str, Any] = {
        "schema": "frostline/forecast/1",
        "run": run.manifest.run,
        "trials_sha256": trials_sha256(run),
        "made_at": "2026-11-03T10:43:00+00:00",
        "seed": 1,
        "resamples": 40,
        "requests": 6_000_000,
        "took_s": 12.5,
        "compiled": True,
        "objective": {"percentile": 95, "latency_ms": 300},
        "traffic": [
            {
                "name": "steady",
                "source": "profile",
                "parameters": {"name": "steady"},
                "mean_rps": 3e6 / 2_628_000,
                "days": 30,
                "simulated_days": 2,
                "seed": 1,
            }
        ],
        "rows": [row("function"), row("service")] if rows is None else rows,
    }
    return Forecast.model_validate(given | changes)
