"""What a platform tells and no row can take: strangers, figures of no accepted form, words on whole units."""

import json

import pytest

from harness.load.wire import Fate
from harness.measure.rows.words import MOST_KINDS, Words
from harness.record.nouns import Witnesses
from targets.contract import Completion, Witnessed
from tests.envelopes import MS, arrival, body_of, outside
from tests.unit.test_far_rows import accepted, far, judged, rows

S = 1_000 * MS


def test_requests_without_an_id_are_expected_and_what_is_told_of_them_is_strange():
    arrivals = [arrival(at, body_of(far(2), at)) for at in range(9)]
    it = judged(*arrivals, witnesses=[Witnessed(f"w{at}", billed_ns=2 * MS) for at in range(9)])
    assert it.witnessed == Witnesses(expected=9, came=0, disagree=0, strangers=9)
    assert it.warnings == ["the platform told of 9 requests that are no row's: 18 ms of its bill are nowhere"]


def test_the_bill_of_a_request_that_nobody_waited_for_to_its_end_is_said():
    late = arrival(0, fate=Fate.TIMED_OUT, status=0, error="no reply in time")
    it = judged(late, witnesses=[Witnessed("unheard", billed_ns=60 * S)] * 2)
    assert it.witnessed == Witnesses(expected=1, came=0, disagree=0, strangers=1)
    assert "60000 ms of its bill" in it.warnings[0]


@pytest.mark.parametrize(("fate", "outcome"), [(Fate.FAILED, "failed"), (Fate.TIMED_OUT, "timed_out")])
def test_the_bill_of_a_reply_that_broke_off_after_its_head_is_on_its_row(fate, outcome):
    front = json.dumps(outside(unit="front-unit")).encode()
    cut = arrival(0, header=front, request_id="r1", fate=fate, status=200, error="no more came")
    headless = arrival(1, request_id="r2", fate=fate, status=502, error="no more came")
    bills = [Witnessed("r1", billed_ns=60 * S), Witnessed("r2", billed_ns=9 * S)]
    it = judged(cut, headless, witnesses=bills)
    one, other = it.requests.to_pylist()
    assert [(row["request_id"], row["billed_ns"]) for row in (one, other)] == [("r1", 60 * S), ("r2", 9 * S)]
    assert (one["unit"], other["unit"]) == ("front-unit", None)
    assert {(row["outcome"], row["error"], row["start_class"]) for row in (one, other)} == {
        (outcome, "no more came", None)
    }
    assert it.witnessed == Witnesses(expected=2, came=2, disagree=0, strangers=0) and not it.warnings


@pytest.mark.parametrize("size", [200, 201, 5_000])
def test_a_long_id_is_the_same_wherever_it_comes_from(size):
    long = "x" * size
    it = judged(arrival(0, body_of(far(2)), request_id=long), witnesses=[Witnessed(long, billed_ns=1)])
    assert it.witnessed == Witnesses(expected=1, came=1, disagree=0)
    it = judged(arrival(0, body_of(far(2, request_id=long))), witnesses=[Witnessed(long, billed_ns=1)])
    assert (it.requests["outcome"].to_pylist(), it.requests["billed_ns"].to_pylist()) == (["ok"], [1])
    (row,) = rows(accepted(0, long), completions=[Completion(long, 5 * MS, 200, body_of(far(2)))])
    assert row["outcome"] == "ok"


def test_an_end_without_an_id_is_of_no_request_without_one():
    (row,) = rows(accepted(0, ""), completions=[Completion("", 5 * MS, 200, body_of(far(2)))])
    assert row["outcome"] == "unfinished"


GOOD = {"start_type": "cold", "billed_ns": 9, "init_ns": 8, "restore_ns": 7, "memory_used_bytes": 6}


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ({"phases_ns": {"create": None, "boot": 3}}, "1 phase 'create'"),
        ({"phases_ns": {"create": -1}}, "1 phase 'create'"),
        ({"phases_ns": {"lunch": 5}}, "1 phase 'lunch'"),
        ({"phases_ns": {"first_inference": 5}}, "1 phase 'first_inference'"),
        ({"phases_ns": {7: 5}}, "1 phase 7"),
        ({"phases_ns": None}, "1 phases_ns"),
        ({"billed_ns": 10**20}, "1 billed_ns"),
        ({"billed_ns": True}, "1 billed_ns"),
        ({"billed_ns": 1.5}, "1 billed_ns"),
        ({"init_ns": -5}, "1 init_ns"),
        ({"restore_ns": "3"}, "1 restore_ns"),
        ({"memory_used_bytes": 2**63}, "1 memory_used_bytes"),
        ({"start_type": "\ud800"}, "1 start_type"),
        ({"start_type": "x" * 201}, "1 start_type"),
        ({"unit": ""}, "1 unit"),
    ],
)
def test_a_bad_figure_is_dropped_and_said_and_all_others_are_kept(bad, said):
    witness = Witnessed("r1", **{**GOOD, **bad})
    it = judged(arrival(0, body_of(far()), request_id="r1"), witnesses=[witness])
    (row,) = it.requests.to_pylist()
    assert {name: row[name] for name in GOOD} == {name: None if name in bad else value for name, value in GOOD.items()}
    assert it.warnings[0] == f"what the platform told in no accepted form was dropped: {said}"
    assert it.witnessed is not None
    assert it.witnessed.came == 1


@pytest.mark.parametrize("request_id", ["", 5, "\udfff"])
def test_a_bad_id_is_of_nothing(request_id):
    it = judged(arrival(0, body_of(far(2)), request_id="r1"), witnesses=[Witnessed(request_id, unit="0001")])
    assert it.witnessed == Witnesses(expected=1, came=0, disagree=0)
    assert it.warnings == ["what the platform told in no accepted form was dropped: 1 request_id"]


@pytest.mark.parametrize(
    ("unit", "said"), [("", ["1 unit"]), (None, ["1 request_id"]), ("\ud800", ["1 unit"]), ("0001", [])]
)
def test_only_what_was_dropped_is_said(unit, said):
    words = Words()
    words.accept(Witnessed(unit=unit))
    assert words.warnings() == [f"what the platform told in no accepted form was dropped: {what}" for what in said]


def test_a_line_names_but_some_kinds():
    words = Words()
    words.accept(Witnessed("r1", phases_ns=dict.fromkeys("abcdefghijk", 1)))
    (line,) = words.warnings()
    assert line.count("1 phase") == MOST_KINDS and line.endswith("3 more kinds")


def test_a_word_on_a_whole_unit_is_of_the_unit_and_of_no_request():
    told = [Witnessed(unit="0001", memory_used_bytes=5), Witnessed(unit="0001", memory_used_bytes=3)]
    it = judged(arrival(0, body_of(far(2)), request_id="r1"), witnesses=told)
    assert it.unit_memory == {"0001": 5}
    assert it.requests["memory_used_bytes"].null_count == 1
    assert it.witnessed == Witnesses(expected=1, came=0, disagree=0)
