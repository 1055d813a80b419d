"""What a reply proves, and that nothing malformed proves anything."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.load.process import Sent
from harness.load.wire import Fate
from harness.measure.rows.answers import judge_reply
from harness.measure.rows.evidence import UnitLog
from harness.measure.rows.judge import Judge
from harness.record.columns import phase_column, phases_in, requests_schema
from harness.record.nouns import Outcome
from targets.workloads.echo import WORKLOAD
from tests.envelopes import FAR, LOCAL, MS, arrival, body_of, evidence, inside, outside

FAR_NAMES = {"generation", "request_id", "initialization", "part"}
COUNTS = {"spent_ns", "gpu_ns", "tokens_in", "tokens_out", "memory_used_bytes"}


def judged(header, body, status=200, events=(), fate=Fate.ANSWERED, can=LOCAL):
    log = UnitLog(events) if can.events else None
    table = Judge(WORKLOAD, False, can, log).judge(Sent.of(0, [arrival(0, body, header, fate, status)])).requests
    assert table.schema == requests_schema(phases_in(table.schema.names))
    return table.to_pylist()[0]


def test_a_failed_request_that_started_a_sandbox_is_a_cold_row():
    died = json.dumps({"errorType": "Sandbox.Died", "errorMessage": "it ended"}).encode()
    row = judged(json.dumps(outside()).encode(), died)
    assert (row["outcome"], row["start_class"], row["unit"]) == ("failed", "cold", "0001")
    assert row["error"] == "Sandbox.Died: it ended"
    assert not phases_in(row)


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


@pytest.mark.parametrize("can", [LOCAL, FAR])
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
        inside(unit=""),
        inside(unit="\ud800"),
        inside(unit="x" * 201),
        inside(clock=7),
        *(inside(**{name: value}) for name in sorted(FAR_NAMES) for value in (7, "", {})),
        *(inside(**{name: "x" * 201}) for name in sorted(FAR_NAMES - {"request_id"})),
        *(inside(**{name: value}) for name in sorted(COUNTS) for value in (-1, "7", True, 1.0, 2**60)),
        inside(tokens_in=2**31),
    ],
)
def test_a_forged_envelope_is_no_evidence(own, can):
    row = judged(b"", body_of(own), can=can)
    assert (row["outcome"], row["error"]) == ("wrong", "the reply carries no envelope")
    assert row["start_class"] is row["unit"] is row["invocation"] is row["generation"] is None


@pytest.mark.parametrize(
    "own",
    [
        inside(ended_ns=90 * MS - 1),
        inside(received_ns=90 * MS + 1),
        inside(init={"entered_ns": 90 * MS + 1, "phases_ns": {}}),
    ],
)
def test_an_envelope_of_negative_times_is_no_evidence(own):
    assert evidence(own).inside is None


def test_an_envelope_with_everything_is_evidence():
    full = inside(
        received_ns=80 * MS,
        generation="g",
        request_id="r",
        initialization="on-demand",
        spent_ns=0,
        gpu_ns=1,
        tokens_in=0,
        tokens_out=2**31 - 1,
        memory_used_bytes=2**40,
        part="core",
    )
    assert evidence(full).inside == full
    assert evidence({**full, "unheard-of": 1}).inside == full


def test_the_evidence_is_that_of_the_part_that_answered():
    core = inside(7, unit="core-1")
    edge = inside(1, unit="edge-1", part="core", parts={"core": core, "cache": {}})
    assert evidence(edge).inside == core | {"part": "core"}
    assert evidence({**edge, "part": "edge"}).unit == "edge-1", "its own, where it names none that it nests"
    assert evidence({**edge, "parts": {"core": {"unit": "forged"}}}).inside is None
    assert evidence({**edge, "parts": 7}).unit == "edge-1"


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
    row = judged(json.dumps(front).encode(), body_of(inside()))
    assert row["outcome"] == "ok"
    assert row["start_class"] == "proactive"
    assert row["unit_request"] is row["queue_ns"] is None


def test_texts_that_cannot_be_written_are_escaped():
    assert judged(b"", b'{"errorType": "\\ud800", "errorMessage": "\\udfff"}')["error"] == "\\ud800: \\udfff"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*inside(), *outside(), *FAR_NAMES, "create", "start", "weights"]), inner)
    ),
    max_leaves=8,
)
names = st.sampled_from([*inside(), "received_ns", "parts", *sorted(FAR_NAMES | COUNTS)])
mutated_inside = st.builds(lambda changes: inside(**changes), st.dictionaries(names, json_values, max_size=3))
mutated_outside = st.builds(
    lambda changes: outside(**changes), st.dictionaries(st.sampled_from([*outside()]), json_values, max_size=3)
)
as_bytes = st.builds(lambda value: json.dumps(value).encode(), json_values)
replies = (
    st.binary(max_size=60)
    | as_bytes
    | mutated_inside.map(body_of)
    | st.builds(lambda own: json.dumps({"errorType": own, "errorMessage": own, "frostline": own}).encode(), json_values)
)
headers = st.binary(max_size=60) | as_bytes | mutated_outside.map(lambda front: json.dumps(front).encode())


@settings(max_examples=400)
@given(headers, replies, st.sampled_from([200, 202, 204, 429, 500]), st.sampled_from([LOCAL, FAR]))
def test_no_reply_can_break_the_judge(header, body, status, can):
    row = judged(header, body, status, [{"at_ns": 1, "kind": "create", "unit": "0001", "for_request": True}], can=can)
    assert row["outcome"] in set(Outcome)
    parts = [row[phase_column(name)] for name in phases_in(row)]
    assert not parts or sum(parts) == row["done_ns"] - row["scheduled_ns"]
    assert not parts or min(parts) >= 0
    assert row["handler_ns"] is None or row["handler_ns"] >= 0


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b"\xff\xfe", b""])
def test_monstrous_bodies_are_no_evidence(body):
    assert judged(body, body)["outcome"] == "wrong"


@pytest.mark.parametrize(
    ("fate", "expected", "unit"),
    [
        (Fate.FAILED, "failed", "0001"),
        (Fate.TIMED_OUT, "timed_out", "0001"),
        (Fate.SHED, "shed", None),
        (Fate.EXHAUSTED, "shed", None),
        (Fate.UNFINISHED, "unfinished", "0001"),
    ],
)
def test_what_was_not_answered_proves_nothing_but_who_began_to(fate, expected, unit):
    row = judged(json.dumps(outside()).encode(), body_of(inside()), 200, fate=fate)
    assert (row["outcome"], row["start_class"], row["handler_ns"], row["unit"]) == (expected, None, None, unit)


def test_a_log_is_indexed_once():
    class Events(list):
        looks = 0

        def __iter__(self):
            self.looks += 1
            return super().__iter__()

    events = Events({"at_ns": at, "kind": "create", "unit": f"{at:04d}"} for at in range(50))
    log = UnitLog(events)
    for at in range(50):
        assert log.first_event(f"{at:04d}", "create")["at_ns"] == at
    assert events.looks == 1
    assert log.last_ns == 49
