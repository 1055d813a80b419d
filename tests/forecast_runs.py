"""Stored runs that a month can be forecast from: two sides with handlers and starts whose times a test chooses."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.record.folder import RunFolder
from tests.synthetic import MS, manifest, requests, samples, trial

EXPERIMENT: dict[str, Any] = {
    "name": "month",
    "profiles": [{"name": "steady", "parameters": {"rate": 4, "seconds": 12}}],
    "objective": {"percentile": 95, "latency_ms": 300},
    "expected": {"requests_per_month": 2_628_000},
    "function": {"keep_alive_s": 300},
}
CASES: dict[str, dict[str, Any]] = {
    "docker-service": {"memory_mb": 2048, "cpus": 1.0, "replicas": 1},
    "docker-lambda": {"memory_mb": 1769, "cpus": 1.0, "keep_alive_s": 300, "concurrency": 1000, "begin": "steady"},
}
TRAFFIC = {"rate": 4.0, "seconds": 12.0, "compression": 1.0}


def forecastable(
    results: Path,
    rounds: int = 10,
    warm_ms: float = 20.0,
    cold_ms: float = 800.0,
    spread: float = 0.05,
    targets: Sequence[str] = ("docker-service", "docker-lambda"),
    forced: int = 4,
    warm: int = 48,
    experiment: dict[str, Any] | None = None,
    **changes: Any,
) -> RunFolder:
    """`warm` requests a trial, all alike but for a shift of each trial, and so many forced cold starts, a quarter of
    each before initialisation and half of it initialisation."""
    stream = np.random.default_rng(1)
    experiment = EXPERIMENT if experiment is None else experiment
    run = RunFolder.create(results, manifest(rounds=rounds, trials=0, experiment=experiment, **changes))
    order = 0
    for number in range(1, rounds + 1):
        for target in targets:
            shift = float(np.exp(spread * stream.standard_normal()))
            own = warm_ms * shift * np.exp(0.1 * stream.standard_normal(warm))
            handler = np.round(0.9 * own * MS).astype(np.int64)
            table = requests(own, handler_ns=handler)
            key = {"target": target, "round": number, "case": CASES[target] | TRAFFIC, "seconds": 12.0}
            run.save_trial(trial(table, f"r{number:02}.{target}.steady", order=order, **key), table, samples())
            if forced:
                table = cold_starts(np.full(forced, cold_ms * shift))
                case = CASES[target] | {"cold_starts": forced, "page_cache": "kept", "images": "present"}
                key |= {"case": case, "profile": "cold", "starts": forced}
                run.save_trial(trial(table, f"r{number:02}.{target}.cold", order=order + 1, **key), table, samples())
            order += 2
    run.manifest = run.manifest.model_copy(update={"trials": len(run.trials())})
    run.write_manifest()
    return run


def cold_starts(whole_ms: np.ndarray) -> Any:
    """Of these lengths, scheduled to done."""
    whole = np.round(whole_ms * MS).astype(np.int64)
    create, boot, imports = whole // 4, whole // 4, whole // 4
    first = np.full(len(whole), 20 * MS)
    rest = whole - create - boot - imports - first
    parts = {"create": create, "boot": boot, "imports": imports, "first_inference": first, "unaccounted": rest}
    columns = {f"phase_{name}_ns": values for name, values in parts.items()}
    return requests(whole_ms, start_class=["cold"] * len(whole), handler_ns=first, **columns)
