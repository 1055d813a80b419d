"""Rows of a target that shares no clock with us and keeps no log: by envelopes, witnesses and completions."""

import json
from dataclasses import replace

import pytest

from harness.load.process import Sent
from harness.load.replies import Replies
from harness.load.wire import Fate
from harness.measure.rows.judge import NOT_COMPLETED, Judge
from harness.record.nouns import Witnesses
from targets.contract import Completion, Witnessed
from targets.workloads.echo import WORKLOAD
from tests.envelopes import FAR, MS, PAYLOADS, arrival, body_of, inside, log, outside

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
    assert it.witnessed == Witnesses(expected=1, came=1, disagree=0, strangers=1)
    assert it.requests["billed_ns"].to_pylist() == [1]


def test_an_id_that_two_rows_have_is_nobodys():
    arrivals = [arrival(at, body_of(far(2), at), request_id="r1") for at in (0, 1)]
    it = judged(*arrivals, witnesses=[witness(billed_ns=1)])
    assert it.requests["billed_ns"].null_count == 2
    assert it.witnessed == Witnesses(expected=2, came=0, disagree=0, strangers=1)


def test_witnesses_that_never_came_are_absent_and_counted():
    throttled = arrival(1, status=429, request_id="r2")
    refused = arrival(2, fate=Fate.FAILED, status=0, sent_ns=0)
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


def queued(index, request_id, sent_ns, end_ns, body):
    """An accepted request of a queue, and its end."""
    stamps = {"scheduled_ns": sent_ns, "sent_ns": sent_ns, "done_ns": sent_ns + MS}
    return arrival(index, b"{}", status=202, request_id=request_id, **stamps), Completion(request_id, end_ns, 200, body)


CRASH = json.dumps({"errorType": "Runtime.ExitError", "errorMessage": "exit 1"}).encode()


@pytest.mark.parametrize("completes", [True, False])
def test_a_request_that_was_only_accepted_had_not_ended_then(completes):
    """It crashes long after another one that was sent later has started the unit."""
    first, crash = queued(0, "a", MS, 900 * MS, CRASH)
    second, end = queued(1, "b", 5 * MS, 200 * MS, body_of(far(), 1))
    ends = [end, crash] if completes else [end]
    it = judged(first, second, completions=ends, witnesses=[witness("a", unit="0001"), witness("b", start_type="cold")])
    assert it.requests["start_class"].to_pylist() == [None, "cold"]
    assert it.witnessed == Witnesses(expected=2, came=2, disagree=0)


def test_a_request_that_a_gateway_gave_up_had_not_ended_then():
    first = arrival(0, status=504, request_id="a", done_ns=2 * MS)
    started = arrival(1, body_of(far(), 1), scheduled_ns=5 * MS, sent_ns=5 * MS, request_id="b")
    it = judged(first, started, witnesses=[witness("a", unit="0001")])
    assert it.requests["start_class"].to_pylist()[1] == "cold"


def test_a_queues_crash_makes_the_next_start_a_reset():
    first, crash = queued(0, "a", MS, 90 * MS, CRASH)
    second, end = queued(1, "b", 95 * MS, 300 * MS, body_of(far(spent_ns=50 * MS), 1))
    it = judged(first, second, completions=[crash, end], witnesses=[witness("a", unit="0001")])
    assert it.requests["start_class"].to_pylist()[1] == "reset"


def forced(generations, answered):
    """A forced start for each generation that was wanted, answered by a unit of another one perhaps."""
    wanted = [
        replace(arrival(at, body_of(far(unit=f"u{at}", generation=given), at), request_id=f"r{at}"), generation=want)
        for at, (want, given) in enumerate(zip(generations, answered, strict=True))
    ]
    witnesses = [witness(f"r{at}", start_type="cold") for at in range(len(wanted))]
    return judged(*wanted, witnesses=witnesses)


def test_an_answer_of_an_older_generation_is_no_cold_start_whatever_the_platform_says():
    it = forced(["g1", "g2", "g3"], ["g1", "g1", None])
    assert it.requests["start_class"].to_pylist() == ["cold", None, None]
    assert it.requests["phase_imports_ns"].null_count == 2
    assert it.warnings == ["2 forced starts were answered by an older generation: of no start class"]
    assert it.witnessed is not None
    assert it.witnessed.disagree == 0


def test_where_no_generation_is_wanted_none_is_asked_for():
    it = forced(["", ""], ["g1", None])
    assert it.requests["start_class"].to_pylist() == ["cold", "cold"]
    assert it.warnings == []


def test_a_class_that_nothing_decides_is_counted():
    arrivals = [
        *(arrival(0, body_of(far()), request_id="told"), arrival(1, body_of(far(unit="b"), 1), request_id="untold")),
        *(arrival(2, body_of(far(2), 2)), arrival(3, status=500)),
        arrival(4, body_of(far(unit="c", initialization="snap-start"), 4)),
        arrival(5, body_of(far(unit="d"), 5), request_id="lukewarm"),
        arrival(6, body_of(far(unit="e"), 6), request_id="denied"),
    ]
    told = [("told", "cold"), ("lukewarm", "lukewarm"), ("denied", "warm")]
    it = judged(*arrivals, witnesses=[witness(name, start_type=word) for name, word in told])
    assert it.open_rows == [1, 5, 6]


def test_the_platforms_parts_fill_in_what_no_log_says_also_under_one_clock():
    """As on Kubernetes beside us: the kernel's clock is ours, the platform keeps its log to itself."""
    own = arrival(0, body_of(inside()), request_id="r1")
    can = replace(FAR, clock="shared")
    told = witness(phases_ns={"image": 20 * MS, "create": 3 * MS})
    it = Judge(WORKLOAD, False, can, witnesses=[told]).judge(Sent.of(0, [own]))
    assert it.phases == ["image", "create", "imports", "weights", "first_inference", "unaccounted"]
    assert it.requests["phase_unaccounted_ns"].to_pylist() == [142 * MS]
    spans = {"create": [2 * MS, 10 * MS], "start": [11 * MS, 40 * MS]}
    front = outside(spans_ns=spans)
    logged = arrival(0, body_of(inside()), json.dumps(front).encode(), request_id="r1")
    for part_ns, image_ns in ((20 * MS, 20 * MS), (120 * MS, None)):
        told = witness(phases_ns={"image": part_ns, "create": 99 * MS})
        it = Judge(WORKLOAD, False, can, log("create"), witnesses=[told]).judge(Sent.of(0, [logged]))
        (row,) = it.requests.to_pylist()
        assert (row.get("phase_image_ns"), row["phase_create_ns"]) == (image_ns, 8 * MS), "the log goes first"
        assert len(it.warnings) == (image_ns is None)


@pytest.mark.parametrize("own", [far(), far(init=None), far(2)])
def test_parts_that_have_no_place_are_said(own):
    told = [witness(phases_ns={"create": 10**12 if own.get("init") else 1})]
    it = judged(arrival(0, body_of(own), request_id="r1"), witnesses=told)
    assert "create" not in it.phases
    assert it.warnings == [
        "the platform's parts of 1 starts have no place: none was met, the unit told nothing of it, or they are longer"
        " than the wait"
    ]
