"""What answers a request, or prints into a log, is a stranger: anything malformed is simply not evidence."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.failed import RequestFailed
from harness.load.parser import Exchange, ReplyParser
from harness.load.process import RECORD_TYPE, Arrival, Sent
from harness.load.replies import Replies, Reply
from harness.load.wire import FIELDS, RECORD, ErrorTexts, Fate
from harness.measure.rows.evidence import UnitLog
from harness.measure.rows.judge import Judge
from harness.record.columns import phase_column, phases_in, requests_schema
from harness.record.nouns import Outcome
from harness.record.phases import phase_problems
from targets import workload
from targets.contract import Completion, Witnessed
from targets.events import EventLog, EventReader
from targets.serving import marks
from tests.envelopes import FAR, LOCAL
from tests.property.hostile import RAW, Tally, as_json, examples, mostly, mutated, numbers, spoiled, texts, values

INSIDE = {
    "unit": "0001",
    "clock": "boot",
    "invocation": 1,
    "begun_ns": 3_000,
    "ended_ns": 4_000,
    "init_ended_ns": 2_900,
    "received_ns": 2_950,
    "init": {"entered_ns": 2_000, "phases_ns": {"imports": 100, "weights": 200, "connections": 5}},
    "generation": "g1",
    "initialization": "on-demand",
    "spent_ns": 10,
    "gpu_ns": 7,
    "tokens_out": 3,
    "part": "core",
    "parts": {"edge": {"unit": "0002"}},
}
OUTSIDE = {
    "received_ns": 1_000,
    "unit": "0001",
    "unit_request": 1,
    "asked_ns": 2_990,
    "spans_ns": {"create": [1_100, 1_200], "start": [1_200, 1_900]},
    "started_for_request": True,
}
BODY = {"answer": {"text": "warm"}, "frostline": INSIDE}
ERROR = {"errorType": "Sandbox.Timedout", "errorMessage": "took too long"}
LOG = [
    {"at_ns": 1_050, "kind": "create", "unit": "0001", "for_request": True},
    {"at_ns": 1_100, "kind": "created", "unit": "0001"},
    {"at_ns": 1_200, "kind": "start", "unit": "0001"},
    {"at_ns": 1_900, "kind": "started", "unit": "0001"},
    {"at_ns": 2_000, "kind": "init_timeout", "unit": "0001"},
]
SCHEDULED_NS, SENT_NS, FIRST_BYTE_NS, DONE_NS = 900, 920, 4_500, 5_000
raws = st.sampled_from([*RAW, "@huge@"])
anything = mostly(values, raws, share=9)
bodies = mutated(BODY, anything).map(as_json) | mutated(ERROR, anything).map(as_json)
headers = mutated(OUTSIDE, anything, most=2).map(as_json) | st.just(as_json(OUTSIDE)) | st.just(b"")
EVENTS = as_json({"chunk": 1}), as_json({"frostline": INSIDE})
STREAM = b"data: %s\n\nevent: frostline\ndata: %s\n\n" % EVENTS
WORDS = [Witnessed("r1", "0001", "reset", 8, 7, 6, 5, {"boot": 4, "create": 2**62})]
JUDGES = [
    judge
    for name in ("echo", "filetype", "embed-onnx")
    for judge in (
        Judge(workload(name), False, LOCAL, UnitLog(LOG)),
        Judge(workload(name), False, FAR, None, WORDS),
    )
]


def is_json(data):
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def test_replies():
    """Of a target with a log and of one without; the rows fit the columns that are stored, and no time is negative."""
    tally = Tally("replies")

    @examples(tally.name)
    @given(
        mostly(headers, spoiled(as_json(OUTSIDE))),
        mostly(bodies, spoiled(as_json(BODY)), spoiled(STREAM), st.binary(max_size=40)),
        st.sampled_from([200, 200, 200, 500, 429, 202, 0]),
        st.sampled_from(JUDGES),
        st.booleans(),
    )
    def check(header, body, status, judge, streamed):
        stamps = (SCHEDULED_NS, Fate.ANSWERED, SENT_NS, FIRST_BYTE_NS, DONE_NS)
        arrival = Arrival(0, *stamps, status, reply=Reply(header, "r1", streamed=streamed), head=body)
        judged = judge.judge(Sent.of(SCHEDULED_NS, [arrival]))
        check_table(judged)
        (row,) = judged.requests.to_pylist()
        assert row["outcome"] in set(Outcome)
        assert row["error"] is None or len(row["error"].encode()) < 2000
        parts = [row[phase_column(name)] for name in judged.phases]
        assert not parts or (min(parts) >= 0 and sum(parts) == DONE_NS - SCHEDULED_NS)
        assert row["handler_ns"] is None or row["handler_ns"] >= 0
        tally.count(is_json(body) and body.startswith(b"{"))

    check()
    tally.check()


def check_table(judged):
    assert judged.requests.schema.equals(requests_schema(judged.phases))
    assert judged.phases == phases_in(judged.requests.schema.names)
    assert not phase_problems(judged.phases)
    judged.requests.validate(full=True)


def test_completions():
    """The end of an accepted request comes from elsewhere too."""
    tally = Tally("completions")

    @examples(tally.name)
    @given(mostly(bodies, spoiled(as_json(BODY))), st.sampled_from([200, 200, 500, 0]), st.integers(0, 2**59))
    def check(body, status, at_ns):
        arrival = Arrival(0, SCHEDULED_NS, Fate.ANSWERED, SENT_NS, FIRST_BYTE_NS, DONE_NS, 202, reply=Reply(b"", "r1"))
        ends = [Completion("r1", at_ns, status, body)]
        judged = Judge(workload("echo"), False, FAR, None, WORDS, ends).judge(Sent.of(SCHEDULED_NS, [arrival]))
        check_table(judged)
        assert judged.requests["completed_ns"].to_pylist() == [at_ns - SCHEDULED_NS]
        tally.count(is_json(body) and body.startswith(b"{"))

    check()
    tally.check()


PIECES = [b'data: {"chunk": 1}\n\n', b'event: frostline\ndata: {"frostline": {}}\n\n']
CHUNKS = b"".join(b"%x\r\n%b\r\n" % (len(data), data) for data in PIECES) + b"0\r\n\r\n"
WHOLE = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\nX-Kept: yes\r\n\r\n" + b'{"frostline": {}}',
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS,
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 503 Busy\r\nConnection: close\r\n\r\nuntil the end",
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
]


def test_reply_bytes():
    """However bytes are spoiled and cut, a reply is whole or its request has failed; what is told of it agrees."""
    tally = Tally("reply bytes")

    def read(data, size):
        parser, exchange = ReplyParser("x-kept", "x-id"), Exchange()
        parser.begin(exchange)
        try:
            for moment, at in enumerate(range(0, len(data), size), 1):
                parser.feed(data[at : at + size], moment)
                if exchange.complete:
                    return exchange
            parser.end(len(data) + 1)
        except RequestFailed as error:
            assert str(error)
        return exchange

    @examples(tally.name)
    @given(mostly(st.sampled_from(WHOLE).flatmap(spoiled), st.sampled_from(WHOLE), st.binary(max_size=80)))
    def check(data):
        found = [read(data, size) for size in (1, 7, max(1, len(data)))]
        for exchange in found:
            body = exchange.body
            _, head, tail = exchange.take_body().split()
            assert len(b"".join(head)) + len(tail) == exchange.size
            assert body is None or b"".join(body.pieces) == b"".join(head) + tail
            assert not exchange.complete or exchange.status >= 200
            assert exchange.first_chunk_ns <= exchange.last_chunk_ns
            assert (exchange.first_chunk_ns > 0) == (exchange.chunks > 0)
            assert exchange.complete or not exchange.reusable
        whole = [exchange for exchange in found if exchange.complete]
        assert len({(exchange.status, exchange.size) for exchange in whole}) <= 1
        tally.count(parsed=False)

    check()
    tally.check()


@st.composite
def load_records(draw):
    """Records as the load process leaves them, with anything in every field but the fate, which its own code sets."""
    n = draw(st.integers(0, 4))
    records = np.zeros(n, dtype=RECORD_TYPE)
    for name, kind in FIELDS:
        if kind.startswith("V"):
            continue
        info = np.iinfo(np.dtype(kind))
        low, high = max(0, int(info.min)), min(int(info.max), 2**59)
        if name == "fate":
            low, high = 0, max(Fate)
        elif name == "status":
            high = 999
        records[name] = draw(st.lists(st.integers(low, high), min_size=n, max_size=n))
    records["index"] = np.arange(n)
    return records


def test_load_records():
    tally = Tally("load records")

    @examples(tally.name)
    @given(load_records(), texts)
    def check(records, text):
        assert records.dtype.itemsize == RECORD.size
        numbered = ErrorTexts()
        number = numbered.number(text.encode(errors="replace").decode())
        sent = Sent(0, records, [numbered.texts[number]] * len(records), Replies())
        for judge in JUDGES[:2]:
            judged = judge.judge(sent)
            assert judged.requests.num_rows == len(records)
            assert judged.requests.schema.equals(requests_schema(judged.phases))
        tally.count(parsed=False)

    check()
    tally.check()


MARK = json.loads(marks.mark("init_end", "0001", 123))


def test_marks():
    tally = Tally("marks")
    lines = mutated(MARK, anything).map(as_json)

    @examples(tally.name)
    @given(mostly(lines, spoiled(as_json(MARK)), st.binary(max_size=40), share=2))
    def check(line):
        found = marks.parse(line)
        tally.count(is_json(line) and line.startswith(b"{"))
        assert found is None or (isinstance(found[0], str) and isinstance(found[1], int))

    check()
    tally.check()


@pytest.mark.parametrize("at", ["[" * 100_000, "1e999"])
def test_monstrous_marks_are_none(at):
    assert marks.parse(f'{{"{marks.KEY}": "x", "at_ns": {at}}}'.encode()) is None


def test_events(tmp_path):
    """Our own processes write the log, with names and figures from elsewhere; what a crash cut off waits."""
    tally = Tally("events")
    path = tmp_path / "events.jsonl"
    facts = st.dictionaries(st.sampled_from(["own_memory_bytes", "cpu_ns", "reason", "settings"]), values, max_size=3)
    kinds = st.sampled_from(["create", "started", "removed", "died", "evicted"])
    events = st.lists(st.tuples(kinds, texts.filter(bool), numbers, facts), min_size=1, max_size=4)

    @examples(tally.name)
    @given(events, spoiled(as_json(LOG[0])))
    def check(given, rest):
        path.unlink(missing_ok=True)
        log = EventLog(path)
        for kind, unit, at_ns, more in given:
            log.write(kind, unit, at_ns, **more)
        log.close()
        reader = EventReader(path)
        with path.open("ab") as file:
            file.write(rest.replace(b"\n", b""))
        assert len(reader.read()) == len(given)
        assert set(reader.living_units()) <= {unit for _, unit, *_ in given}
        tally.count(parsed=True)

    check()
    tally.check()
