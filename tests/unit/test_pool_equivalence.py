"""The compiled loop beside the very rule that the front obeys: every decision and every unit of a million requests."""

from heapq import heappop, heappush
from typing import NamedTuple

import numpy as np
import pytest

from harness.forecast.pool_loop import run_pool
from harness.forecast.spans import HOUR_NS
from targets.rules.lambda_pool import Decision, LambdaPool, PoolLimits

SETTINGS, REQUESTS = 100, 12_000
"""More than a million requests in all."""
CHUNKS = 4


class Traffic(NamedTuple):
    arrivals: np.ndarray
    warm: np.ndarray
    cold: np.ndarray
    dies: np.ndarray
    idle_ages: np.ndarray
    limits: PoolLimits


class Seen(NamedTuple):
    decisions: list[int]
    units: list[int]
    features: set[str]


def adopt(pool: LambdaPool, traffic: Traffic) -> list[tuple[int, int, int]]:
    """Take in what is there from the begin; returns a heap of (when it is free, before any request, unit)."""
    ages = traffic.idle_ages.tolist()
    held = [-age for age in ages if age < 0]
    units = pool.adopt([-age for age in ages if age >= 0], busy=len(held))[len(ages) - len(held) :]
    return sorted((end, -1 - unit, unit) for end, unit in zip(held, units, strict=True))


def by_the_rule(traffic: Traffic) -> Seen:
    """Drive the rule itself from event to event."""
    pool = LambdaPool(traffic.limits)
    busy = adopt(pool, traffic)
    decisions, units, features = [], [], set()
    dies = traffic.dies.tolist()
    times = zip(traffic.arrivals.tolist(), traffic.warm.tolist(), traffic.cold.tolist(), strict=True)
    for at, (now, warm, cold) in enumerate(times):
        while busy and busy[0][0] <= now:
            done, request, unit = heappop(busy)
            if request >= 0 and dies[request]:
                features.add("lost" if pool.lose(unit) is None else "replaced")
            else:
                pool.put_back(unit, done)
            if done == now:
                features.add("ends as another arrives")
        if pool.next_expiry_ns == now:
            features.add("expires as another arrives")
        taken = pool.take(now)
        decisions.append(int(taken.decision))
        units.append(-1 if taken.unit is None else taken.unit)
        if taken.unit is not None:
            heappush(busy, (now + (cold if taken.decision is Decision.START else warm), at, taken.unit))
    return Seen(decisions, units, features | {Decision(decision).name for decision in set(decisions)})


def drawn(seed: int, requests: int = REQUESTS) -> Traffic:
    """Any setting, on a grid of a nanosecond, a millisecond or a second, so that moments coincide or do not."""
    rng = np.random.default_rng([11, seed])
    grid = int(rng.choice([1, 1_000_000, 1_000_000_000]))
    gap = float(rng.choice([0.002, 0.1, 2.0])) * 1e9 if grid < 1e9 else 2e9
    gaps = rng.exponential(gap, requests) * rng.choice([0.0, 0.1, 1.0, 3.0], requests, p=[0.2, 0.3, 0.3, 0.2])
    gaps[rng.random(requests) < 0.001] *= 1000  # silences
    warm = rng.exponential(gap * rng.choice([0.0, 0.3, 3.0, 20.0, 300.0]), requests)
    cold = warm + rng.exponential(gap * rng.choice([0.0, 1.0, 10.0]), requests)
    limit = int(rng.choice([0, 1, 2, 5, 50, 1000], p=[0.02, 0.1, 0.14, 0.2, 0.24, 0.3]))
    provisioned = int(rng.choice([0, 0, 1, 3]))
    limits = PoolLimits(
        keep_alive_ns=int(rng.choice([0, 1, 1, 3, 10, 10**6])) * max(grid, int(gap) // grid * grid),
        concurrency_limit=limit,
        starts_per_10_s=int(rng.choice([0, 1, 3, 20, 1000], p=[0.03, 0.12, 0.15, 0.2, 0.5])),
        provisioned=min(provisioned, limit),
    )
    ages = rng.exponential(gap, int(rng.integers(0, limit - limits.provisioned, endpoint=True)))
    ages[::3] *= -1  # busy for so much longer
    dies = rng.random(requests) < rng.choice([0.0, 0.01, 0.3])
    moments = (np.rint(np.cumsum(gaps) / grid), *(np.rint(values / grid) for values in (warm, cold)))
    arrivals, warm, cold = (values.astype(np.int64) * grid for values in moments)
    return Traffic(arrivals, warm, cold, dies, np.rint(ages / grid).astype(np.int64) * grid, limits)


def by_the_loop(traffic: Traffic):
    times = (traffic.arrivals / 1e9, traffic.warm / 1e9, traffic.cold / 1e9, traffic.dies)
    end_s = traffic.arrivals[-1] / 1e9
    return run_pool(*times, traffic.limits, end_s, idle_ages_s=traffic.idle_ages / 1e9)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_the_loop_decides_as_the_rule_does_a_million_times(chunk):
    requests, features = 0, set()
    for seed in range(chunk, SETTINGS, CHUNKS):
        traffic = drawn(seed)
        ours, rule = by_the_loop(traffic), by_the_rule(traffic)
        np.testing.assert_array_equal(ours.decision, rule.decisions, f"decisions of setting {seed}")
        np.testing.assert_array_equal(ours.unit, rule.units, f"units of setting {seed}")
        requests += len(rule.units)
        features |= rule.features
    assert requests * CHUNKS >= 1_000_000
    all_there_is = {"lost", "replaced", "ends as another arrives", "expires as another arrives"}
    assert features == all_there_is | set(Decision.__members__), "the settings leave nothing out"


def sizes(traffic):
    """Of the rule's pool: (since, until, units) between the moments at which anything happens."""
    pool, now, number, spans = LambdaPool(traffic.limits), 0, 0, []
    busy = adopt(pool, traffic)
    pool.expire(0)
    arrivals = traffic.arrivals.tolist()
    while True:
        moments = [pool.next_expiry_ns, *(end for end, *_ in busy[:1]), *arrivals[number : number + 1]]
        moment = min((at for at in moments if at is not None), default=arrivals[-1])
        spans.append((now, min(moment, arrivals[-1]), pool.size))
        if moment > arrivals[-1] or number == len(arrivals):
            return spans
        now = moment
        pool.expire(now)
        while busy and busy[0][0] <= now:
            done, request, unit = heappop(busy)
            if request >= 0 and traffic.dies[request]:
                pool.lose(unit)
            else:
                pool.put_back(unit, done)
        pool.expire(now)
        while number < len(arrivals) and arrivals[number] == now and not (busy and busy[0][0] == now):
            taken = pool.take(now)
            if taken.unit is not None:
                took = (traffic.cold if taken.decision is Decision.START else traffic.warm)[number]
                heappush(busy, (now + int(took), number, taken.unit))
            number += 1


def test_the_hours_and_the_peak_are_those_of_the_rule():
    for seed in range(30):
        traffic = drawn(seed, 600)
        ours, spans, end = by_the_loop(traffic), sizes(traffic), int(traffic.arrivals[-1])
        edges = range(0, end, HOUR_NS)
        hours = [sum(overlap(span, at, at + HOUR_NS) * span[2] for span in spans) / 1e9 for at in edges]
        assert ours.unit_s_by_hour.tolist() == pytest.approx(hours, rel=1e-9, abs=1e-6), f"setting {seed}"
        assert ours.peak_size == max(size for since, until, size in spans if until > since), f"setting {seed}"


def overlap(span, begin, end):
    return max(min(span[1], end) - max(span[0], begin), 0)
