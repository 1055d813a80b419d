"""What is too large for one schedule or one load process is refused before anything is drawn, read or started."""

import array
import math
import tracemalloc

import pytest

from harness.commands.load.order import LoadOrder
from harness.errors import TrialError, UsageError
from harness.experiment.question import parse_experiment
from harness.load.limits import MOST_ARRIVALS, MOST_BODIES_BYTES, arrivals_problem, bodies_problem
from harness.load.process import LoadProcess
from harness.load.wire import LoadPlan
from harness.measure.fitting import fit_to_machine
from targets.contract import Endpoint


def test_a_schedule_of_more_requests_than_memory_bears_has_its_count_and_what_is_accepted():
    assert arrivals_problem(1000, 10_000) is None
    told = arrivals_problem(50_000, 86_400)
    assert "4,320,000,000 requests are not accepted: a schedule holds at most 10,000,000" in told
    assert arrivals_problem(50_000, 86_400, "--rate x --seconds").startswith("--rate x --seconds: ")
    assert arrivals_problem(math.inf, 1)


def test_bodies_are_measured_together():
    assert bodies_problem([MOST_BODIES_BYTES]) is None
    assert bodies_problem([MOST_BODIES_BYTES, 1], "--body").startswith(f"--body: {MOST_BODIES_BYTES + 1:,} bytes")
    assert bodies_problem([5 * 2**30])


def experiment(**changes):
    fields = {"name": "big", "question": "?", "workloads": ["echo"], "targets": ["process-service"], **changes}
    return parse_experiment(fields, "test")


def test_an_experiment_is_refused_with_every_schedule_that_is_too_large():
    constant = {"constant": {"rate": 100_000, "seconds": 86_400}}
    with pytest.raises(UsageError) as caught:
        fit_to_machine(experiment(profiles=[constant, {"steady": {"rate": 2000, "seconds": 5001}}]))
    first, second = caught.value.problems
    assert first.startswith("profiles.constant: rate x seconds: 8,640,000,000 requests are not accepted")
    assert second.startswith("profiles.steady: rate x seconds: 10,002,000 requests are not accepted")


def test_scale_out_is_held_to_the_same_bound():
    with pytest.raises(UsageError, match="scale_out: rate x seconds: 864,000,000 requests are not accepted"):
        fit_to_machine(experiment(scale_out={"rate": 10_000, "seconds": 86_400}))


def test_what_a_profile_of_ones_own_draws_beyond_its_rate_is_refused_all_the_same(monkeypatch):
    monkeypatch.setattr("harness.load.process.MOST_ARRIVALS", 10)
    process = LoadProcess()
    try:
        with pytest.raises(TrialError, match="11 requests are more than a schedule holds: at most 10"):
            process.carry_out(
                LoadPlan("", [Endpoint("http://127.0.0.1:1/")], "", 1.0), array.array("d", [0.0] * 11), [], print
            )
    finally:
        process.close()


def test_the_bound_can_be_reached():
    assert MOST_ARRIVALS >= 100_000 * 60


def body_of(path):
    return LoadOrder("http://127.0.0.1/", "constant", 1, 1, 1, 1, path, 1).check().body


def test_a_short_body_takes_no_more_memory_than_it_has(tmp_path):
    file = tmp_path / "body"
    file.write_bytes(b"{}")
    tracemalloc.start()
    try:
        assert body_of(file) == b"{}"
        assert tracemalloc.get_traced_memory()[1] < 2**25
    finally:
        tracemalloc.stop()


def test_a_body_that_memory_does_not_hold_is_one_line_with_the_fix(tmp_path, monkeypatch):
    def without_memory(path):
        raise MemoryError

    file = tmp_path / "body"
    file.write_bytes(b"{}")
    monkeypatch.setattr("harness.commands.load.order._read_most", without_memory)
    with pytest.raises(UsageError, match=r"--body: .* cannot be read: MemoryError: free memory"):
        body_of(file)
