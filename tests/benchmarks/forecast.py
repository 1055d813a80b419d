"""Requests a second that the forecast's loops carry on one core, beside what SimFaaS says of itself.

Run with `python -m tests.benchmarks.forecast`. Ends with 1 when a bound does not hold, with 4 when the machine was too
busy to say.
"""

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from harness.forecast.compiled import why_plain
from harness.forecast.pool_loop import PoolMonth, run_pool
from harness.forecast.service_loop import run_service
from targets.rules import parse
from targets.rules.contract import Rule
from targets.rules.lambda_pool import PoolLimits
from tests.benchmarks.calm import settled

PASSES = 5
POOL_BOUND, SERVICE_BOUND = 2_000_000, 500_000
SIMFAAS = 21_000
"""898,469 requests in about 42 s: README of pacslab/simfaas, package 0.2.2; on whatever machine that was."""
SIMFAAS_REQUESTS = 898_469
SIMFAAS_RATE, SIMFAAS_WARM_S, SIMFAAS_COLD_S, SIMFAAS_KEEP_S = 0.9, 1.991, 2.244, 600
REQUESTS, RATE, WARM_S, COLD_S = 4_000_000, 400.0, 0.25, 1.5
SERVED, SERVICE_RATE, SERVICE_S, START_S, DRAIN_S = 2_000_000, 100.0, 0.05, 20.0, 30.0


def pool(requests: int, rate: float, warm_s: float, cold_s: float, keep_s: int) -> Callable[[], PoolMonth]:
    """Poisson arrivals and exponential times, drawn before; the limits hold all of them."""
    rng = np.random.default_rng(1)
    arrivals = np.cumsum(rng.exponential(1 / rate, requests))
    times = (rng.exponential(warm_s, requests), rng.exponential(cold_s, requests), np.zeros(requests, bool))
    limits = PoolLimits(keep_alive_ns=keep_s * 10**9)
    return lambda: run_pool(arrivals, *times, limits, float(arrivals[-1]))


def service(rule: Rule) -> Callable[[], object]:
    """A quarter of the time busier, so that the rule has something to do."""
    rng = np.random.default_rng(1)
    gaps = rng.exponential(1 / SERVICE_RATE, SERVED)
    gaps[(np.arange(SERVED) // (SERVED // 16)) % 4 == 0] /= 3
    arrivals, served = np.cumsum(gaps), rng.exponential(SERVICE_S, SERVED)
    starts = rng.gamma(9, START_S / 9, 100)
    return lambda: run_service(arrivals, served, rule, 1, starts, DRAIN_S, float(arrivals[-1]))


def per_second(requests: int, loop: Callable[[], object]) -> float:
    """The most of several passes, after one in which it is compiled."""
    loop()
    took = []
    for _ in range(PASSES):
        begun = time.perf_counter()
        loop()
        took.append(time.perf_counter() - begun)
    return requests / min(took)


def measure() -> list[str]:
    """Bounds that do not hold."""
    simfaas = pool(SIMFAAS_REQUESTS, SIMFAAS_RATE, SIMFAAS_WARM_S, SIMFAAS_COLD_S, SIMFAAS_KEEP_S)
    month = simfaas()
    settings = {"container_concurrency": 1.0, "target_concurrency": 1.0}
    figures = {
        "pool, SimFaaS's case": (per_second(SIMFAAS_REQUESTS, simfaas), POOL_BOUND),
        "pool, 400 a second": (per_second(REQUESTS, pool(REQUESTS, RATE, WARM_S, COLD_S, 300)), POOL_BOUND),
        "service, HPA, 100 a second": (per_second(SERVED, service(parse("hpa", {}))), SERVICE_BOUND),
        "service, Knative, 100 a second": (per_second(SERVED, service(parse("knative", settings))), SERVICE_BOUND),
    }
    units = month.unit_s_by_hour.sum() / (SIMFAAS_REQUESTS / SIMFAAS_RATE)
    print(f"requests a second on one core, the most of {PASSES} passes; arrays in, arrays out")
    for name, (speed, bound) in figures.items():
        print(f"{name:32} {speed:12,.0f}   bound {bound:9,}")
    print(f"{'SimFaaS, of itself, its case':32} {SIMFAAS:12,}   published, not measured here")
    print(f"SimFaaS's case: cold share {month.cold.mean():.4f} (published 0.0014), {units:.2f} units (7.66)")
    print(json.dumps({name: round(speed) for name, (speed, _) in figures.items()}))
    plain = why_plain()
    slow = [f"{name}: {speed:,.0f} is below {bound:,}" for name, (speed, bound) in figures.items() if speed < bound]
    return slow if plain is None else [f"the loops are not compiled: {plain}", *slow]


if __name__ == "__main__":
    sys.exit(settled(measure))
