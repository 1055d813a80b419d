"""A whole search on a real deployment: what it prints, keeps and says is what its runs hold.

That 20 ms a request make about 50 requests a second is a question of time: `python -m tests.benchmarks.capacity`.
"""

import json

from harness.record.capacity import read_capacities
from harness.record.folder import RunFolder, latest_attempts
from tests.e2e.bench import WIDE, Bench

LEAST_MS, MOST_MS = 1.0, 60_000.0
"""Objectives that a handler of 20 ms never holds, and that any machine holds."""
SEARCH = (
    WIDE
    + """
import sys
from pathlib import Path
from rich.console import Console
from harness.capacity.running import CapacityOrder, measure_capacity

order = CapacityOrder("known-truth", "process-service", float(sys.argv[2]), 50.0, 16.0, 1.0, 1, 1, 3)
sys.exit(measure_capacity(order, "json", Path(sys.argv[1]), Console(), {"handler_ms": 20}))
"""
)


def search(bench: Bench, latency_ms: float):
    """The stored answer and its steps; each step is a run that can be read again and says the same."""
    finished = bench.start(bench.results, str(latency_ms), code=SEARCH).finish()
    assert finished.out, finished.err
    printed = json.loads(finished.out)
    [kept], malformed = read_capacities(bench.results / "capacity")
    record = kept.capacity
    assert malformed == []
    assert printed["rate"] == record.rate.model_dump()
    for step in record.steps:
        run = RunFolder.open(bench.results / "capacity" / "runs" / step.run)
        assert [trial for trial in run.trials() if run.find_damage(trial)] == []
        assert all(trial.scheduled > 0 for trial in latest_attempts(run.trials()))
        assert step.valid, step.problem
        assert step.held == (step.percentile_ms is not None and step.percentile_ms <= latency_ms)
    assert bench.leftovers() == []
    return finished, record


def test_an_objective_that_every_rate_holds_leaves_the_capacity_open_above(bench: Bench):
    finished, record = search(bench, MOST_MS)
    assert finished.code == 0, finished.err
    assert record.steps and all(step.held for step in record.steps) and max(step.rate for step in record.steps) == 16
    assert record.rate.high is None, record.rate


def test_an_objective_that_one_request_alone_misses_is_told_before_any_step(bench: Bench):
    finished, record = search(bench, LEAST_MS)
    assert finished.code == 0, finished.err
    assert record.lone is not None and record.lone.late == record.lone.requests and record.lone.problem is None
    assert record.lone.percentile_ms is not None and record.lone.percentile_ms >= 20
    assert not record.steps
    assert record.rate.value is None and "no rate holds it" in str(record.rate.why), (record.rate, finished.err)
