"""Rows of a target that shares no clock with us and keeps no log: by envelopes, witnesses and completions."""

import json

import pytest

from harness.load.process import Sent
from harness.load.replies import Replies
from harness.load.wire import Fate
from harness.measure.rows import NOT_COMPLETED, Judge
from harness.record.nouns import Witnesses
from targets.contract import Completion, Witnessed
from targets.workloads.echo import WORKLOAD
from tests.envelopes import FAR, MS, PAYLOADS, arrival, body_of, inside

FAR_NS = 300_000 * MS
"""How far its clock is ahead of ours."""


def far(invocation=1, **changes):
    own = inside(invocation, clock="theirs", **changes)
    return {**own, "begun_ns": own["begun_ns"] + FAR_NS, "ended_ns": own["ended_ns"] + FAR_NS} | (
        {"init": {**own["init"], "entered_ns": own["init"]["entered_ns"] + FAR_NS}} if own.get("init") else {}
    )


def judged(*arrivals, **told):
    return Judge(WORKLOAD, False, FAR, **told).judge(Sent.of(0, arrivals))


def rows(*arrivals, **told):
    return judged(*arrivals, **told).requests.to_pylist()


def test_classes_and_phases_do_not_depend_on_where_its_clock_stands():
    (first, second) = rows(arrival(0, body_of(far())), arrival(1, body_of(far(2), 1), scheduled_ns=300 * MS))
    assert (first["start_class"], second["start_class"]) == ("cold", "warm")
    assert first["phase_imports_ns"] == 10 * MS
    assert first["phase_unaccounted_ns"] == 165 * MS
    assert second["phase_imports_ns"] is None
    assert second["handler_ns"] == 5 * MS


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_reset_is_one_in_whatever_order_replies_are_read(order):
    earlier = far(3, begun_ns=10 * MS, ended_ns=11 * MS)
    arrivals = [arrival(0, body_of(earlier)), arrival(1, body_of(far(), 1), sent_ns=100 * MS)]

    class Shuffled(Replies):
        def __iter__(self):
            replies = list(super().__iter__())
            return iter([replies[at] for at in order])

    sent = Sent.of(0, arrivals)
    sent.replies.__class__ = Shuffled
    kinds = Judge(WORKLOAD, False, FAR).judge(sent).requests["start_class"].to_pylist()
    assert kinds == ["warm", "reset"]


def test_what_was_measured_inside_has_its_column():
    told = {"gpu_ns": 3, "tokens_in": 4, "tokens_out": 0, "generation": "g1", "memory_used_bytes": 7, "part": "core"}
    (row,) = rows(arrival(0, body_of(far(2, request_id="own-id", **told))))
    assert {name: row[name] for name in told} == told
    assert row["request_id"] == "own-id"
    (row,) = rows(arrival(0, body_of(far(2))))
    assert {row[name] for name in told} == {None}


def test_what_the_generator_saw_of_connection_and_chunks_has_its_column():
    stamps = {"connect_ns": 5, "tls_ns": 6, "first_chunk_ns": 50, "last_chunk_ns": 60, "chunks": 3}
    one, other = rows(arrival(0, body_of(far(2)), fresh=True, **stamps), arrival(1, body_of(far(2), 1)))
    assert {name: one[name] for name in stamps} == stamps
    assert {other[name] for name in stamps} == {None}
    assert one["bytes_in"] == 9


def witness(request_id="r1", **told):
    return Witnessed(request_id, **told)


def test_what_the_platform_tells_of_a_request_joins_its_row():
    told = {"billed_ns": 9, "init_ns": 8, "restore_ns": 7, "memory_used_bytes": 6, "start_type": "cold"}
    arrivals = [arrival(0, body_of(far()), request_id="r1"), arrival(1, body_of(far(2), 1), request_id="r2")]
    it = judged(*arrivals, witnesses=[witness(phases_ns={"boot": 2 * MS, "create": 3 * MS}, **told)])
    one, other = it.requests.to_pylist()
    assert {name: one[name] for name in told} == told
    assert {other[name] for name in told} == {None}
    assert it.phases == ["create", "boot", "imports", "weights", "first_inference", "unaccounted"]
    assert one["phase_unaccounted_ns"] == 160 * MS
    assert it.witnessed == Witnesses(expected=2, came=1, disagree=0)


def test_a_witness_that_came_twice_or_of_a_stranger_counts_once_or_not():
    it = judged(
        arrival(0, body_of(far(2)), request_id="r1"),
        witnesses=[witness(billed_ns=1), witness("unknown", billed_ns=5), witness(billed_ns=1)],
    )
    assert it.witnessed == Witnesses(expected=1, came=1, disagree=0)
    assert it.requests["billed_ns"].to_pylist() == [1]


def test_an_id_that_two_rows_have_is_nobodys():
    arrivals = [arrival(at, body_of(far(2), at), request_id="r1") for at in (0, 1)]
    it = judged(*arrivals, witnesses=[witness(billed_ns=1)])
    assert it.requests["billed_ns"].null_count == 2
    assert it.witnessed == Witnesses(expected=2, came=0, disagree=0)


def test_witnesses_that_never_came_are_absent_and_counted():
    throttled = arrival(1, status=429, request_id="r2")
    refused = arrival(2, fate=Fate.FAILED, status=0)
    it = judged(arrival(0, body_of(far(2)), request_id="r1"), throttled, refused)
    assert it.witnessed == Witnesses(expected=1, came=0, disagree=0)
    assert it.requests["start_type"].null_count == 3


def test_the_platforms_word_against_a_proof_is_counted_and_the_proof_holds():
    it = judged(arrival(0, body_of(far(2)), request_id="r1"), witnesses=[witness(start_type="cold")])
    (row,) = it.requests.to_pylist()
    assert (row["start_class"], row["start_type"]) == ("warm", "cold")
    assert it.witnessed == Witnesses(expected=1, came=1, disagree=1)


def test_the_platforms_word_decides_what_is_open():
    it = judged(arrival(0, body_of(far()), request_id="r1"), witnesses=[witness(start_type="cold_reinit")])
    assert it.requests["start_class"].to_pylist() == ["cold_reinit"]
    assert it.witnessed is not None
    assert it.witnessed.disagree == 0
    assert it.phases, "the start of which it tells is the one it waited for"


def test_a_failed_request_is_known_by_the_platforms_word_alone_and_makes_the_next_start_a_reset():
    died = json.dumps({"errorType": "Runtime.ExitError", "errorMessage": "exit 1"}).encode()
    crashed = arrival(0, died, request_id="r1", done_ns=20 * MS)
    again = arrival(1, body_of(far(spent_ns=50 * MS), 1), request_id="r2", scheduled_ns=21 * MS)
    word = witness(unit="0001", start_type="cold", billed_ns=4)
    one, other = rows(crashed, again, witnesses=[word])
    assert (one["outcome"], one["start_class"], one["unit"], one["billed_ns"]) == ("failed", "cold", "0001", 4)
    assert one["phase_imports_ns"] is None
    assert other["start_class"] == "reset"
    _, other = rows(crashed, again)
    assert other["start_class"] == "cold_reinit", "nobody said that there was another life"


def test_of_a_forced_start_the_wait_begins_when_its_unit_was_asked_for():
    """A replica is woken before its request is sent: its code began before, and it was started for it all the same."""
    own = arrival(0, body_of(far()), sent_ns=180 * MS)
    assert rows(own)[0]["start_class"] == "cold"
    sent = Sent.of(0, [own])
    sent.records["started_ns"] = 179 * MS
    assert Judge(WORKLOAD, False, FAR).judge(sent).requests["start_class"].to_pylist() == ["proactive"]


def accepted(index, request_id, **stamps):
    return arrival(index, b"{}", status=202, request_id=request_id, done_ns=2 * MS, **stamps)


def test_the_end_of_an_accepted_request_is_its_outcome():
    ends = [
        Completion("b", 900 * MS, 200, body_of(far(2), 1)),
        Completion("a", 300 * MS, 200, body_of(far(), 0)),
        Completion("stranger", 1, 200, b""),
        Completion("a", 999 * MS, 500, b""),
    ]
    one, other, third = rows(accepted(0, "a"), accepted(1, "b"), accepted(2, "c"), completions=ends)
    assert (one["outcome"], one["completed_ns"], one["start_class"]) == ("ok", 300 * MS, "cold")
    assert one["done_ns"] == 2 * MS
    assert one["phase_unaccounted_ns"] == 265 * MS, "the parts add up to the completion"
    assert (other["outcome"], other["completed_ns"], other["error"]) == ("ok", 900 * MS, None)
    assert (third["outcome"], third["completed_ns"], third["error"]) == ("unfinished", None, NOT_COMPLETED)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (500, b"", "failed"),
        (200, b"{}", "wrong"),
        (200, b'{"errorType": "KeyError"}', "failed"),
        (429, b"", "throttled"),
    ],
)
def test_a_bad_end_of_an_accepted_request(status, body, outcome):
    (row,) = rows(accepted(0, "a"), completions=[Completion("a", 5, status, body)])
    assert (row["outcome"], row["completed_ns"]) == (outcome, 5)


def test_accepted_twice_under_one_id_is_unfinished():
    ends = [Completion("a", 5, 200, body_of(far(2)))]
    assert [row["outcome"] for row in rows(accepted(0, "a"), accepted(1, "a"), completions=ends)] == ["unfinished"] * 2


def test_a_stream_is_answered_by_its_chunks():
    answer = json.loads(PAYLOADS[0].body)

    class Streaming:
        def payloads(self):
            return PAYLOADS

        def check(self, payload, given, own_model):
            return None if given == [answer, "end"] else "other chunks"

    events = "".join(f"data: {json.dumps({'chunk': chunk})}\n\n" for chunk in (answer, "end"))
    events += f"event: frostline\ndata: {json.dumps({'frostline': far(2)})}\n\n"
    sent = Sent.of(0, [arrival(0, events.encode(), streamed=True)])
    (row,) = Judge(Streaming(), False, FAR).judge(sent).requests.to_pylist()  # type: ignore[arg-type]
    assert (row["outcome"], row["start_class"]) == ("ok", "warm")


class Counting:
    """A workload that counts its checks."""

    def __init__(self):
        self.checks = 0

    def payloads(self):
        return PAYLOADS

    def check(self, payload, answer, own_model):
        self.checks += 1
        return None if answer == json.loads(payload.body) else "not this payload's"


def test_each_distinct_answer_to_a_payload_is_checked_once_and_no_body_is_held():
    count, workload, heads = 40 * len(PAYLOADS), Counting(), []

    class Watched(Replies):
        def head(self, number):
            heads.append(number)
            return super().head(number)

    arrivals = [arrival(at, body_of(far(2 + at), at)) for at in range(count)]
    sent = Sent.of(0, arrivals)
    sent.replies.__class__ = Watched
    table = Judge(workload, False, FAR).judge(sent).requests  # type: ignore[arg-type]
    assert table["outcome"].to_pylist() == ["ok"] * count
    assert workload.checks == len(PAYLOADS)
    assert len(heads) == len(PAYLOADS), "a head is read from its file when it is judged, and then not again"
    assert table["invocation"].to_pylist() == [2 + at for at in range(count)]


def test_one_answer_is_checked_for_each_payload_that_got_it():
    workload = Counting()
    arrivals = [arrival(at, body_of(far(2), 0)) for at in range(3 * len(PAYLOADS))]
    table = Judge(workload, False, FAR).judge(Sent.of(0, arrivals)).requests  # type: ignore[arg-type]
    assert workload.checks == len(PAYLOADS)
    assert [row == "ok" for row in table["outcome"].to_pylist()] == [
        at % len(PAYLOADS) == 0 for at in range(3 * len(PAYLOADS))
    ]


def test_rows_whose_indexes_have_gaps_keep_their_replies():
    arrivals = [arrival(at, body_of(far(2 + at), at)) for at in (0, 2, 5)]
    assert [row["invocation"] for row in rows(*arrivals)] == [2, 4, 7]
