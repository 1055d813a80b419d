"""Starts every arrival at its scheduled moment, whatever became of the ones before: an open loop."""

import array
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import gevent.event
import greenlet

from harness.clock import now_ns
from harness.load.client import Client, Reply, RequestFailed, TimedOut
from harness.load.timer import timer
from harness.load.wire import RECORD, REPLY, ErrorTexts, Fate

BATCH = 64
"""Most arrivals started in one turn of the loop when late, so that replies are still read between."""

Finished = Callable[[int, Reply, BaseException | None], None]


class Dispatcher:
    """Carries out the arrivals `indexes` of a schedule; one record each, at the position of the index."""

    def __init__(
        self, offsets: "array.array[float]", indexes: Sequence[int], client: Client, finished: Finished | None
    ) -> None:
        self.offsets_ns = [int(offset * 1e9) for offset in offsets]
        self.indexes = indexes
        self.client = client
        self.cap = client.plan.cap
        self.records = bytearray(RECORD.size * len(indexes))
        self.replies: list[bytes] = []
        self.errors = ErrorTexts()
        self.in_flight = self.ended = 0
        self.done = gevent.event.Event()
        self.timer_name = "none"
        self._finished = finished
        self._hub: Any = gevent.get_hub()
        self._position = 0
        self._begin_ns = 0
        self._timer: Any = None

    def start(self, begin_ns: int) -> None:
        """Begin: offset 0 is at `begin_ns`."""
        self._begin_ns = begin_ns
        for position, index in enumerate(self.indexes):  # on file from the start: what never happens is unfinished
            RECORD.pack_into(self.records, position * RECORD.size, index, begin_ns + self.offsets_ns[index], *(0,) * 10)
        if not self.indexes:
            self.done.set()
            return
        self._timer = timer(self._due)
        self.timer_name = self._timer.name
        self._timer.arm(begin_ns + self.offsets_ns[self.indexes[0]])

    def stop(self) -> None:
        """No more arrivals."""
        if self._timer is not None:
            self._timer.close()

    def _due(self) -> None:
        """In the hub: start what is due, then sleep until the next. Each starts inline, up to its first wait."""
        budget = BATCH
        while self._position < len(self.indexes):
            index = self.indexes[self._position]
            scheduled_ns = self._begin_ns + self.offsets_ns[index]
            if scheduled_ns > now_ns() or not budget:
                self._timer.arm(scheduled_ns)
                return
            budget -= 1
            position, self._position = self._position, self._position + 1
            if self.in_flight >= self.cap:
                self._record(position, index, scheduled_ns, now_ns(), Reply(), Fate.SHED, "")
                self._end()
            else:
                greenlet.greenlet(self._one, self._hub).switch(position, index, scheduled_ns)

    def _one(self, position: int, index: int, scheduled_ns: int) -> None:
        started_ns = now_ns()
        self.in_flight += 1
        reply = Reply()
        self._record(position, index, scheduled_ns, started_ns, reply, Fate.UNFINISHED, "")
        in_flight, fate, text = self.in_flight, Fate.ANSWERED, ""
        problem: BaseException | None = None
        try:
            self.client.ask(index, reply)
        except TimedOut as error:
            fate, text, problem = Fate.TIMED_OUT, str(error), error
        except (RequestFailed, OSError) as error:
            fate, text, problem = Fate.FAILED, str(error) or type(error).__name__, error
        if not reply.done_ns:
            reply.done_ns = now_ns()
        self.in_flight -= 1
        self._record(position, index, scheduled_ns, started_ns, reply, fate, text, in_flight)
        if reply.body or reply.kept:
            body = b"".join(reply.body)
            self.replies += (REPLY.pack(index, len(reply.kept), len(body)), reply.kept, body)
        if self._finished is not None:
            self._finished(scheduled_ns, reply, problem)
        self._end()

    def _record(
        self,
        position: int,
        index: int,
        scheduled_ns: int,
        started_ns: int,
        reply: Reply,
        fate: Fate,
        text: str,
        in_flight: int | None = None,
    ) -> None:
        RECORD.pack_into(
            self.records,
            position * RECORD.size,
            index,
            scheduled_ns,
            started_ns,
            reply.sent_ns,
            reply.first_byte_ns,
            reply.done_ns,
            reply.size,
            self.in_flight if in_flight is None else in_flight,
            reply.status,
            self.errors.number(text) if text else 0,
            fate,
            reply.fresh,
        )

    def _end(self) -> None:
        self.ended += 1
        if self.ended == len(self.indexes):
            self.done.set()
