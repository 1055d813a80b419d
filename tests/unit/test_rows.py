"""From records and replies to the table that is stored, worked out by hand for each outcome."""

import json

import pytest

from harness.load.process import Arrival, Sent
from harness.load.replies import Reply
from harness.load.wire import Fate
from harness.measure.rows.answers import CHECK_RAISED
from harness.measure.rows.evidence import UnitLog
from harness.measure.rows.judge import Judge
from harness.record.columns import phases_in, requests_schema
from targets.clock import clock_id
from targets.workloads.echo import WORKLOAD
from tests.envelopes import LOCAL

BEGIN_NS = 1_000_000
PAYLOADS = WORKLOAD.payloads()
LOG = [
    {"at_ns": BEGIN_NS + 110, "kind": "create", "unit": "0001", "for_request": True},
    {"at_ns": BEGIN_NS + 500, "kind": "create", "unit": "0002", "for_request": False},
]
EMPTY = dict.fromkeys(requests_schema([]).names)


def envelope(index, unit="0001", invocation=2, **more):
    """A right answer to the payload whose turn it is at `index`, handled from 600 to 650 ns after the begin."""
    evidence = {"unit": unit, "clock": clock_id(), "invocation": invocation}
    evidence |= {"begun_ns": BEGIN_NS + 600, "ended_ns": BEGIN_NS + 650, **more}
    answer = json.loads(PAYLOADS[index % len(PAYLOADS)].body)
    return json.dumps({"answer": answer, "frostline": evidence}).encode()


def header(**fields):
    return json.dumps({"received_ns": BEGIN_NS + 105, "unit": "0001", **fields}).encode()


COLD_START = {"entered_ns": BEGIN_NS + 300, "phases_ns": {"imports": 100, "weights": 150, "unheard-of": 7}}
COLD_HEADER = header(
    unit_request=1,
    asked_ns=BEGIN_NS + 200,
    started_for_request=True,
    spans_ns={"create": [BEGIN_NS + 110, BEGIN_NS + 130], "start": [BEGIN_NS + 130, BEGIN_NS + 190]},
)


def arrival(index, fate=Fate.ANSWERED, status=200, body=b"", head=b"", **fields):
    """Scheduled 100 ns after the begin, sent at 103, first byte at 690, done at 700."""
    reply = Reply(head) if body or head else None
    given = {"sent_ns": BEGIN_NS + 103, "first_byte_ns": BEGIN_NS + 690, "done_ns": BEGIN_NS + 700, **fields}
    sizes = {"reply_bytes": len(body), "body_bytes": 9}
    return Arrival(index, BEGIN_NS + 100, fate, status=status, in_flight=3, reply=reply, head=body, **sizes, **given)


def table_of(sent, workload=WORKLOAD, events=LOG):
    return Judge(workload, False, LOCAL, UnitLog(events)).judge(sent).requests


def payload(index):
    return PAYLOADS[index % len(PAYLOADS)].name


ANSWERED = {"sent_ns": 103, "first_byte_ns": 690, "done_ns": 700, "status": 200}
CASES = [
    pytest.param(
        arrival(0, body=envelope(0, invocation=1, init=COLD_START), head=COLD_HEADER, fresh=True),
        ANSWERED
        | {
            "outcome": "ok",
            "start_class": "cold",
            "unit": "0001",
            "invocation": 1,
            "unit_request": 1,
            "queue_ns": 5,  # received at 105, taken up by the first step at 110
            "handler_ns": 50,
            "new_connection": True,
            "phase_queue_ns": 5,
            "phase_create_ns": 20,
            "phase_start_ns": 60,
            "phase_boot_ns": 110,  # started at 190, entered at 300
            "phase_imports_ns": 100,
            "phase_weights_ns": 150,
            "phase_first_inference_ns": 50,
            "phase_unaccounted_ns": 105,  # of 600 from scheduled to done, 495 are known
        },
        id="a cold start",
    ),
    pytest.param(
        arrival(1, body=envelope(1, received_ns=BEGIN_NS + 590)),
        ANSWERED
        | {
            "outcome": "ok",
            "start_class": "warm",
            "unit": "0001",
            "invocation": 2,
            "queue_ns": 10,
            "handler_ns": 50,
        },
        id="a warm answer of a service",
    ),
    pytest.param(
        arrival(2, body=envelope(2, unit="0002", invocation=1)),
        ANSWERED | {"outcome": "ok", "start_class": "proactive", "unit": "0002", "invocation": 1, "handler_ns": 50},
        id="the first answer of a unit that nobody waited for",
    ),
    pytest.param(
        arrival(0, body=envelope(0).replace(b'"answer": ', b'"answer": [')[:-1] + b"]}"),
        ANSWERED | {"outcome": "wrong", "error": "the reply carries no envelope"},
        id="no JSON",
    ),
    pytest.param(
        arrival(1, body=json.dumps({**json.loads(envelope(1)), "answer": "no"}).encode()),
        ANSWERED
        | {
            "outcome": "wrong",
            "error": 'wrong answer: answer is str, not an object with just "text"',
            "start_class": "warm",
            "unit": "0001",
            "invocation": 2,
            "handler_ns": 50,
        },
        id="a wrong answer",
    ),
    pytest.param(
        arrival(0, body=b'{"errorType": "Sandbox.Timedout", "errorMessage": "5 s"}', head=header(unit_request=2)),
        ANSWERED | {"outcome": "timed_out", "error": "Sandbox.Timedout: 5 s", "unit": "0001", "unit_request": 2},
        id="a function's time limit",
    ),
    pytest.param(
        arrival(0, status=429),
        ANSWERED | {"outcome": "throttled", "error": "throttled (429)", "status": 429},
        id="throttled",
    ),
    pytest.param(
        arrival(0, status=503), ANSWERED | {"outcome": "failed", "error": "HTTP 503", "status": 503}, id="a 503"
    ),
    pytest.param(
        arrival(0, Fate.FAILED, 0, first_byte_ns=0, error="reset"),
        {"outcome": "failed", "error": "reset", "sent_ns": 103, "done_ns": 700},
        id="failed",
    ),
    pytest.param(
        arrival(0, Fate.TIMED_OUT, 0, first_byte_ns=0, error="no reply in time"),
        {"outcome": "timed_out", "error": "no reply in time", "sent_ns": 103, "done_ns": 700},
        id="timed out",
    ),
    pytest.param(
        arrival(0, Fate.UNFINISHED, 0, first_byte_ns=0, done_ns=0),
        {"outcome": "unfinished", "sent_ns": 103},
        id="unfinished",
    ),
    pytest.param(
        arrival(0, Fate.SHED, 0, sent_ns=0, first_byte_ns=0, done_ns=0),
        {"outcome": "shed"},
        id="shed",
    ),
    pytest.param(
        arrival(0, Fate.EXHAUSTED, 0, sent_ns=0, first_byte_ns=0, error="Too many open files"),
        {"outcome": "shed", "error": "Too many open files"},
        id="without a descriptor",
    ),
]


@pytest.mark.parametrize(("given", "expected"), CASES)
def test_a_row_of_each_outcome(given, expected):
    table = table_of(Sent.of(BEGIN_NS, [given]))
    assert table.schema == requests_schema(phases_in(table.schema.names))
    (row,) = table.to_pylist()
    known = {"index": given.index, "payload": payload(given.index), "scheduled_ns": 100, "in_flight": 3}
    known |= {"new_connection": False, "resent": False, "reply_bytes": given.reply_bytes if given.status else None}
    known |= {"bytes_in": 9 if given.sent_ns else None}
    assert row == {**EMPTY, **known, **expected}


def test_a_table_holds_every_arrival_in_its_order():
    arrivals = [arrival(index, body=envelope(index)) if index % 2 else arrival(index, Fate.SHED, 0) for index in (0, 1)]
    sent = Sent.of(BEGIN_NS, arrivals).join(Sent.of(BEGIN_NS, [arrival(2, Fate.FAILED, 0, error="refused")]))
    table = table_of(sent)
    assert table["index"].to_pylist() == [0, 1, 2]
    assert table["outcome"].to_pylist() == ["shed", "ok", "failed"]
    assert table["error"].to_pylist() == [None, None, "refused"]


def test_no_arrival_no_row():
    table = table_of(Sent.of(BEGIN_NS, []))
    assert table.num_rows == 0
    assert table.schema == requests_schema([])


class Raising:
    """A workload whose check is broken."""

    def __init__(self, error):
        self.error = error

    def payloads(self):
        return PAYLOADS

    def check(self, payload, answer, own_model):
        raise self.error


@pytest.mark.parametrize(
    ("error", "said"),
    [(KeyError("label"), "KeyError: 'label'"), (SystemExit(0), "SystemExit: 0")],
    ids=["raises", "exits"],
)
def test_a_check_that_raises_costs_its_row_and_not_the_run(error, said):
    table = table_of(Sent.of(BEGIN_NS, [arrival(0, body=envelope(0))]), Raising(error))
    (row,) = table.to_pylist()
    assert (row["outcome"], row["error"]) == ("wrong", f"{CHECK_RAISED} {said}")
    assert row["handler_ns"] == 50, "what the envelope proves is kept"


class Returning:
    """Its check returns what a new user may take for a verdict."""

    def __init__(self, verdict):
        self.verdict = verdict

    def payloads(self):
        return PAYLOADS

    def check(self, payload, answer, own_model):
        return self.verdict


class Unspeakable:
    def __repr__(self):
        raise RuntimeError("no words")


@pytest.mark.parametrize("verdict", [False, True, "", "  ", 0, 1.5, [], {"ok": True}], ids=repr)
def test_a_check_that_returns_neither_none_nor_a_sentence_passes_nothing(verdict):
    (row,) = table_of(Sent.of(BEGIN_NS, [arrival(0, body=envelope(0))]), Returning(verdict)).to_pylist()
    assert row["outcome"] == "wrong"
    assert row["error"] == f"check returned {verdict!r}: return None where the answer is right, else why it is not"


def test_a_verdict_that_cannot_be_spoken_costs_its_row_and_not_the_run():
    (row,) = table_of(Sent.of(BEGIN_NS, [arrival(0, body=envelope(0))]), Returning(Unspeakable())).to_pylist()
    assert (row["outcome"], row["error"]) == ("wrong", f"{CHECK_RAISED} RuntimeError: no words")


def test_the_gpus_that_started_units_tell_of_are_kept_once_each():
    def told(index, **gpu):
        return arrival(index, body=envelope(index, invocation=1, init=COLD_START | gpu), head=COLD_HEADER)

    frost, none = {"device": "Frost 100", "cuda": "13.0"}, {"device": ["no", "text"]}
    sent = Sent.of(BEGIN_NS, [told(0, gpu=frost), told(1), told(2, gpu=frost), told(3, gpu=none)])
    judged = Judge(WORKLOAD, False, LOCAL, UnitLog(LOG)).judge(sent)
    assert judged.gpus == [frost]
    assert judged.requests["invocation"].to_pylist() == [1, 1, 1, None], "an envelope with another form is none"
