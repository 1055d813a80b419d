"""Requests of which a platform tells nothing are counted by how long they were under way."""

from dataclasses import replace

import pytest

from harness.load.process import Arrival, Sent
from harness.load.replies import Reply
from harness.load.wire import Fate
from harness.measure.hearing import account_of, write_off_lost, write_off_untold
from harness.record.nouns import Witnesses
from targets.contract import Witnessed
from targets.local import process_service

CAN = process_service.TARGET.capabilities
S = 10**9


class Counted:
    """A deployment that is metered."""

    def __init__(self, heard=()):
        self.untold, self.heard = [], heard

    def witnesses(self):
        return [Witnessed(name) for name in self.heard]

    def consumed(self):
        return []

    def bound(self, requests, in_flight_s):
        return []

    def write_off(self, requests, in_flight_s):
        self.untold.append((requests, in_flight_s))


def sent():
    """Two that were answered, one that failed, one that never ended, and one that never left."""
    return Sent.of(
        0,
        [
            Arrival(0, 1, Fate.ANSWERED, sent_ns=1 * S, done_ns=2 * S, reply=Reply(request_id="a", tail=b"{}")),
            Arrival(1, 1, Fate.ANSWERED, sent_ns=1 * S, done_ns=4 * S),
            Arrival(2, 1, Fate.FAILED, sent_ns=2 * S, done_ns=3 * S),
            Arrival(3, 1, Fate.UNFINISHED, sent_ns=3 * S),
            Arrival(4, 1, Fate.SHED),
        ],
    )


def carried(usage):
    return replace(CAN, usage=usage)


@pytest.mark.parametrize(("came", "untold"), [(3, [(1, None)]), (4, [])])
def test_of_a_trial_those_are_written_off_of_which_no_word_came(came, untold):
    counted, can = Counted(), carried("per_request")
    with account_of(counted, sent(), can):
        assert counted.untold == []
    write_off_untold(counted, Witnesses(expected=4, came=came, disagree=0), can)
    assert counted.untold == untold


def test_where_no_word_of_any_comes_all_are_written_off_once_and_at_once():
    counted, can, usual = Counted(), carried("afterwards"), [(2, 1.0 + 3.0), (2, None)]
    with pytest.raises(KeyboardInterrupt), account_of(counted, sent(), can):
        assert counted.untold == usual
        raise KeyboardInterrupt
    write_off_untold(counted, None, can)
    assert counted.untold == usual


@pytest.mark.parametrize(("heard", "untold"), [(["a"], [(1, 3.0), (2, None)]), ([], [(2, 4.0), (2, None)])])
def test_of_a_trial_that_is_broken_off_those_are_written_off_of_which_no_word_has_come_yet(heard, untold):
    counted = Counted(heard)
    with pytest.raises(KeyboardInterrupt), account_of(counted, sent(), carried("per_request")):
        raise KeyboardInterrupt
    assert counted.untold == untold


def test_what_is_broken_off_when_its_replies_are_closed_is_written_off_as_a_whole():
    counted, given = Counted(["a"]), sent()
    with pytest.raises(KeyboardInterrupt), account_of(counted, given, carried("per_request")):
        given.replies.close()
        raise KeyboardInterrupt
    assert counted.untold == [(2, 4.0), (2, None)]


def test_before_a_trial_those_without_a_reply_or_all_of_them():
    write_off_lost(counted := Counted(), sent(), replace(CAN, usage="per_request"))  # type: ignore[arg-type]
    assert counted.untold == [(2, None)]
    write_off_lost(counted := Counted(), sent(), replace(CAN, usage="afterwards"))  # type: ignore[arg-type]
    assert counted.untold == [(2, 4.0), (2, None)]


def test_nothing_is_written_off_where_nothing_left_or_nothing_is_metered():
    for deployment, given in ((Counted(), Sent.of(0, [])), (object(), sent())):
        with account_of(deployment, given, carried("afterwards")):
            assert getattr(deployment, "untold", []) == []
