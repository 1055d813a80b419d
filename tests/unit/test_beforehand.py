"""What is done before a trial's first request, at deployments that do as they are told."""

from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import SimpleNamespace

import pytest

from harness.experiment.plan import plan
from harness.experiment.question import parse_experiment
from harness.load.process import Sent
from harness.load.senders import SenderFailed
from harness.load.wire import Fate
from harness.measure import steady
from harness.measure.beforehand import LEAST_WARM, MOST_STANDING, Preparation
from harness.measure.recording import Outset, record_trial
from harness.measure.visit import Account, Visit
from harness.record.columns import SAMPLES
from targets.contract import DeploymentError, Endpoint, Package
from targets.local import process_lambda, process_service
from tests.envelopes import MS, PAYLOADS, arrival, body_of, inside

RATE, SECONDS = 2, 3
TOOK_MS, START_MS = 100, 900


class Pooling:
    """A deployment of a function that has no way to start units beforehand."""

    endpoints = (Endpoint("http://127.0.0.1:1/"),)

    def __init__(self, stuck=False):
        self.colds, self.stuck = 0, stuck

    def events(self):
        return []

    def make_cold(self):
        self.colds += 1
        if self.stuck:
            raise DeploymentError("it cannot be emptied")


class Standing(Pooling):
    """One that has."""

    def __init__(self, most=10**6, error=None, **how):
        super().__init__(**how)
        self.most, self.error = most, error
        self.asked: list[tuple[list[float], float, bytes]] = []

    def stand_by(self, idle_s, first_s, body):
        if self.error:
            raise self.error
        self.asked.append((list(idle_s), first_s, body))
        return min(self.most, len(idle_s))


@dataclass
class Answering:
    """An asker whose requests take as long as is said, the first one a start where it is told so."""

    bad: tuple[int, ...] = ()
    first_ms: float | None = None
    cold: tuple[int, ...] = ()
    took_ms: float = TOOK_MS
    error: Exception | None = None
    fate: Fate = Fate.ANSWERED
    payloads: tuple = tuple(PAYLOADS)
    count: int = 0

    def make_ready(self, endpoints):
        if self.error:
            raise self.error

    def ask(self, endpoint, ready, index, scheduled_ns):
        self.count += 1
        took_ms = self.first_ms if self.count == 1 and self.first_ms else self.took_ms
        body = b"{}" if index in self.bad else body_of(inside(1 if index in self.cold else 2), index)
        answered = arrival(
            index, body, request_id=f"r-{index}", fate=self.fate, scheduled_ns=MS, connect_ns=7 * MS, tls_ns=3 * MS
        )
        return replace(answered, done_ns=int((11 + took_ms) * MS))


def visit(target=process_lambda.TARGET, profile=None, **fields):
    profile = profile or {"constant": {"rate": RATE, "seconds": SECONDS}}
    given = {"name": "tiny", "question": "?", "workloads": ["echo"], "targets": [target.name]}
    experiment = parse_experiment({**given, "profiles": [profile], "cold_starts": 0, "rounds": 1, **fields}, "test")
    (trial,) = plan(experiment, experiment.targets)
    return Visit(experiment, trial, Package("echo", "echo"), "run")


def prepare(deployment, asker=None, **fields):
    return Preparation(visit(**fields), deployment, asker or Answering()).carry_out()


def test_a_function_is_asked_a_little_and_gets_the_pool_of_an_hour_of_its_traffic():
    deployment = Standing()
    done = prepare(deployment)
    (first, pool) = deployment.asked
    assert first == ([0.0], 0.0, PAYLOADS[0].body)
    assert pool[0] == pytest.approx([0.4]) and pool[1] == 0, "one every half second, for a tenth"
    record = done.record
    assert (record.state, record.sandboxes, record.way) == ("steady", 1, "started")
    assert record.history_s > 3000, "ten times as long as a sandbox is kept"
    assert record.idle_s == pytest.approx([0.4])
    assert record.warm_requests == len(PAYLOADS) and record.warm_ms == [TOOK_MS] * len(PAYLOADS)
    assert record.start_ms > 0 and record.seconds > 0
    assert done.warnings == done.problems == [] and deployment.colds == 0
    assert done.request_ids == {f"r-{index}" for index in range(len(PAYLOADS))}


def test_the_first_arrival_is_awaited_for_as_long_as_its_schedule_says():
    deployment = Standing()
    it = visit(profile={"steady": {"rate": 1, "seconds": 9}})
    Preparation(it, deployment, Answering()).carry_out()
    assert deployment.asked[-1][1] == it.schedule[0] > 0


def test_a_schedule_without_requests_is_prepared_like_any_other():
    it = visit(profile={"steady": {"rate": 0.001, "seconds": 1}})
    assert len(it.schedule) == 0
    assert Preparation(it, Standing(), Answering()).carry_out().record.state == "steady"


def test_traffic_so_sparse_that_it_leaves_nothing_begins_with_nothing():
    rare = {"constant": {"rate": 0.01, "seconds": 100}}
    deployment = Standing()
    done = prepare(deployment, profile=rare, function={"keep_alive_s": 50})
    assert deployment.asked[-1][0] == []
    assert (done.record.state, done.record.sandboxes, done.record.idle_s, done.record.way) == ("steady", 0, [], None)
    assert done.warnings == []


def test_limits_of_the_trial_are_those_of_its_pool():
    deployment = Standing()
    done = prepare(deployment, profile={"constant": {"rate": 100, "seconds": 1}}, function={"concurrency_limit": 3})
    assert done.record.sandboxes == 3


def test_fewer_sandboxes_than_wanted_are_told():
    done = prepare(Standing(most=2), profile={"constant": {"rate": 100, "seconds": 1}})
    assert done.record.sandboxes == len(done.record.idle_s) == 2
    assert done.warnings == ["2 instead of 10 sandboxes of a steady pool could be started"]


def test_a_bad_answer_is_told_and_the_others_count():
    done = prepare(Standing(), Answering(bad=(1,)))
    assert done.record.state == "steady" and len(done.record.warm_ms) == len(PAYLOADS) - 1
    (line,) = done.warnings
    assert line.startswith(f"1 of {len(PAYLOADS)} requests before the first arrival had no good answer, most often: ")


def test_only_requests_that_met_a_warm_sandbox_tell_how_long_one_holds_it():
    done = prepare(Standing(), Answering(cold=(0, 2)))
    assert done.record.state == "steady" and len(done.record.warm_ms) == len(PAYLOADS) - 2
    done = prepare(deployment := Standing(), Answering(cold=tuple(range(9))), function={"keep_alive_s": 0.005})
    assert (done.record.state, done.record.warm_ms, deployment.colds) == ("empty", [], 1)
    assert done.warnings[-1].startswith("begin: empty instead of steady: no request met a warm sandbox")
    assert done.failure == "" and done.problems == [], "another attempt would find the same"


def test_a_history_that_had_to_be_cut_is_told(monkeypatch):
    monkeypatch.setattr(steady, "MOST_ARRIVALS", 200)
    (line,) = prepare(Standing()).warnings
    assert line.startswith("its pool is that of 100 s of its traffic, not of 90")


@pytest.mark.parametrize(
    ("deployment", "asker", "why"),
    [
        (Standing(most=0), None, "no sandbox could be started before the first arrival"),
        (Standing(error=DeploymentError("the front is gone\nsince long")), None, "the front is gone"),
        (Standing(), Answering(bad=tuple(range(9))), "no warm request was answered well, so nobody knows"),
        (Standing(), Answering(error=SenderFailed("nobody can sign")), "nobody can sign"),
        (Pooling(), Answering(bad=(0,)), "the first request was not answered well, so nobody knows"),
    ],
    ids=["no-start", "refused", "bad-answers", "no-sender", "no-start-far-away"],
)
def test_where_a_steady_pool_was_not_had_this_time_it_is_emptied_and_another_attempt_is_due(deployment, asker, why):
    done = prepare(deployment, asker)
    assert done.failure.startswith(f"its begin could not be made steady: {why}")
    assert (done.record.state, done.record.sandboxes, deployment.colds) == ("empty", 0, 1)
    assert done.warnings[-1].startswith(f"begin: empty instead of steady: {why}")
    assert "\n" not in done.warnings[-1] and done.problems == []


def test_a_pool_that_is_neither_steady_nor_empty_makes_the_trial_invalid():
    done = prepare(Standing(most=0, stuck=True))
    (problem,) = done.problems
    assert problem.startswith("its pool could neither be made steady (no sandbox could be started")
    assert problem.endswith("nor emptied: it cannot be emptied")


def test_a_pool_larger_than_any_machine_is_not_begun():
    crowd = {"constant": {"rate": 200, "seconds": 1}}
    done = prepare(Standing(), Answering(took_ms=10_000), profile=crowd, function={"concurrency_limit": 5000})
    assert (
        f"it would have 2,000 sandboxes, and {MOST_STANDING:,} can be had at most" in done.warnings[-1]
        and done.record.state == "empty"
    )


def test_where_nothing_stands_by_as_many_are_asked_at_once_as_the_pool_has():
    deployment, asker = Pooling(), Answering(first_ms=START_MS)
    it = visit(profile={"constant": {"rate": 100, "seconds": 1}})
    done = Preparation(it, deployment, asker).carry_out()
    record = done.record
    assert (record.state, record.way, record.sandboxes, record.idle_s) == ("steady", "asked", None, [])
    assert record.start_ms == START_MS and set(record.warm_ms) == {TOOK_MS}
    assert asker.count - max(LEAST_WARM + 1, len(PAYLOADS)) == 10, "one every hundredth for a tenth"
    assert record.warm_requests == asker.count and deployment.colds == 0


def test_what_is_asked_beforehand_is_counted_while_it_is_under_way():
    flights = []

    class Flight:
        def __init__(self, schedule):
            self.schedule, self.ended = schedule, []
            self.advance = self.ended.append

    @contextmanager
    def fly(schedule):
        flights.append(Flight(schedule))
        yield flights[-1]

    it = visit(profile={"constant": {"rate": 100, "seconds": 1}})
    Preparation(it, Pooling(), Answering(first_ms=START_MS), fly).carry_out()
    one_by_one, at_once = flights
    assert one_by_one.schedule is None and one_by_one.ended == [*range(1, max(LEAST_WARM + 1, len(PAYLOADS)) + 1)]
    assert list(at_once.schedule) == [0.0] * 10, "all of them at once"


def test_where_nothing_stands_by_and_nothing_would_be_left_it_is_made_cold():
    rare = {"constant": {"rate": 0.01, "seconds": 100}}
    done = prepare(deployment := Pooling(), profile=rare, function={"keep_alive_s": 50})
    assert (done.record.state, done.record.way, done.record.sandboxes, deployment.colds) == ("steady", None, 0, 1)


def test_after_a_request_without_an_answer_no_further_one_is_sent():
    asker = Answering(fate=Fate.TIMED_OUT)
    prepare(Standing(), asker)
    assert asker.count == 1


def target_like(target, settings=None, **can):
    capabilities = replace(target.capabilities, **can)
    return SimpleNamespace(name="farther", parts=target.parts, capabilities=capabilities)


@pytest.mark.parametrize("target", [process_lambda.TARGET, process_service.TARGET], ids=["function", "service"])
def test_where_nobody_sees_how_long_a_request_lasts_nothing_is_asked(target):
    it = visit()
    it.__dict__["target"] = target_like(target, asynchronous=True)
    done = Preparation(it, deployment := Standing(), asker := Answering()).carry_out()
    assert (done.record.state, asker.count, deployment.asked, deployment.colds) == ("empty", 0, [], 0)
    assert done.warnings == [
        "begin: empty instead of steady: a request is only accepted there, so nobody sees how long it holds a unit"
    ]


def test_settings_without_limits_say_nothing_of_a_pool():
    it = visit()
    it = replace(it, trial=replace(it.trial, settings=process_service.TARGET.settings()))
    it.__dict__["target"] = target_like(process_lambda.TARGET)
    done = Preparation(it, Standing(), asker := Answering()).carry_out()
    assert (done.record.state, asker.count) == ("empty", 0)
    (line,) = done.warnings
    assert line.startswith("begin: empty instead of steady: the settings of farther have no `limits`")


def test_a_service_gets_the_same_warm_requests_and_has_no_pool():
    deployment = SimpleNamespace(endpoints=(Endpoint("http://127.0.0.1:1/"),) * 12, events=list)
    asker = Answering()
    done = prepare(deployment, asker, target=process_service.TARGET)
    record = done.record
    assert asker.count == 12 > len(PAYLOADS), "each replica at least once"
    assert (record.state, record.sandboxes, record.way, record.start_ms) == ("steady", None, None, None)
    assert record.warm_ms == [TOOK_MS] * 12


def test_a_service_that_answers_badly_goes_on_and_it_is_told():
    deployment = SimpleNamespace(endpoints=(Endpoint("http://127.0.0.1:1/"),), events=list)
    done = prepare(deployment, Answering(bad=tuple(range(9))), target=process_service.TARGET)
    assert done.record.state == "steady" and len(done.warnings) == 1


def test_the_record_has_it_and_units_of_before_are_no_starts_of_the_trial():
    done = prepare(Standing())
    events = [
        {"at_ns": 1_000, "kind": "create", "unit": "0001", "for_request": False},
        {"at_ns": 2_000, "kind": "removed", "unit": "0001"},
        {"at_ns": 2_100, "kind": "create", "unit": "0002", "for_request": True},
        {"at_ns": 5_000, "kind": "create", "unit": "0003", "for_request": True},
        {"at_ns": 9_000, "kind": "removed", "unit": "0002", "cpu_ns": 70},
        {"at_ns": 9_500, "kind": "removed", "unit": "0003", "cpu_ns": 40},
    ]
    rows = [{"at_ns": 0, "unit": unit, "cpu_ns": cpu_ns} for unit, cpu_ns in (("0002", 50), ("0003", 10), ("0002", 60))]
    samples = SAMPLES.empty_table().from_pylist(rows, schema=SAMPLES)
    sent = Sent.of(4_000, [])
    result = record_trial(visit(), Outset.look(), Account(events=events), sent, samples, 9_600, done)
    record = result.record
    assert record.begin == done.record and record.case["begin"] == "steady"
    assert record.starts == 1
    assert [(unit.unit, unit.for_request, unit.lived_ns) for unit in record.units] == [
        ("0002", False, 5_000),
        ("0003", True, 4_500),
    ]
    assert [unit.cpu_ns for unit in record.units] == [20, 40], (
        "what it had used before the first look is not the trial's"
    )


def recorded(done, *arrivals):
    sent = Sent.of(4_000, arrivals)
    return record_trial(visit(), Outset.look(), Account(), sent, SAMPLES.empty_table(), 9_600, done).record


GOOD, BAD = arrival(0, body_of(inside(2))), arrival(0, b"{}", status=500)


def test_a_begin_that_can_only_be_empty_is_another_case_and_valid():
    crowd = {"constant": {"rate": 200, "seconds": 1}}
    done = prepare(Standing(), Answering(took_ms=10_000), profile=crowd, function={"concurrency_limit": 5000})
    record = recorded(done, GOOD)
    assert record.valid and record.case["begin"] == record.begin.state == "empty"
    assert record.warnings[0] == done.warnings[0]


def test_a_begin_that_failed_this_time_makes_the_trial_invalid_and_leaves_its_case():
    done = prepare(Standing(most=0))
    record = recorded(done, GOOD)
    assert not record.valid and record.problems == [done.failure]
    assert (record.case["begin"], record.begin.state) == ("steady", "empty")


def test_where_no_request_had_a_good_answer_it_is_not_the_begin_that_is_wrong():
    record = recorded(prepare(Standing(), Answering(bad=tuple(range(9)))), BAD)
    assert record.valid and record.fruitless and record.case["begin"] == "empty"
