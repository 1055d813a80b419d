"""Forced cold starts are tried until enough are proven, and what is not proven is counted."""

import json
from dataclasses import replace

import pytest

import targets
from harness.clock import now_ns
from harness.errors import TrialError
from harness.load.process import Arrival
from harness.load.replies import Reply
from harness.load.wire import Fate
from harness.measure import forced as cold
from harness.measure import page_cache
from harness.measure.forced import MOST_TRIES, Asker, force_cold_starts
from harness.measure.recording import unproven_warnings
from harness.measure.rows.judge import Judge
from harness.record.nouns import PROVEN_COLD, StartClass
from targets.backing.contract import Backing
from targets.contract import DeploymentError, Endpoint, Order, Sizing, StartFailed
from targets.local import front_process
from targets.local.front_process import FunctionDeployment
from targets.settings import FunctionSettings
from targets.workloads.echo import WORKLOAD

CAN = targets.target("process-service").capabilities


class FakeDeployment:
    """Answers as a front would: `answers` says for each request whether its sandbox was started for it."""

    endpoints = (Endpoint("http://127.0.0.1:1/"),)

    def __init__(self, answers):
        self.answers = iter(answers)
        self.done: list[str] = []

    def make_cold(self):
        self.done.append("cold")

    def wake(self):
        self.done.append("wake")

    def events(self):
        return []


def arrival(index, started):
    """A reply that proves a start, one that proves none, or none at all."""
    if started is None:
        return Arrival(index, 1, Fate.FAILED, 1, 0, 2, error="reset")
    inside = {"unit": "1", "invocation": 1 if started else 2, "begun_ns": 1, "ended_ns": 2}
    outside = {"received_ns": 0, "unit": "1", "unit_request": 1 if started else 2, "started_for_request": started}
    reply, head = Reply(json.dumps(outside).encode()), json.dumps({"answer": {}, "frostline": inside}).encode()
    return Arrival(index, 1, Fate.ANSWERED, 1, 2, 3, 200, reply=reply, head=head)


def lone(answer):
    """The class of a way to an endpoint on which nothing is sent."""

    class Fake:
        def __init__(self, endpoint, bodies, timeout_s):
            self.endpoint = endpoint

        def ask(self, index, scheduled_ns, timeout_s):
            return answer(index)

    return Fake


def forced(monkeypatch, answers, count, dropped=False):
    deployment = FakeDeployment(answers)
    monkeypatch.setattr(cold, "Lone", lone(lambda index: arrival(index, next(deployment.answers))))
    counts: list[int] = []
    asker = Asker(list(WORKLOAD.payloads()), 1)
    sent = force_cold_starts(deployment, CAN, asker, count, dropped, counts.append)  # type: ignore[arg-type]
    return sent.records["index"].tolist(), deployment, counts


def test_it_stops_at_enough_proven_starts(monkeypatch):
    indexes, deployment, counts = forced(monkeypatch, [True] * 9, 3)
    assert indexes == [0, 1, 2] and counts == [1, 2, 3]
    assert deployment.done == ["cold", "wake"] * 3, "each from nothing"


def test_what_was_not_cold_is_kept_and_tried_again(monkeypatch):
    indexes, _, counts = forced(monkeypatch, [True, False, None, True, True], 3)
    assert indexes == [0, 1, 2, 3, 4] and counts == [1, 1, 1, 2, 3]


def test_it_gives_up_after_three_times_as_many(monkeypatch):
    indexes, _, counts = forced(monkeypatch, [False] * 100, 4)
    assert len(indexes) == MOST_TRIES * 4 and counts[-1] == 0


def test_the_page_cache_is_dropped_before_each_start_and_only_when_asked(monkeypatch):
    dropped: list[int] = []
    monkeypatch.setattr(page_cache, "drop", lambda: dropped.append(now_ns()))
    forced(monkeypatch, [True] * 3, 3)
    assert dropped == []
    forced(monkeypatch, [True] * 3, 3, dropped=True)
    assert len(dropped) == 3


@pytest.mark.parametrize(
    ("classes", "count", "words"),
    [
        ([StartClass.COLD, StartClass.COLD_REINIT], 2, []),
        ([StartClass.COLD, None, StartClass.WARM], 1, ["2 of 3 forced starts were not proven cold"]),
        ([StartClass.WARM], 1, ["1 of 1 forced starts", "0 cold starts instead of 1"]),
    ],
)
def test_what_was_discarded_is_counted(classes, count, words):
    warnings = unproven_warnings(classes, count)
    assert len(warnings) == len(words) and all(part in line for part, line in zip(words, warnings, strict=True))


def test_a_page_cache_that_may_not_be_dropped_says_why(monkeypatch, tmp_path):
    monkeypatch.setattr(page_cache, "CONTROL", tmp_path / "absent")
    assert "only Linux" in str(page_cache.refusal())
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.setattr(page_cache, "CONTROL", folder)
    assert "run as root" in str(page_cache.refusal())
    with pytest.raises(TrialError, match="could not be dropped"):
        page_cache.drop()
    control = tmp_path / "drop_caches"
    control.write_text("0")
    monkeypatch.setattr(page_cache, "CONTROL", control)
    assert page_cache.refusal() is None
    page_cache.drop()
    assert control.read_text() == "1"


class Failing(FakeDeployment):
    """The second start fails; before the fourth, what has to be removed stays."""

    def make_cold(self):
        super().make_cold()
        if self.done.count("cold") == 4:
            raise DeploymentError("replicas are left after they were removed")

    def wake(self):
        super().wake()
        if self.done.count("cold") == 2:
            raise StartFailed("replica 0002 ended before it answered: exit code 1")


def test_a_start_that_fails_is_a_row_and_the_next_one_is_tried(monkeypatch):
    deployment = Failing([True] * 9)
    monkeypatch.setattr(cold, "Lone", lone(lambda index: arrival(index, next(deployment.answers))))
    asker = Asker(list(WORKLOAD.payloads()), 1)
    sent = force_cold_starts(deployment, CAN, asker, 2, False, lambda proven: None)  # type: ignore[arg-type]
    fates = [Fate(fate).name for fate in sent.records["fate"]]
    assert fates == ["ANSWERED", "FAILED", "ANSWERED"]
    assert sent.errors[1] == "replica 0002 ended before it answered: exit code 1"
    assert sent.problems == []
    failed = sent.records[1]
    assert failed["done_ns"] >= failed["scheduled_ns"] > 0
    assert failed["sent_ns"] == failed["started_ns"] == failed["status"] == 0


def test_what_cannot_be_made_cold_ends_the_trial_with_its_rows_kept_and_a_problem(monkeypatch):
    deployment = Failing([True] * 9)
    monkeypatch.setattr(cold, "Lone", lone(lambda index: arrival(index, next(deployment.answers))))
    asker = Asker(list(WORKLOAD.payloads()), 1)
    sent = force_cold_starts(deployment, CAN, asker, 3, False, lambda proven: None)  # type: ignore[arg-type]
    assert [Fate(fate).name for fate in sent.records["fate"]] == ["ANSWERED", "FAILED", "ANSWERED"]
    assert sent.problems == ["no further cold start could be forced after 3: replicas are left after they were removed"]


def test_a_start_that_the_engine_refuses_is_no_row():
    class Refused(FakeDeployment):
        def wake(self):
            raise DeploymentError("the engine refused")

    asker = Asker(list(WORKLOAD.payloads()), 1)
    sent = force_cold_starts(Refused([]), CAN, asker, 2, False, lambda proven: None)  # type: ignore[arg-type]
    assert len(sent.records) == 0
    assert sent.problems == ["no further cold start could be forced after 0: the engine refused"]


class Front:
    """A front with one sandbox that is busy until the pool was dropped `busy` times."""

    def __init__(self, busy):
        self.busy = busy
        self.reader = self

    def living_units(self):
        return {"0001": {"unit": "0001"}} if self.busy > 0 else {}

    def post(self, path):
        self.busy -= 1


def function_behind(front, timeout_s):
    deployment = FunctionDeployment.__new__(FunctionDeployment)
    function = FunctionSettings(timeout_s=timeout_s, init_timeout_s=0)
    deployment._backing, deployment.function = Backing(Order("run", Sizing(512, 1.0), function)), function
    deployment.order = deployment._backing.order
    deployment.front, deployment._archive, deployment._is_gone = front, None, lambda event: front.busy <= 0
    return deployment


def test_a_busy_sandbox_is_waited_for_as_long_as_the_function_may_run(monkeypatch):
    monkeypatch.setattr(front_process, "COLD_MARGIN_S", 0)
    function_behind(Front(3), 60).make_cold()
    with pytest.raises(DeploymentError, match=r"sandboxes are left .*0001"):
        function_behind(Front(10**9), 0.1).make_cold()


def test_a_service_that_fails_every_start_is_tried_three_times_as_often_as_was_asked_for():
    class Broken(FakeDeployment):
        def wake(self):
            raise StartFailed("it ended")

    asker = Asker(list(WORKLOAD.payloads()), 1)
    sent = force_cold_starts(Broken([]), CAN, asker, 2, False, lambda proven: None)  # type: ignore[arg-type]
    assert sent.records["fate"].tolist() == [Fate.FAILED] * 6


@pytest.mark.parametrize(("echoed", "expected"), [("new", 2), ("old", 0), (None, 0)])
def test_where_no_absence_can_be_proved_the_echoed_generation_is_the_proof(monkeypatch, echoed, expected):
    far = replace(CAN, clock="own", cold="renewed", events=False)
    deployment = FakeDeployment([])
    deployment.generation = "new"
    init = {"entered_ns": 10**12, "phases_ns": {"weights": 1}}
    inside = {"unit": "a", "invocation": 1, "begun_ns": 10**12 + 3, "ended_ns": 10**12 + 4, "init": init}
    inside |= {"generation": echoed} if echoed else {}

    def answer(index):
        head = json.dumps({"answer": {}, "frostline": inside}).encode()
        return Arrival(index, 1, Fate.ANSWERED, 1, 2, 30, 200, reply=Reply(b""), head=head)

    monkeypatch.setattr(cold, "Lone", lone(answer))
    counts: list[int] = []
    asker = Asker(list(WORKLOAD.payloads()), 1)
    sent = force_cold_starts(deployment, far, asker, 2, False, counts.append)  # type: ignore[arg-type]
    assert counts[-1] == expected
    assert set(sent.generations.values()) == {"new"} and len(sent.generations) == len(sent.records)
    kinds = Judge(WORKLOAD, False, far).judge(sent).requests["start_class"].to_pylist()
    assert sum(kind in PROVEN_COLD for kind in kinds) == expected, "what is recorded is what was proven"


def test_no_more_than_one_request_is_built_while_the_clock_runs(monkeypatch):
    built = []

    class Counted:
        def __init__(self, endpoint, bodies, timeout_s):
            built.append((endpoint, bodies))
            self.endpoint = endpoint

        def ask(self, index, scheduled_ns, timeout_s):
            return index

    monkeypatch.setattr(cold, "Lone", Counted)
    payloads = list(WORKLOAD.payloads())
    asker = Asker(payloads, 1)
    assert asker.ask(Endpoint("http://127.0.0.1:1/"), None, 8, 0) == 8
    assert [bodies for _, bodies in built] == [[payloads[8 % len(payloads)].body]]
    ready = asker.make_ready((Endpoint("http://127.0.0.1:1/"),))
    assert len(built[1][1]) == len(payloads)
    asker.ask(Endpoint("http://127.0.0.1:1/"), ready, 3, 0)
    assert len(built) == 2
