"""When a trial is INVALID: each limit on both of its sides."""

import numpy as np
import pytest

from harness.measure import validity

MS = 1_000_000


@pytest.mark.parametrize(
    ("lag_ns", "service_ns", "told"),
    [
        (1_000_000, None, False),
        (1_000_001, None, True),
        (1_000_001, 50 * MS, True),
        (1_000_001, 100 * MS, True),
        (1_000_001, 101 * MS, False),
        (2 * MS, 200 * MS, False),
        (2 * MS + 1, 200 * MS, True),
        (None, None, False),
        (None, 5, False),
        (0, 0, False),
    ],
)
def test_lag_is_measured_by_the_service_time(lag_ns, service_ns, told):
    problem = validity.lag_problem(lag_ns, service_ns)
    assert bool(problem) is told
    if told:
        assert f"{lag_ns / 1e6:.2f} ms" in problem


def test_percentiles_are_values_that_occurred():
    assert validity.percentile_ns(np.arange(1, 101), 0.99) == 99
    assert validity.percentile_ns(np.arange(1, 101), 0.5) == 50
    assert validity.percentile_ns(np.array([7]), 0.99) == 7
    assert validity.percentile_ns(np.array([]), 0.5) is None


def schedule(n=200, gap_ns=50 * MS, begin_ns=4_000_000_000_000):
    return begin_ns + np.arange(n, dtype=np.int64) * gap_ns


def test_a_constant_lag_does_not_change_the_pace():
    assert validity.pace(schedule(), schedule() + 300_000) == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize(("factor", "told"), [(1.0, False), (1.0009, False), (1.0011, True), (0.9989, True), (2, True)])
def test_the_pace_is_achieved_over_planned(factor, told):
    scheduled = schedule()
    started = scheduled[0] + ((scheduled - scheduled[0]) / factor).astype(np.int64)
    achieved = validity.pace(scheduled, started)
    assert achieved == pytest.approx(factor, rel=1e-6)
    assert bool(validity.rate_problem(achieved)) is told


def test_arrivals_that_never_started_do_not_count_for_the_pace():
    scheduled = schedule()
    started = np.where(np.arange(200) % 2, scheduled + 1000, 0)
    assert validity.pace(scheduled, started) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("started", [[], [0, 0, 0, 0], [5, 6, 0, 0]])
def test_the_pace_of_fewer_than_three_arrivals_is_not_known(started):
    started = np.array(started, dtype=np.int64)
    assert validity.pace(schedule(len(started)), started) is None
    assert validity.rate_problem(None) is None


def test_the_pace_of_arrivals_at_one_moment_is_not_known():
    assert validity.pace(np.array([5, 5, 5]), np.array([6, 7, 8])) is None


@pytest.mark.parametrize(("share", "told"), [(None, False), (0.0, False), (0.05, False), (0.0501, True), (0.5, True)])
def test_stolen_time(share, told):
    assert bool(validity.steal_problem(share)) is told


def test_shed_and_throttled_are_never_fine():
    assert validity.shed_problem(0) is None
    assert "1 arrivals were shed" in validity.shed_problem(1)
    assert validity.throttle_problem(False) is None
    assert "throttled" in validity.throttle_problem(True)
