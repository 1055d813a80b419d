"""What a load profile of a user's own returns is held against what every schedule is, before anything is sent."""

import array
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.commands.load.order import LoadOrder
from harness.commands.load.summary import summarise
from harness.errors import UsageError
from harness.experiment import profiles
from harness.experiment.profiles import draw
from harness.experiment.question import parse_experiment
from harness.load.host_times import HostTimes
from harness.load.process import RECORD_TYPE, Sent
from harness.load.replies import Replies
from harness.load.wire import Fate
from harness.measure.fitting import fit_to_machine
from harness.measure.generator import lags_ns, pace_of, validity_problems
from loadprofiles import LoadProfile
from tests.unit.test_load_answers import WORKER

MS = 1_000_000


class Lunch(LoadProfile):
    """Whatever a test says."""

    def arrivals(self, seed):
        return RETURNED[0]() if callable(RETURNED[0]) else RETURNED[0]


RETURNED = [None]


@pytest.fixture
def returned(monkeypatch):
    """Sets what the profile lunch returns."""
    names = profiles.profile_names()
    found = profiles.profile
    monkeypatch.setattr(profiles, "profile_names", lambda: [*names, "lunch"])
    monkeypatch.setattr(profiles, "profile", lambda name: Lunch if name == "lunch" else found(name))
    for module in ("harness.commands.load.order", "harness.experiment.question"):
        monkeypatch.setattr(f"{module}.profile_names", profiles.profile_names, raising=False)
        monkeypatch.setattr(f"{module}.profile", profiles.profile, raising=False)
    return lambda value: RETURNED.__setitem__(0, value)


def seconds(*offsets):
    return array.array("d", offsets)


def broken():
    return 1 / 0


BAD = {
    "unsorted": (seconds(1, 4.1, 3.2), "offset 2 is 3.2 after 4.1: they must ascend"),
    "negative": (seconds(0, -1, 2), "offset 1 is -1: each lies between 0 and the 10 seconds"),
    "nan": (seconds(0, math.nan), "offset 1 is nan: each lies"),
    "infinite": (seconds(0, math.inf), "offset 1 is inf: each lies"),
    "beyond": (seconds(0, 9.5, 10.001), "offset 2 is 10.001: each lies"),
    "hardly-beyond": (seconds(10.0000001), "offset 0 is 10.0000001: each lies between 0 and the 10 seconds"),
    "hardly-unsorted": (seconds(1.0000001, 1), "offset 1 is 1 after 1.0000001: they must ascend"),
    "list": ([0.0, 1.0], "a list is not accepted: return array.array('d', ...)"),
    "numpy": (np.array([0.0]), "a ndarray is not accepted: return array.array"),
    "floats": (array.array("f", [0]), "a array of 'f' is not accepted: return array.array"),
    "nothing": (None, "a NoneType is not accepted: return array.array"),
    "raises": (broken, "arrivals raised 'ZeroDivisionError: division by zero'"),
    "exits": (sys.exit, "arrivals raised 'SystemExit:'"),
}

each_bad = pytest.mark.parametrize(("value", "said"), BAD.values(), ids=BAD)


@each_bad
def test_a_load_refuses_it_with_position_and_value(returned, value, said):
    returned(value)
    with pytest.raises(UsageError) as refused:
        LoadOrder("http://localhost/", "lunch", 1, 10, 1, 1, None, 1).check()
    (problem,) = refused.value.problems
    assert problem.startswith("load profile Lunch: arrivals")
    assert said in problem


@each_bad
def test_an_experiment_refuses_it_before_anything_is_packaged(returned, value, said):
    returned(value)
    fields = {"name": "x", "question": "Which?", "workloads": ["echo"], "targets": ["process-lambda"], "rounds": 1}
    experiment = parse_experiment({**fields, "profiles": [{"lunch": {"rate": 1, "seconds": 10}}]}, "x.yaml")
    with pytest.raises(UsageError) as refused:
        fit_to_machine(experiment)
    (problem,) = refused.value.problems
    assert problem.startswith("profiles.lunch: load profile Lunch: arrivals")
    assert said in problem


@pytest.mark.parametrize("offsets", [seconds(), seconds(0, 0, 0), seconds(0, 10)], ids=["none", "burst", "edges"])
def test_what_is_a_schedule_is_taken(returned, offsets):
    returned(offsets)
    assert draw(Lunch(rate=1, seconds=10), 1) == offsets


def test_a_schedule_without_arrivals_is_no_success(returned):
    sent = Sent(0, np.zeros(0, RECORD_TYPE), [], Replies(), [WORKER])
    told = summarise(sent, LoadOrder("http://localhost/", "lunch", 1, 10, 1, 1, None, 1), HostTimes.read())
    assert told["failure"].startswith("nothing was sent: lunch drew no arrival within 10 s at 1 per second")


def sent_at(scheduled_ms, lag_ms, workers=1):
    """Every arrival of these moments, begun so much later."""
    records = np.zeros(len(scheduled_ms), RECORD_TYPE)
    records["index"] = np.arange(len(records))
    records["scheduled_ns"] = np.asarray(scheduled_ms) * MS + MS
    records["started_ns"] = records["scheduled_ns"] + (np.asarray(lag_ms) * MS).astype(np.int64)
    records["sent_ns"] = records["done_ns"] = records["started_ns"] + 100
    records["fate"], records["status"] = Fate.ANSWERED, 200
    return Sent(0, records, [""] * len(records), Replies(), [WORKER] * workers)


def problems_of(sent):
    return validity_problems(sent, sent.records["status"] == 200, None, False)


def test_a_burst_is_a_burst_and_no_lateness_of_the_generator():
    burst = sent_at(np.zeros(300), np.arange(300) * 0.1)
    assert problems_of(burst) == []
    told = summarise(burst, LoadOrder("http://localhost/", "lunch", 1, 10, 1, 1, None, 1), HostTimes.read())
    assert told["burst"] == {"requests": 300, "sent_within_ms": 29.9}
    assert told["problems"] == []


def test_a_burst_at_the_end_of_steady_traffic_leaves_the_pace_as_it_is():
    scheduled = np.concatenate([np.arange(500) * 10.0, np.full(300, 5000.0)])
    lag = np.concatenate([np.full(500, 0.05), np.arange(300) * 0.1])
    assert pace_of(sent_at(scheduled, lag)) == pytest.approx(1, abs=1e-4)
    assert problems_of(sent_at(scheduled, lag)) == []


def test_a_burst_may_begin_slowly_with_new_connections_while_all_of_it_is_in_time():
    assert problems_of(sent_at(np.zeros(300), np.minimum(np.arange(300) * 0.4, 20 + np.arange(300) * 0.1))) == []


def test_a_burst_that_begins_late_is_late():
    assert any(
        "the generator was late" in problem for problem in problems_of(sent_at(np.zeros(300), np.full(300, 5.0)))
    )


@pytest.mark.parametrize("workers", [1, 3])
def test_a_generator_that_is_late_in_a_burst_is_late(workers):
    slow = sent_at(np.zeros(300), np.arange(300) * 0.9, workers)
    assert any("the generator was late" in problem for problem in problems_of(slow))
    stopped = sent_at(np.zeros(300), np.where(np.arange(300) < 200, 0.0, 100.0) + np.arange(300) * 0.05, workers)
    assert any("the generator was late" in problem for problem in problems_of(stopped))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_is_stopped_within_a_burst_is_late_though_all_of_it_is_in_time(workers):
    own = np.arange(1500) % workers == 0
    lag = np.arange(1500) * 0.05 + np.where(own & (np.arange(1500) >= 700), 80.0, 0.0)
    sent = sent_at(np.zeros(1500), lag, workers)
    assert any("the generator was late" in problem for problem in problems_of(sent))
    assert 60 * MS < lags_ns(sent).max() < 80 * MS
    told = summarise(sent, LoadOrder("http://localhost/", "lunch", 1, 10, 1, 1, None, 1), HostTimes.read())
    assert told["raw_lag_ms"]["max"] == pytest.approx(lag.max(), abs=0.01) and told["lag_ms"]["max"] < 80


def test_time_between_two_bursts_is_no_pause():
    sent = sent_at(np.repeat([0.0, 500.0, 900.0], 100), np.tile(np.arange(100) * 0.1, 3))
    assert problems_of(sent) == [] and lags_ns(sent).max() == 0


def test_arrivals_a_moment_apart_are_no_burst():
    late = sent_at(np.arange(300) * 0.01, np.arange(300) * 0.1)
    assert any("the generator was late" in problem for problem in problems_of(late))
    assert lags_ns(late).max() == 29.9 * MS


def test_arrivals_of_several_workers_share_a_burst():
    sent = sent_at(np.zeros(300), np.arange(300) * 0.1, workers=3)
    assert lags_ns(sent)[-1] == 29.9 * MS - 99 * 250_000


def test_too_many_requests_are_refused_before_they_are_drawn(returned):
    def draw_them():
        raise AssertionError("drawn")

    returned(draw_them)
    with pytest.raises(UsageError) as refused:
        LoadOrder("http://localhost/", "lunch", 50_000, 86_400, 1, 1, None, 1).check()
    (problem,) = refused.value.problems
    assert problem.startswith("--rate x --seconds: 4,320,000,000 requests are not accepted: a schedule holds at most")


def test_a_body_too_long_is_refused_by_its_size_before_it_is_read(tmp_path):
    body = tmp_path / "body"
    with body.open("wb") as file:
        file.truncate(5_000_000_000)
    with pytest.raises(UsageError) as refused:
        LoadOrder("http://localhost/", "constant", 1, 1, 1, 1, body, 1).check()
    assert str(refused.value).startswith(f"--body: {body}: 5,000,000,000 bytes are not accepted: together at most")


def test_a_body_that_is_no_file_is_refused(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (tmp_path, fifo, tmp_path / "none", Path("/dev/zero")):
        with pytest.raises(UsageError, match="is not a file: name one"):
            LoadOrder("http://localhost/", "constant", 1, 1, 1, 1, path, 1).check()


def test_a_body_that_is_longer_than_its_size_was_is_refused(monkeypatch):
    body = Path("/proc/self/status")
    assert body.stat().st_size == 0
    monkeypatch.setattr("harness.commands.load.order.MOST_BODIES_BYTES", 3)
    monkeypatch.setattr("harness.load.limits.MOST_BODIES_BYTES", 3)
    with pytest.raises(UsageError, match=r"4 bytes are not accepted: together at most 3"):
        LoadOrder("http://localhost/", "constant", 1, 1, 1, 1, body, 1).check()


def test_a_body_that_cannot_be_read_is_refused(tmp_path, monkeypatch):
    body = tmp_path / "body"
    body.write_bytes(b"1")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UsageError, match="cannot be read: Permission denied"):
        LoadOrder("http://localhost/", "constant", 1, 1, 1, 1, body, 1).check()
