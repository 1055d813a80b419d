"""Ends of requests that were accepted into a queue: each is handed on once, and none is taken for handed on before."""

import threading

from targets.local.crew import Depth
from targets.local.queue_ends import QueueEnds
from targets.serving.streams import BODY, DELIVERIES, REQUEST, STATUS


class Ends(QueueEnds):
    """Of a queue that has accepted two requests; nothing comes by itself."""

    def __init__(self):
        self._changed = threading.Condition()
        self._fresh, self._deliveries, self._handed, self.failure = [], {}, 0, None

    def depth(self):
        return Depth(waiting=0, running=0, accepted=2)

    def come(self, *requests):
        self._keep([{REQUEST: one, STATUS: b"200", DELIVERIES: b"1", BODY: b"{}"} for one in requests], at_ns=7)


def test_an_end_that_has_come_is_missed_until_it_is_handed_on():
    """One that comes just after its collector has waited in vain would be left behind otherwise."""
    ends = Ends()
    assert list(ends.take(0)) == []
    ends.come(b"1-0")
    assert ends.missing() == 2
    assert [end.request_id for end in ends.take(60)] == ["1-0"]
    assert ends.missing() == 1


def test_a_request_that_ended_twice_is_handed_on_once_and_counted_as_a_repeat():
    ends = Ends()
    ends.come(b"1-0", b"1-0", b"2-0")
    assert [end.request_id for end in ends.take(0)] == ["1-0", "2-0"]
    assert (ends.missing(), ends.repeats) == (0, 1)
