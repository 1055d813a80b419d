"""The self-test's forecast: rounds that went as the rules say are as forecast, and rounds that did not are not."""

from types import SimpleNamespace

import numpy as np
import pytest

from harness.analysis.table import summarise
from harness.forecast.pool_loop import run_pool
from harness.forecast.service_loop import run_service
from harness.record.folder import RunFolder
from harness.record.nouns import BeginRecord
from harness.selftest.reality import forecast_holds
from targets.rules.fixed_replicas import FixedReplicas
from targets.rules.lambda_pool import PoolLimits
from tests import synthetic

NS = 1_000_000_000
ROUNDS, SECONDS, KEEP_ALIVE_S = 10, 120, 5.0
WHOLE_S, START_S = 0.3, 0.7


def world(rng):
    """One round: when requests come, how long each is served, and how long with a start before it."""
    arrivals = np.sort(rng.uniform(0, SECONDS, 120))
    warm = WHOLE_S * rng.lognormal(0, 0.3, len(arrivals))
    return arrivals, warm, warm + START_S * rng.lognormal(0, 0.1, len(arrivals))


def a_table(arrivals, latency, cold, **columns):
    scheduled = np.round(arrivals * NS).astype(np.int64)
    whole = np.round(latency * NS).astype(np.int64)
    busy = [int(np.sum((arrivals <= at) & (arrivals + latency > at))) for at in arrivals]
    columns = {"handler_ns": whole - 100_000, "in_flight": busy} | columns
    table = synthetic.requests(
        latency * 1000,
        scheduled_ns=scheduled,
        started_ns=scheduled + 10,
        sent_ns=scheduled + 20,
        done_ns=scheduled + whole,
        start_class=np.where(cold, "cold", "warm"),
        **columns,
    )
    return synthetic.with_phases(table, cold, whole) if cold.any() else table


def a_run(tmp_path, target, serve):
    """`serve` says what became of a round's requests."""
    rng = np.random.default_rng(5)
    run = RunFolder.create(tmp_path, synthetic.manifest(rounds=ROUNDS, trials=2 * ROUNDS))
    case = {**synthetic.CASES[target], "keep_alive_s": KEEP_ALIVE_S, "concurrency": 1000, "begin": "steady"}
    for number in range(1, ROUNDS + 1):
        _, _, forced = world(rng)
        starts = a_table(np.arange(4.0) * 3, forced[:4], np.ones(4, bool))
        for profile, table in (("replay", serve(*world(rng))), ("cold", starts)):
            begin = BeginRecord(state="steady", sandboxes=1, idle_s=[1.0], seconds=1) if profile == "replay" else None
            trial = f"r{number:02}.{target}.{profile}"
            given = {"target": target, "profile": profile, "round": number, "seconds": SECONDS, "begin": begin}
            run.save_trial(synthetic.trial(table, trial, case=case, **given), table, synthetic.samples())
    return SimpleNamespace(target=target, run=run, summary=summarise(run))


def a_function(keep_alive_s):
    def serve(arrivals, warm, cold):
        limits = PoolLimits(keep_alive_ns=round(keep_alive_s * NS))
        month = run_pool(arrivals, warm, cold, np.zeros(len(warm), bool), limits, SECONDS, idle_ages_s=[1.0])
        return a_table(arrivals, month.latency_s, month.cold)

    return serve


def a_service(slower):
    def serve(arrivals, warm, _):
        month = run_service(arrivals, warm, FixedReplicas(1), 1, [], 0.0, SECONDS)
        queue, held = month.queue_s * slower, month.latency_s - month.queue_s
        columns = {
            "queue_ns": np.round(queue * NS).astype(np.int64),
            "handler_ns": np.round(held * NS).astype(np.int64),
        }
        return a_table(arrivals, queue + held + 0.001, np.zeros(len(arrivals), bool), **columns)

    return serve


@pytest.mark.parametrize(
    ("target", "serve", "wrong"),
    [
        ("docker-lambda", a_function(KEEP_ALIVE_S), set()),
        ("docker-lambda", a_function(2.0), {"rounds", "cold starts"}),
        ("docker-service", a_service(1.0), set()),
        ("docker-service", a_service(1.5), {"mean wait", "p95"}),
    ],
    ids=["a function", "one that forgets early", "a service", "one that lets wait"],
)
def test_reality_beside_the_forecast(tmp_path, target, serve, wrong):
    checks = list(forecast_holds(a_run(tmp_path, target, serve)))
    assert len(checks) == (4 if target == "docker-lambda" else 2)
    failed = {check.name for check in checks if not check.ok}
    assert all(any(name.startswith(start) for name in failed) for start in wrong), checks
    assert bool(failed) == bool(wrong), checks


def test_without_forced_starts_nothing_is_compared():
    exam = SimpleNamespace(target="docker-lambda", summary=SimpleNamespace(rows=[]))
    (check,) = forecast_holds(exam)
    assert not check.ok and check.measured == "nothing: no valid row of replay and cold"
