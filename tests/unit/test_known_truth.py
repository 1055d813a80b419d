"""The calibrated workload does what it is told, writes down what it did, and refuses settings that make no sense."""

import json
import os
import subprocess
import sys

import pytest

import targets
from harness.errors import UsageError
from harness.experiment.question import parse_experiment
from harness.selftest.ledger import most_at_once, read_ledger
from targets.local.processes import CODE
from targets.serving.call import Call
from targets.serving.timeline import Timeline
from targets.workloads import known_truth
from targets.workloads.known_truth import CRASH_STATUS, Handler, Injected, command, read_settings

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""A unit keeps its ledger open until it ends."""
FIELDS = {"name": "truth", "question": "?", "targets": ["process-lambda"], "profiles": []}


def test_commands_are_drawn_from_seed_and_number_alone():
    settings = read_settings({"seed": 3, "fail_share": 0.1, "wrong_share": 0.2, "handler_ms": 8, "handler_sigma": 0.5})
    drawn = [command(settings, request) for request in range(4000)]
    assert drawn == [command(settings, request) for request in range(4000)]
    assert drawn != [command(read_settings({"seed": 4, "handler_sigma": 0.5}), request) for request in range(4000)]
    shares = {fault: sum(one.fault == fault for one in drawn) / len(drawn) for fault in ("fail", "wrong", None)}
    assert shares["fail"] == pytest.approx(0.1, abs=0.02) and shares["wrong"] == pytest.approx(0.2, abs=0.03)
    times = sorted(one.handler_ms for one in drawn)
    assert times[2000] == pytest.approx(8, rel=0.05) and times[3800] == pytest.approx(
        8 * 2.718 ** (1.645 * 0.5), rel=0.1
    )


def test_named_requests_go_wrong_as_named():
    settings = read_settings({"hang": [1], "crash": [2], "overrun": [3], "fail_share": 1})
    assert [command(settings, request).fault for request in range(5)] == ["fail", "hang", "crash", "overrun", "fail"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"handlr_ms": 3}, "handlr_ms is not one of"),
        ({"handler_ms": -1}, "handler_ms: '-1' is not a number from 0"),
        ({"fail_share": 1.5}, "fail_share: '1.5' is not a number from 0 to 1"),
        ({"hang": [1, -2]}, "hang: '[1, -2]' is not a list of numbers"),
        ({"crash": "all"}, "crash: 'all' is not a list"),
        ({"requests": 0}, "requests: '0' is not a number from 1"),
        ({"seed": True}, "seed: 'True' is not a number"),
    ],
)
def test_settings_that_make_no_sense_are_named_all_at_once(settings, words):
    choice = {"name": "known-truth", "settings": {**settings, "weights_ms": "long"}}
    with pytest.raises(UsageError) as refused:
        parse_experiment({**FIELDS, "workloads": [choice]}, "test")
    told = "\n".join(refused.value.problems)
    assert words in told and "weights_ms: 'long' is not a number" in told


def test_a_workload_without_settings_takes_none():
    with pytest.raises(UsageError, match="echo has no settings"):
        parse_experiment({**FIELDS, "workloads": [{"name": "echo", "settings": {"a": 1}}]}, "test")


def test_two_of_one_name_need_labels():
    twice = [{"name": "known-truth"}, {"name": "known-truth", "label": "slow"}]
    assert [choice.key for choice in parse_experiment({**FIELDS, "workloads": twice}, "test").workloads] == [
        "known-truth",
        "slow",
    ]
    with pytest.raises(UsageError, match="given twice"):
        parse_experiment({**FIELDS, "workloads": [twice[0], twice[0]]}, "test")


def lead_a_life(ledger, events, **settings):
    """The serving core in a process of its own, asked for these requests: (exit status, replies)."""
    code = (
        "import json, sys\n"
        "from targets.serving.core import Core\n"
        "core = Core(1)\n"
        "for event in json.loads(sys.argv[1]):\n"
        "    try:\n"
        "        print('R', json.dumps(core.answer(event)['answer']))\n"
        "    except Exception as error:\n"
        "        print('R', json.dumps(type(error).__name__))\n"
    )
    environment = {
        **os.environ,
        "PYTHONPATH": str(CODE),
        "FROSTLINE_WORKLOAD": "known-truth",
        "FROSTLINE_UNIT": "0003",
        "FROSTLINE_LEDGER": str(ledger),
        "FROSTLINE_SETTINGS": json.dumps(settings),
    }
    arguments = [sys.executable, "-c", code, json.dumps(events)]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    return done.returncode, [json.loads(line[2:]) for line in done.stdout.splitlines() if line.startswith("R ")]


def events_of(settings, n):
    model = targets.workload("known-truth", settings)
    return [json.loads(payload.body) for payload in list(model.payloads())[:n]]


def test_the_ledger_tells_what_was_done_up_to_a_crash_and_the_next_life_after_it(tmp_path):
    settings = {"imports_ms": 30, "weights_ms": 20, "memory_mb": 8, "handler_ms": 5, "fail_share": 1, "crash": [2]}
    status, replies = lead_a_life(tmp_path, events_of(settings, 4), **settings)
    assert (status, replies) == (CRASH_STATUS, ["Injected", "Injected"])
    lead_a_life(tmp_path, events_of(settings, 1), **settings)
    first, second = read_ledger(tmp_path)
    assert (first.unit, first.number, second.number) == ("0003", 0, 1) and first.pid != second.pid
    assert first.ready and first.phases_ms["imports"] >= 30 and first.phases_ms["weights"] >= 20
    assert [(one.request, one.invocation, one.ended_ns is None) for one in first.handled] == [
        (0, 1, False),
        (1, 2, False),
        (2, 3, True),
    ]
    assert second.handled[0].begun_ns > first.handled[2].begun_ns


class FakeClock:
    """Time passes only where somebody sleeps."""

    def __init__(self):
        self.now = 0

    def now_ns(self):
        return self.now

    def sleep(self, seconds):
        self.now += round(seconds * 1e9)


@pytest.fixture
def fake_clock(monkeypatch):
    """What the workload reads and sleeps by."""
    clock = FakeClock()
    monkeypatch.setattr(known_truth, "now_ns", clock.now_ns)
    monkeypatch.setattr(known_truth, "sleep", clock.sleep)
    return clock


def test_only_the_first_start_of_a_slow_unit_is_slow(tmp_path, monkeypatch, fake_clock):
    monkeypatch.setenv(known_truth.LEDGER, str(tmp_path))
    monkeypatch.setenv("FROSTLINE_UNIT", "3")
    settings = read_settings({"imports_ms": 30, "weights_ms": 10, "slow_starts": [3], "slow_start_ms": 200})
    for _ in range(2):
        Handler(settings, Timeline().phase)
    slow, fast = read_ledger(tmp_path)
    assert slow.phases_ms == {"imports": 30, "weights": 210}
    assert fast.phases_ms == {"imports": 30, "weights": 10}


def test_a_request_takes_as_long_as_it_was_told_to(tmp_path, monkeypatch, fake_clock):
    monkeypatch.setenv(known_truth.LEDGER, str(tmp_path))
    handler = Handler(read_settings({"hang_ms": 700}), Timeline().phase)
    for number, fault in enumerate((None, "hang")):
        handler({"request": number, "handler_ms": 8, "fault": fault})
    (life,) = read_ledger(tmp_path)
    assert [(each.begun_ns, each.ended_ns) for each in life.handled] == [(0, 8_000_000), (8_000_000, 708_000_000)]


def test_a_wrong_answer_is_wrong_by_its_own_check():
    settings = {"wrong_share": 0.5, "requests": 40}
    model = targets.workload("known-truth", settings)
    for payload in model.payloads():
        told = json.loads(payload.body)
        right = {"request": told["request"]}
        assert model.check(payload, right, False) is None
        assert model.check(payload, {"request": -1 - told["request"]}, False) is not None


def test_an_answer_streams_and_tells_a_devices_time_on_command():
    settings = {"handler_ms": 6, "chunks": 3, "gpu_ms": 2, "requests": 2}
    model = targets.workload("known-truth", settings)
    infer = model.load(Timeline().phase, None, 1)
    for number, payload in enumerate(model.payloads()):
        call = Call(infer, json.loads(payload.body), {})
        assert call.streams
        reply = call.whole()
        assert reply["answer"] == [{"request": number}] * 3
        assert reply["frostline"]["gpu_ns"] == 2_000_000 + number
        assert model.check(payload, reply["answer"], False) is None
        assert "as another" in model.check(payload, [{"request": number}] * 2 + [{"request": -1}], False)
        assert "3 chunks" in model.check(payload, [{"request": number}] * 2, False)


def test_a_device_tells_of_whole_answers_too_and_of_nothing_unless_it_is_asked_to():
    model = targets.workload("known-truth", {"gpu_ms": 0.5})
    event = json.loads(model.payloads()[3].body)
    assert Call(model.load(Timeline().phase, None, 1), event, {}).whole()["frostline"]["gpu_ns"] == 500_003
    plain = targets.workload("known-truth", {})
    assert "gpu_ns" not in Call(plain.load(Timeline().phase, None, 1), event, {}).whole()["frostline"]


def test_a_stream_that_is_told_to_fail_fails_after_its_first_chunks():
    settings = {"chunks": 3, "fail_share": 1}
    model = targets.workload("known-truth", settings)
    call = Call(model.load(Timeline().phase, None, 1), json.loads(model.payloads()[0].body), {})
    chunks = call.chunks()
    assert [next(chunks), next(chunks)] == [{"request": 0}] * 2
    with pytest.raises(Injected):
        next(chunks)


def test_requests_at_once_are_counted_from_the_ledger(tmp_path):
    lines = [
        {"kind": "entered", "at_ns": 0, "pid": 1},
        {"kind": "begun", "at_ns": 10, "request": 0},
        {"kind": "ended", "at_ns": 30, "request": 0},
        {"kind": "begun", "at_ns": 30, "request": 2},
        {"kind": "ended", "at_ns": 40, "request": 2},
    ]
    other = [{**line, "at_ns": line["at_ns"] + 15, "request": 5} for line in lines[:3]]
    for unit, told in (("0001", lines), ("0002", other)):
        (tmp_path / f"{unit}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    assert most_at_once(read_ledger(tmp_path)) == 2
    assert most_at_once([]) == 0
