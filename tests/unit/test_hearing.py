"""Requests of which a platform tells nothing are counted by how long they were under way."""

from dataclasses import replace

import pytest

from harness.load.process import Arrival, Sent
from harness.load.wire import Fate
from harness.measure.hearing import write_off_lost, write_off_untold
from harness.record.nouns import Witnesses
from targets.local import process_service

CAN = process_service.TARGET.capabilities
S = 10**9


class Counted:
    """A deployment that is metered."""

    def __init__(self):
        self.untold = []

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
            Arrival(0, 1, Fate.ANSWERED, sent_ns=1 * S, done_ns=2 * S),
            Arrival(1, 1, Fate.ANSWERED, sent_ns=1 * S, done_ns=4 * S),
            Arrival(2, 1, Fate.FAILED, sent_ns=2 * S, done_ns=3 * S),
            Arrival(3, 1, Fate.UNFINISHED, sent_ns=3 * S),
            Arrival(4, 1, Fate.SHED),
        ],
    )


@pytest.mark.parametrize(
    ("witnessed", "untold"),
    [
        (None, [(2, 1.0 + 3.0), (2, None)]),
        (Witnesses(expected=4, came=3, disagree=0), [(1, None)]),
        (Witnesses(expected=4, came=4, disagree=0), []),
    ],
)
def test_all_requests_of_a_trial_are_written_off_where_no_word_of_any_comes(witnessed, untold):
    write_off_untold(counted := Counted(), sent(), witnessed)  # type: ignore[arg-type]
    assert counted.untold == untold


def test_before_a_trial_those_without_a_reply_or_all_of_them():
    write_off_lost(counted := Counted(), sent(), replace(CAN, usage="per_request"))  # type: ignore[arg-type]
    assert counted.untold == [(2, None)]
    write_off_lost(counted := Counted(), sent(), replace(CAN, usage="afterwards"))  # type: ignore[arg-type]
    assert counted.untold == [(2, 4.0), (2, None)]


def test_nothing_is_written_off_where_nothing_left_or_nothing_is_metered():
    write_off_untold(counted := Counted(), Sent.of(0, []), None)  # type: ignore[arg-type]
    assert counted.untold == []
    write_off_untold(object(), sent(), None)  # type: ignore[arg-type]
