"""When a trial is INVALID: each limit on both of its sides."""

import numpy as np
import pytest

from harness.errors import UsageError
from harness.experiment.question import parse_experiment
from harness.measure import run, validity
from harness.measure.fitting import RunnableExperiment
from harness.record.folder import RunFolder
from tests.synthetic import manifest

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
    assert "cap of 256, the most that a worker has with a provider's SDK" in validity.shed_problem(1, 256, 9999)
    assert validity.throttle_problem(False) is None
    assert "throttled" in validity.throttle_problem(True)


WIDE = validity.Limits(60 * 10**9, 1.0, 100.0, 1.0, throttling_counts=False)
FIELDS = {"name": "wide", "question": "?", "workloads": ["echo"], "targets": ["process-lambda"], "profiles": []}


def test_wide_limits_let_pass_what_strict_ones_do_not():
    judges = [
        lambda limits: validity.lag_problem(3 * 10**9, 5, limits),
        lambda limits: validity.rate_problem(0.5, limits),
        lambda limits: validity.steal_problem(0.6, limits),
        lambda limits: validity.throttle_problem(True, limits),
    ]
    for judge in judges:
        assert judge(WIDE) is None
        assert validity.is_disturbance(judge(validity.STRICT))
    assert validity.lag_problem(61 * 10**9, 5, WIDE)
    assert validity.clock_problem(3 * 10**9, 5, WIDE) is None and validity.clock_problem(61 * 10**9, 5, WIDE)
    assert not validity.is_disturbance(validity.clock_problem(3 * 10**9, 5))
    assert not validity.is_disturbance(validity.shed_problem(1))


def test_a_run_with_other_limits_than_the_strict_ones_says_so(monkeypatch):
    assert validity.in_force == validity.STRICT and validity.notices() == []
    monkeypatch.setattr(validity, "in_force", WIDE)
    (told,) = validity.notices()
    assert told.startswith("WIDE LIMITS") and "steal_share 1.0" in told and "throttling_counts False" in told


class Silent:
    def say(self, line):
        pass


def walked(monkeypatch, tmp_path) -> RunFolder:
    """A run of which nothing is carried out."""
    monkeypatch.setattr(run, "walk_plan", lambda runnable, folder, *_: folder)
    return run.start_run(
        RunnableExperiment(parse_experiment(FIELDS, "test"), ["process-lambda"], []), tmp_path, Silent()
    )


def test_the_manifest_keeps_the_limits_and_the_notice(monkeypatch, tmp_path):
    strict = walked(monkeypatch, tmp_path).manifest
    assert strict.facts["validity"] == validity.STRICT.facts() and strict.notices == []
    monkeypatch.setattr(validity, "in_force", WIDE)
    wide = walked(monkeypatch, tmp_path).manifest
    assert wide.facts["validity"] == WIDE.facts() and wide.notices == validity.notices()


@pytest.mark.parametrize("facts", [{}, {"validity": validity.STRICT.facts()}])
def test_a_run_is_not_taken_up_with_other_limits(monkeypatch, tmp_path, facts):
    experiment = parse_experiment(FIELDS, "test").model_dump(mode="json")
    stored = RunFolder.create(tmp_path, manifest(experiment=experiment, targets={"process-lambda": {}}, facts=facts))
    monkeypatch.setattr(run, "_package_workloads", lambda *_: {})
    monkeypatch.setattr(run, "walk_plan", lambda runnable, folder, *_: folder)
    run.continue_run(stored, Silent())
    monkeypatch.setattr(validity, "in_force", WIDE)
    with pytest.raises(UsageError, match=r"validity limits changed .*: steal_share: 0.05 is now 1.0: start a new run"):
        run.continue_run(stored, Silent())
