"""An image of the user's: its settings, its check, and what is known of a request whose answer carries no envelope."""

import json

import pytest

import targets
from harness.load.process import Sent
from harness.load.wire import Fate
from harness.measure.rows.bare import met_by_log
from harness.measure.rows.evidence import Evidence, UnitLog
from harness.measure.rows.judge import Judge
from harness.measure.rows.starts import Wait
from targets.contract import DeploymentError, Order, Package, Sizing
from targets.local import containers
from targets.packaging.own_image import own_image_package, own_image_refusal
from targets.workloads.command import WORKLOAD
from targets.workloads.contract import OwnImage, carries_envelope
from tests.envelopes import LOCAL, MS, arrival, outside

ANSWER = {"words": {"n": 2}, "text": "hoar frost"}


def command(**settings):
    return WORKLOAD.configure({"image": "mine:1", **settings})


def test_what_is_no_image_of_the_users_carries_an_envelope():
    assert not carries_envelope(WORKLOAD)
    assert all(carries_envelope(targets.workload(name)) for name in targets.workload_names() if name != "command")


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, None),
        ({"json": "words.n"}, None),
        ({"json": "words.n", "equals": 2}, None),
        ({"json": "words.n", "equals": 3}, "'2' is not '3'"),
        ({"json": "words.m"}, "there is no 'words.m' in it"),
        ({"json": "text", "matches": "frost$"}, None),
        ({"json": "text", "matches": "^frost"}, "'hoar frost' does not match '^frost'"),
        ({"matches": '"n": 2'}, None),
    ],
)
def test_an_answer_is_held_against_the_settings(settings, why):
    model = command(**settings)
    assert model.check(model.payloads()[0], ANSWER, False) == why


def test_every_problem_of_the_settings_is_told_at_once(tmp_path):
    with pytest.raises(ValueError, match="image: is missing") as refused:
        WORKLOAD.configure(
            {"imag": 1, "port": 0, "path": "x", "json": "[", "matches": "(", "payloads": str(tmp_path), "command": "ls"}
        )
    told = str(refused.value).split("\n")
    begins = ("imag is not one of", "image:", "port:", "path:", "json:", "matches:", "payloads:", "command:")
    assert all(any(line.startswith(begin) for line in told) for begin in begins), told


@pytest.mark.parametrize("content", ['{"a": {"x": 1}}', '[{"x": 1}]'])
def test_payloads_come_from_a_file(tmp_path, content):
    file = tmp_path / "payloads.json"
    file.write_text(content)
    (payload,) = command(payloads=str(file)).payloads()
    assert json.loads(payload.body) == {"x": 1}


def test_it_is_refused_as_a_process_and_where_no_image_is_named_or_there():
    with pytest.raises(DeploymentError, match="a process has none"):
        targets.target("process-service").package(command(), None, print)
    with pytest.raises(DeploymentError, match="name one in its settings"):
        own_image_package(None, WORKLOAD, None)


def test_an_own_image_is_given_nothing_of_ours_and_is_never_removed():
    package = Package("command", "sha256:1", own_image=OwnImage("mine:1"))
    assert all("FROSTLINE" not in name for name in containers.serving_environment(package, Order("r", Sizing(512, 1))))
    assert "is yours and is not removed" in own_image_refusal(package, Order("r", Sizing(512, 1), images_absent=True))
    assert own_image_refusal(package, Order("r", Sizing(512, 1))) is None


def events(*told):
    return [{"kind": kind, "unit": unit, "at_ns": at * MS, **more} for kind, unit, at, more in told]


REPLICA = events(
    ("create", "0001", 0, {"for_request": True}),
    ("created", "0001", 10, {}),
    ("start", "0001", 10, {}),
    ("started", "0001", 30, {}),
    ("ready", "0001", 80, {}),
)


@pytest.mark.parametrize(
    ("log", "header", "asked_ms", "unit", "kind"),
    [
        (REPLICA, None, 0, "0001", "cold"),
        (REPLICA, None, 85, "0001", "warm"),
        (REPLICA, None, 40, "0001", None),  # it was on its way before: neither
        (REPLICA + events(("create", "0002", 0, {})), None, 85, None, None),  # of two nobody knows
        (REPLICA + events(("removed", "0001", 82, {})), None, 85, None, None),
        ([], None, 0, None, None),
        ([], {"unit_request": 1, "started_for_request": True}, 0, "0001", "cold"),
        ([], {"unit_request": 1, "started_for_request": False}, 0, "0001", "proactive"),
        ([], {"unit_request": 2, "spans_ns": {}}, 0, "0001", "warm"),
        ([], {"unit_request": 2, "spans_ns": {"start": [1, 2]}}, 0, "0001", "reset"),
        (events(("init_timeout", "0001", 5, {})), {"unit_request": 1, "started_for_request": True}, 0, "0001",
         "cold_reinit"),
    ],
)  # fmt: skip
def test_what_a_request_met_is_told_by_the_log_alone(log, header, asked_ms, unit, kind):
    evidence = Evidence.of(None, json.dumps({**outside(), **header}).encode() if header else b"")
    met = met_by_log(UnitLog(log), evidence, Wait(asked_ms * MS, 100 * MS))
    assert (met.unit, met.kind) == (unit, kind)


def judged(body, header=b"", came=200, log=(), **settings):
    model = command(json="words.n", equals=2, **settings)
    sent = Sent.of(0, [arrival(0, body, header, Fate.ANSWERED, came)])
    return Judge(model, False, LOCAL, UnitLog(log)).judge(sent).requests.to_pylist()[0]


@pytest.mark.parametrize(
    ("body", "status", "settings", "outcome", "why"),
    [
        (json.dumps(ANSWER).encode(), 200, {}, "ok", None),
        (b'{"words": {"n": 7}}', 200, {}, "wrong", "wrong answer: '7' is not '2'"),
        (b"plain text", 200, {}, "wrong", "wrong answer: there is no 'words.n' in it"),
        (b"", 200, {}, "wrong", "wrong answer: there is no 'words.n' in it"),
        (json.dumps(ANSWER).encode(), 500, {}, "failed", "HTTP 500"),
        (json.dumps(ANSWER).encode(), 201, {"status": 201}, "ok", None),
        (json.dumps(ANSWER).encode(), 200, {"status": 201}, "failed", "HTTP 200"),
        (b'{"errorType": "Oops", "errorMessage": "no"}', 200, {}, "failed", "Oops: no"),
        (b"", 429, {}, "throttled", "throttled (429)"),
    ],
)
def test_a_reply_without_an_envelope_is_judged_by_status_and_check(body, status, settings, outcome, why):
    row = judged(body, came=status, **settings)
    assert (row["outcome"], row["error"]) == (outcome, why)
    assert row["handler_ns"] is None and row["gpu_ns"] is None and row["tokens_out"] is None


def test_a_cold_row_has_the_parts_that_the_log_knows_and_they_add_up():
    begun = json.dumps({**outside(), "spans_ns": {"create": [0, 2 * MS], "start": [2 * MS, 5 * MS]}}).encode()
    row = judged(json.dumps(ANSWER).encode(), begun)
    assert (row["start_class"], row["unit"]) == ("cold", "0001")
    assert (row["phase_create_ns"], row["phase_start_ns"]) == (2 * MS, 3 * MS)
    assert sum(row[f"phase_{name}_ns"] for name in ("create", "start", "unaccounted")) == (
        row["done_ns"] - row["scheduled_ns"]
    )
