"""Starts every arrival at its scheduled moment, whatever became of the ones before: an open loop."""

import array
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import gevent.event
import greenlet

from harness.clock import now_ns
from harness.load.client import Client
from harness.load.failed import RequestFailed, TimedOut
from harness.load.failures import lack_of
from harness.load.outputs import Outputs
from harness.load.parser import Exchange
from harness.load.replies import Body, Spool
from harness.load.senders import SenderFailed, failure_of
from harness.load.senders.contract import as_shown
from harness.load.timers import Timer, best_timer
from harness.load.wire import BEGUN, BEGUN_AT, RECORD, REDIRECTS, Fate, fate_of
from targets.names import FAULTS

BATCH = 64
"""Most arrivals started in one turn of the loop when late, so that replies are still read between."""

UNREACHED = (0,) * 19
"""All fields of a record after its index and its moment."""

OnEnd = Callable[[int, Exchange, BaseException | None], None]


class Dispatcher:
    """Carries out the arrivals `indexes` of a schedule; one record each, at the position of the index."""

    def __init__(
        self,
        offsets: "array.array[float]",
        indexes: Sequence[int],
        client: Client,
        outputs: Outputs,
        on_end: OnEnd | None,
    ) -> None:
        self.offsets_ns = [int(offset * 1e9) for offset in offsets]
        self.indexes = indexes
        self.client = client
        self.cap = client.cap
        self.records, self.errors, self.spool = outputs.records, outputs.texts, outputs.spool
        self.problem: SenderFailed | None = None
        """What went wrong here, and makes what was seen worthless."""
        self.lack = ""
        """What the generator ran out of, so that not all is there."""
        self.in_flight = self.ended = 0
        self.begun_ns = 0
        """When the latest arrival was begun on."""
        self.done = gevent.event.Event()
        self._on_end = on_end
        self._hub: Any = gevent.get_hub()
        self._position = 0
        self._begin_ns = 0
        self._timer: Timer | None = best_timer(self._start_due)  # now, while there are descriptors
        self.timer_name = self._timer.name
        self._idle: list[Any] = []
        """Greenlets whose arrival has ended."""

    def start(self, begin_ns: int) -> None:
        """Begin: offset 0 is at `begin_ns`."""
        self._begin_ns = begin_ns
        for position, index in enumerate(self.indexes):  # on file from the start: what never happens is unfinished
            RECORD.pack_into(self.records, position * RECORD.size, index, begin_ns + self.offsets_ns[index], *UNREACHED)
        if not self.indexes:
            self.done.set()
        elif self._timer is not None:
            self._timer.arm(begin_ns + self.offsets_ns[self.indexes[0]])

    def stop(self) -> None:
        """Start no more arrivals. Safe to call twice."""
        if self._timer is not None:
            self._timer.close()
            self._timer = None

    @property
    def all_begun(self) -> bool:
        """Whether no arrival is left to begin on."""
        return self._position == len(self.indexes)

    def _start_due(self) -> None:
        """In the hub: whatever goes wrong here is ours, and ends the schedule with what there is."""
        try:
            self._start_all_due()
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self.lack = self.lack or f"the generator could not go on: {lack_of(error)}"
        self.stop()
        self.done.set()

    def _start_all_due(self) -> None:
        """Start what is due, then sleep until the next. Each starts inline, up to its first wait."""
        budget = BATCH
        while self._position < len(self.indexes):
            index = self.indexes[self._position]
            scheduled_ns = self._begin_ns + self.offsets_ns[index]
            if scheduled_ns > now_ns() or not budget:
                if self._timer is not None:
                    self._timer.arm(scheduled_ns)
                return
            budget -= 1
            position, self._position = self._position, self._position + 1
            if self.in_flight >= self.cap:
                self._write_record(position, index, scheduled_ns, now_ns(), Exchange(), Fate.SHED, "")
                self._count_end()
            else:
                runner = self._idle.pop() if self._idle else greenlet.greenlet(self._run, self._hub)
                runner.switch(position, index, scheduled_ns)

    def _run(self, position: int, index: int, scheduled_ns: int) -> None:
        """In a greenlet of its own, one arrival after the other: making a greenlet is most of what one costs."""
        runner = greenlet.getcurrent()
        while True:
            try:
                self._carry_out(position, index, scheduled_ns)
            except Exception as error:  # not of the request: that would have been its fate
                self._give_up(error)
            self._idle.append(runner)
            position, index, scheduled_ns = self._hub.switch()

    def _carry_out(self, position: int, index: int, scheduled_ns: int) -> None:
        self.begun_ns = started_ns = now_ns()
        self.in_flight += 1
        exchange = Exchange()
        BEGUN.pack_into(self.records, position * RECORD.size + BEGUN_AT, started_ns, self.in_flight)
        in_flight, fate, text = self.in_flight, Fate.ANSWERED, ""
        problem: BaseException | None = None
        try:
            self.client.ask(index, exchange)
            if exchange.status in REDIRECTS and exchange.location:
                text = self.errors.redirect(as_shown(exchange.location.decode("latin-1")))
        except TimedOut as error:
            fate, text, problem = Fate.TIMED_OUT, str(error), error
        except (RequestFailed, OSError, MemoryError) as error:
            fate, text, problem = fate_of(error), str(error) or type(error).__name__, error
        except FAULTS as error:  # a sender's: no fault of the target
            text = failure_of(self.client.endpoint(index), error)
            fate, problem = Fate.FAILED, error
            self.problem = self.problem or SenderFailed(text)
        if not exchange.done_ns:
            exchange.done_ns = now_ns()
        self.in_flight -= 1
        self._write_record(position, index, scheduled_ns, started_ns, exchange, fate, text, in_flight)
        if self.spool is not None:
            self._keep_reply(self.spool, index, exchange, fate)
        if self._on_end is not None:
            self._on_end(scheduled_ns, exchange, problem)
        self._count_end()

    def _keep_reply(self, spool: Spool, index: int, exchange: Exchange, fate: Fate) -> None:
        """Write what came; of a reply that is not whole only who answered."""
        body, header, request_id = exchange.take_body(), exchange.header_value, exchange.request_id
        if fate != Fate.ANSWERED:
            body = Body()
        if not (body.size or header or request_id):
            return
        try:
            spool.keep(index, header, request_id, exchange.streamed, body)
        except (OSError, MemoryError) as error:  # a full disk: told to the run, when all is over
            self.lack = self.lack or f"replies could not be kept: {lack_of(error, self.client.plan.folder)}"
            self.spool = None  # what is torn stands last

    def _write_record(
        self,
        position: int,
        index: int,
        scheduled_ns: int,
        started_ns: int,
        exchange: Exchange,
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
            self.in_flight if in_flight is None else in_flight,
            exchange.chunks,
            exchange.connect_ns,
            exchange.tls_ns,
            exchange.sent_ns,
            exchange.first_byte_ns,
            exchange.first_chunk_ns,
            exchange.last_chunk_ns,
            *exchange.take_gaps_ns(),
            exchange.done_ns,
            exchange.size,
            exchange.body_bytes,
            exchange.status,
            self.errors.number(text) if text else 0,
            fate,
            exchange.fresh,
            exchange.resent,
        )

    def _count_end(self) -> None:
        self.ended += 1
        if self.ended == len(self.indexes):
            self.done.set()
