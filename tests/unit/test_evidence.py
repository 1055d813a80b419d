"""What a reply proves, and that nothing malformed proves anything."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.process import Arrival, Sent
from harness.load.replies import Reply
from harness.load.wire import Fate
from harness.measure.evidence import Evidence, UnitLog, judge_reply, phases_ns, queue_ns, read_reply, start_class
from harness.measure.rows import Judge
from harness.record.columns import phase_column, phases_in, requests_schema
from harness.record.nouns import Outcome, StartClass
from harness.record.phases import order_phases
from targets.clock import clock_id
from targets.workloads.echo import WORKLOAD

MS = 1_000_000
COLD_SPANS = {"create": [2 * MS, 10 * MS], "start": [11 * MS, 40 * MS]}
PAYLOAD = WORKLOAD.payloads()[0]


def inside(invocation=1, **changes):
    """An envelope's evidence: begun at 90 ms, ended at 95 ms, loaded from 50 ms on."""
    given = {
        "unit": "0001",
        "clock": clock_id(),
        "invocation": invocation,
        "begun_ns": 90 * MS,
        "ended_ns": 95 * MS,
        "init_ended_ns": 85 * MS,
    }
    if invocation == 1:
        given["init"] = {"entered_ns": 50 * MS, "phases_ns": {"imports": 10 * MS, "weights": 20 * MS}}
    return {**given, **changes}


def outside(request=1, **changes):
    """A front's header of a request received at 1 ms."""
    given = {"received_ns": MS, "unit": "0001", "unit_request": request, "asked_ns": 60 * MS}
    if request == 1:
        given |= {"started_for_request": True, "spans_ns": COLD_SPANS}
    return {**given, **changes}


def evidence(own=None, front=None):
    body = json.dumps({"answer": json.loads(PAYLOAD.body), "frostline": own}).encode() if own else b""
    return read_reply(json.dumps(front).encode() if front else b"", body)[0]


def log(*kinds, for_request=True, unit="0001"):
    events = [{"at_ns": at * MS, "kind": kind, "unit": unit} for at, kind in enumerate(kinds, 1)]
    return UnitLog([{**event, "for_request": for_request} if event["kind"] == "create" else event for event in events])


@pytest.mark.parametrize(
    ("own", "front", "events", "expected"),
    [
        (inside(), outside(), log("create"), StartClass.COLD),
        (inside(), outside(), log("create", "init_timeout"), StartClass.COLD_REINIT),
        (None, outside(), log("create"), StartClass.COLD),
        (None, outside(), log("create", "init_timeout"), StartClass.COLD_REINIT),
        (inside(2), outside(2), log("create"), StartClass.WARM),
        (inside(2), outside(2), log("create", "init_timeout"), StartClass.WARM),
        (inside(1), outside(2), log("create"), StartClass.RESET),
        (inside(1), outside(7), log("create"), StartClass.RESET),
        (None, outside(2), log("create"), None),
        (inside(1), None, log("create", for_request=True), StartClass.COLD),
        (inside(1), None, log("create", for_request=False), StartClass.PROACTIVE),
        (inside(5), None, log("create", for_request=True), StartClass.WARM),
        (inside(1, unit="0009"), None, log("create", for_request=True), StartClass.PROACTIVE),
        (None, None, log("create"), None),
        (None, {"received_ns": MS}, log("create"), None),
    ],
)
def test_start_classes_come_from_counters(own, front, events, expected):
    assert start_class(evidence(own, front), events) is expected


def judged(header, body, status=200, events=(), fate=Fate.ANSWERED):
    arrival = Arrival(0, 0, fate, 20, 30, 200 * MS, status, 1, True, reply=Reply(header), head=body)
    table = Judge(WORKLOAD, False, list(events)).table(Sent.of(0, [arrival]))
    assert table.schema == requests_schema(phases_in(table.column_names))
    return table.to_pylist()[0]


def good_body(own):
    return json.dumps({"answer": json.loads(PAYLOAD.body), "frostline": own}).encode()


def test_a_failed_request_that_started_a_sandbox_is_a_cold_row():
    died = json.dumps({"errorType": "Sandbox.Died", "errorMessage": "it ended"}).encode()
    row = judged(json.dumps(outside()).encode(), died)
    assert (row["outcome"], row["start_class"], row["unit"]) == ("failed", "cold", "0001")
    assert row["error"] == "Sandbox.Died: it ended"
    assert not phases_in(row)


def test_phases_add_up_to_the_whole():
    phases = phases_ns(evidence(inside(), outside()), 0, 97 * MS, log(), same_clock=True)
    assert phases == {
        "queue": MS,
        "create": 8 * MS,
        "start": 29 * MS,
        "boot": 10 * MS,
        "imports": 10 * MS,
        "weights": 20 * MS,
        "first_inference": 5 * MS,
        "unaccounted": 14 * MS,
    }
    assert sum(phases.values()) == 97 * MS
    assert list(phases) == order_phases(phases)


def test_a_start_that_ends_after_the_runtime_began_leaves_no_negative_boot():
    spans = {"start": [11 * MS, 70 * MS]}
    phases = phases_ns(evidence(inside(), outside(spans_ns=spans)), 0, 97 * MS, log(), True)
    assert (phases["start"], phases["boot"], phases["queue"]) == (39 * MS, 0, 10 * MS)
    assert "create" not in phases
    assert sum(phases.values()) == 97 * MS


def test_stamps_of_another_clock_are_used_only_among_themselves():
    phases = phases_ns(evidence(inside(), outside()), 0, 97 * MS, log(), same_clock=False)
    assert set(phases) == {"imports", "weights", "first_inference", "unaccounted"}
    assert sum(phases.values()) == 97 * MS
    row = judged(json.dumps(outside()).encode(), good_body(inside(clock="another kernel")))
    assert row["start_class"] == "cold"
    assert (
        phases_in(row) == ["imports", "weights", "first_inference", "unaccounted"]
        and row["phase_imports_ns"] == 10 * MS
    )


def test_a_replica_is_timed_by_its_log_from_the_moment_it_was_asked_for():
    events = log("create", "created", "start", "started")
    phases = phases_ns(evidence(inside()), 0, 97 * MS, events, same_clock=True)
    assert (phases["queue"], phases["create"], phases["start"], phases["boot"]) == (MS, MS, MS, 46 * MS)
    assert sum(phases.values()) == 97 * MS


def test_a_reset_is_timed_by_its_own_start_and_not_by_the_first_one():
    first = log("create", "created", "start", "started")
    again = outside(5, received_ns=44 * MS, spans_ns={"start": [45 * MS, 48 * MS]})
    phases = phases_ns(evidence(inside(), again), 43 * MS, 97 * MS, first, same_clock=True)
    assert "create" not in phases
    assert (phases["queue"], phases["start"], phases["boot"]) == (MS, 3 * MS, 2 * MS)
    assert sum(phases.values()) == 54 * MS
    unknown = phases_ns(evidence(inside(), outside(5)), 43 * MS, 97 * MS, first, same_clock=True)
    assert not {"queue", "create", "start", "boot"} & set(unknown)


def test_without_a_start_or_an_answer_there_are_no_phases():
    assert phases_ns(evidence(inside(2), outside(2)), 0, 97 * MS, log(), True) == {}
    assert phases_ns(evidence(inside(), outside()), 0, None, log(), True) == {}
    assert phases_ns(Evidence(), 0, 1, log(), True) == {}


def test_the_queue_ends_where_the_platform_takes_the_request_up():
    assert queue_ns(evidence(inside(2), outside(2))) == 59 * MS
    assert queue_ns(evidence(inside(), outside())) == MS
    assert queue_ns(evidence(inside(2, received_ns=80 * MS))) == 10 * MS
    assert queue_ns(evidence(inside(2))) is None
    assert queue_ns(evidence(None, {"received_ns": MS})) is None


@pytest.mark.parametrize(
    ("status", "error", "own", "wrong", "expected", "why"),
    [
        (200, None, inside(), None, Outcome.OK, None),
        (200, None, inside(), "wrong answer: label", Outcome.WRONG, "wrong answer: label"),
        (200, None, None, None, Outcome.WRONG, "the reply carries no envelope"),
        (429, None, None, None, Outcome.THROTTLED, "throttled (429)"),
        (429, {"errorType": "x"}, None, None, Outcome.THROTTLED, "throttled (429)"),
        (200, {"errorType": "ValueError", "errorMessage": "bad"}, None, None, Outcome.FAILED, "ValueError: bad"),
        (200, {"errorType": "Sandbox.Timedout", "errorMessage": "5 s"}, None, None, Outcome.TIMED_OUT, "Sandbox.Timed"),
        (200, {"errorMessage": "only"}, None, None, Outcome.FAILED, "error: only"),
        (500, {"errorType": "KeyError", "errorMessage": "k"}, None, None, Outcome.FAILED, "KeyError: k"),
        (500, None, None, None, Outcome.FAILED, "HTTP 500"),
        (500, None, inside(), None, Outcome.FAILED, "HTTP 500"),
        (404, None, None, None, Outcome.FAILED, "HTTP 404"),
        (204, None, None, None, Outcome.FAILED, "HTTP 204"),
    ],
)
def test_outcomes(status, error, own, wrong, expected, why):
    outcome, reason = judge_reply(status, error, evidence(own), wrong)
    assert outcome is expected
    assert reason == why if why is None else reason.startswith(why)


@pytest.mark.parametrize(
    "own",
    [
        None,
        [],
        "envelope",
        {},
        {"unit": "a", "invocation": "1", "begun_ns": 1, "ended_ns": 2},
        {"unit": "a", "invocation": True, "begun_ns": 1, "ended_ns": 2},
        {"invocation": 1, "begun_ns": 1, "ended_ns": 2},
        inside(0),
        inside(-1),
        inside(2**31),
        inside(1.5),
        inside(begun_ns=None),
        inside(ended_ns=2**63),
        inside(begun_ns=-1),
        inside(init="none"),
        inside(init={"entered_ns": 1}),
        inside(init={"entered_ns": 1, "phases_ns": {"weights": "long"}}),
        inside(received_ns="early"),
        inside(unit={"a": 1}),
        inside(clock=7),
    ],
)
def test_a_forged_envelope_is_no_evidence(own):
    row = judged(b"", good_body(own))
    assert (row["outcome"], row["error"]) == ("wrong", "the reply carries no envelope")
    assert row["start_class"] is row["unit"] is row["invocation"] is None


@pytest.mark.parametrize(
    "front",
    [
        [],
        {"unit": "0001", "unit_request": 1, "started_for_request": True},
        outside(unit_request="1"),
        outside(unit_request=0),
        outside(unit_request=2**40),
        outside(spans_ns=[]),
        outside(spans_ns={"create": 5}),
        outside(spans_ns={"create": [1]}),
        outside(spans_ns={"create": [1, "x"]}),
        outside(received_ns=-5),
        outside(asked_ns=1e300),
        outside(unit=None, unit_request={}),
    ],
)
def test_a_forged_header_is_no_evidence(front):
    row = judged(json.dumps(front).encode(), good_body(inside()))
    assert row["outcome"] == "ok"
    assert row["start_class"] == "proactive"
    assert row["unit_request"] is row["queue_ns"] is None


def test_texts_that_cannot_be_written_are_escaped():
    assert judged(b"", b'{"errorType": "\\ud800", "errorMessage": "\\udfff"}')["error"] == "\\ud800: \\udfff"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*inside(), *outside(), "create", "start", "weights", "x"]), inner)
    ),
    max_leaves=8,
)
names = st.sampled_from([*inside(), "received_ns"])
mutated_inside = st.builds(lambda changes: inside(**changes), st.dictionaries(names, json_values, max_size=3))
mutated_outside = st.builds(
    lambda changes: outside(**changes), st.dictionaries(st.sampled_from([*outside()]), json_values, max_size=3)
)
as_bytes = st.builds(lambda value: json.dumps(value).encode(), json_values)
replies = (
    st.binary(max_size=60)
    | as_bytes
    | mutated_inside.map(good_body)
    | st.builds(lambda own: json.dumps({"errorType": own, "errorMessage": own, "frostline": own}).encode(), json_values)
)
headers = st.binary(max_size=60) | as_bytes | mutated_outside.map(lambda front: json.dumps(front).encode())


@settings(max_examples=400, deadline=None)
@given(headers, replies, st.sampled_from([200, 204, 429, 500]))
def test_no_reply_can_break_the_judge(header, body, status):
    row = judged(header, body, status, [{"at_ns": 1, "kind": "create", "unit": "0001", "for_request": True}])
    assert row["outcome"] in set(Outcome)
    parts = [row[phase_column(name)] for name in phases_in(row)]
    assert not parts or sum(parts) == row["done_ns"] - row["scheduled_ns"]


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b"\xff\xfe", b""])
def test_monstrous_bodies_are_no_evidence(body):
    assert judged(body, body)["outcome"] == "wrong"


@pytest.mark.parametrize(
    ("fate", "expected"),
    [
        (Fate.FAILED, "failed"),
        (Fate.TIMED_OUT, "timed_out"),
        (Fate.SHED, "shed"),
        (Fate.EXHAUSTED, "shed"),
        (Fate.UNFINISHED, "unfinished"),
    ],
)
def test_what_was_not_answered_proves_nothing(fate, expected):
    row = judged(json.dumps(outside()).encode(), good_body(inside()), 200, fate=fate)
    assert (row["outcome"], row["start_class"], row["unit"]) == (expected, None, None)
