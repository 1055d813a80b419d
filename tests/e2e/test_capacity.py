"""A whole search on a real deployment whose capacity is known: 20 ms a request, one at a time, is 50 a second."""

import json

from harness.record.capacity import read_capacities
from harness.record.folder import RunFolder
from tests.e2e.bench import DISTURBANCES, Bench

SEARCH = """
import sys
from pathlib import Path
from rich.console import Console
from harness.capacity.running import CapacityOrder, measure_capacity

order = CapacityOrder("known-truth", "process-service", 300.0, 90.0, 100.0, 1.5, 1, 1, 3)
sys.exit(measure_capacity(order, "json", Path(sys.argv[1]), Console(), {"handler_ms": 20}))
"""


def test_one_replica_that_takes_20_ms_serves_about_50_a_second(bench: Bench):
    finished = bench.start(bench.results, code=SEARCH).finish(120)
    assert finished.out, finished.err
    told = json.loads(finished.out)
    [record] = read_capacities(bench.results / "capacity")
    assert told["rate"] == record.rate.model_dump()
    for step in record.steps:
        run = RunFolder.open(bench.results / "capacity" / "runs" / step.run)
        assert [trial for trial in run.trials() if run.damaged(trial)] == []
        assert step.valid or any(reason in str(step.problem) for reason in DISTURBANCES)
    assert bench.leftovers() == []
    if record.ended == "invalid":
        assert finished.code == 1
        return  # the machine was busy with something else: nothing may be said of the rate, and nothing is
    assert finished.code == 0, finished.err
    assert record.rate.value is not None, record.rate.why
    assert 20 < record.rate.value < 60
