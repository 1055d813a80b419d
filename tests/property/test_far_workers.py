"""What says it is a load worker is a stranger until its form holds: it is refused, and nothing breaks."""

from contextlib import suppress
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from harness.errors import TrialError
from harness.load.far import messages
from harness.load.far.pieces import Offer, fetch, sizes_of
from harness.load.far.reports import report_of
from harness.load.far.roster import Roster
from harness.load.far.source import identity
from harness.load.wire import unheard
from tests.property.hostile import mutated, values

KINDS = [
    getattr(messages, name) for name in dir(messages) if name.isupper() and isinstance(getattr(messages, name), str)
]
REPORT = {**unheard(0), "far": {"machine": "m", "clock": None, "steal_share": 0.1, "throttled": False}}
OURS = identity()


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from([*KINDS, "client_ready", "x"]), values)))
def test_whatever_is_said_at_the_door_at_most_as_many_as_were_asked_for_are_members(said):
    replies, told = [], []
    roster = Roster(2, OURS, lambda *reply: replies.append(reply), told.append)
    for client, kind, data in said:
        is_in = roster.lets_in(client, SimpleNamespace(type=kind, data=data))
        assert not is_in or client in roster.members
    assert len(roster.members) <= 2
    assert all(line.isprintable() for line in told)


@given(mutated(REPORT))
def test_a_report_is_one_or_is_refused(told):
    try:
        report = report_of(told, 1)
    except TrialError:
        return
    assert report["rank"] == 1 and all(problem.isprintable() for problem in report["problems"])
    assert set(REPORT) <= set(report)


@given(values, values)
def test_a_piece_is_of_what_is_offered(told, piece):
    assert Offer({"a": b"abc"}).piece(told if isinstance(told, dict) else {}) in (None, b"abc", b"bc", b"c")
    with suppress(TrialError):
        assert sizes_of(told, {"a": 7})["a"] <= 7
    with suppress(TrialError):
        assert list(fetch("a", 3, lambda name, at: piece)) == [piece]
