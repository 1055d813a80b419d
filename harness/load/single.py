"""Requests one by one, each on a connection of its own and never sent again: where no generator runs.

Of a sender that carries its requests out itself the connections are its own.
"""

import selectors
from contextlib import ExitStack
from queue import Empty, SimpleQueue
from threading import Thread

from harness.clock import now_ns
from harness.load.connection import Connection
from harness.load.failed import RequestFailed, TimedOut
from harness.load.parser import Exchange
from harness.load.process import Arrival
from harness.load.replies import Body, Reply
from harness.load.responses import take
from harness.load.route import Route
from harness.load.senders import SenderFailed, failure_of
from harness.load.senders.contract import Call, Response
from harness.load.wire import UNSEEN, Fate, fate_of
from targets.contract import Endpoint
from targets.names import FAULTS

SAME = (
    *("connect_ns", "tls_ns", "sent_ns", "first_byte_ns", "first_chunk_ns", "last_chunk_ns", "done_ns"),
    *("status", "chunks", "body_bytes"),
)

"""What an arrival has under the same name."""


class LoneConnection(Connection):
    """A connection that blocks while it waits, until its request's time is up (TimedOut)."""

    def __init__(self, route: Route, until_ns: int) -> None:
        super().__init__(route)
        self._until_ns = until_ns

    def wait_readable(self) -> None:
        """Block until something has come."""
        self._wait(selectors.EVENT_READ, self._until_ns)

    def wait_writable(self, limit_s: float | None = None) -> bool:
        """Block until something can be sent."""
        limit_ns = self._until_ns if limit_s is None else now_ns() + int(limit_s * 1e9)
        return self._wait(selectors.EVENT_WRITE, min(limit_ns, self._until_ns))

    def wait_either(self) -> None:
        """Block until something has come or can be sent."""
        self._wait(selectors.EVENT_READ | selectors.EVENT_WRITE, self._until_ns)

    def pause(self, seconds: float) -> None:
        """Block for so long."""
        if now_ns() > self._until_ns:
            raise TimedOut
        with selectors.DefaultSelector() as nothing:
            nothing.select(seconds)

    def _wait(self, event: int, limit_ns: int) -> bool:
        """False when a limit before the end has passed. The clock comes first: what is always ready has no end."""
        left_s = (limit_ns - now_ns()) / 1e9
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, event)
            if left_s > 0 and selector.select(left_s):
                return True
        if limit_ns < self._until_ns:
            return False
        raise TimedOut


class Lone:
    """The way to one endpoint, made ready before a clock begins: looked up, built, certificates loaded."""

    def __init__(self, endpoint: Endpoint, bodies: list[bytes], timeout_s: float = 60.0) -> None:
        """SenderFailed when the endpoint's sender cannot send there. `timeout_s`: after it a sender that carries its
        requests out itself ends one whatever `ask` waited for."""
        self.endpoint = endpoint
        self._sizes = [len(body) for body in bodies]
        self._route: Route | OSError
        try:
            self._route = Route.to(endpoint, bodies, keep=True)
        except OSError as error:  # no address: its requests have failed
            self._route = error
        self._open = ExitStack()
        self._calls = [] if isinstance(self._route, OSError) else self._enter(self._route, timeout_s)

    def ask(self, index: int, scheduled_ns: int, timeout_s: float) -> Arrival:
        """Send one request, whose body is the one whose turn it is, and wait for its end. No generator began on it, so
        there is no such stamp. SenderFailed when it could not be made: that is no fault of the target."""
        exchange, position = Exchange(), index % len(self._sizes)
        exchange.body_bytes = self._sizes[position]
        fate, text = Fate.ANSWERED, ""
        try:
            self._carry_out(position, exchange, timeout_s)
        except TimedOut as error:
            fate, text = Fate.TIMED_OUT, str(error)
        except (RequestFailed, OSError, MemoryError) as error:
            fate, text = fate_of(error), str(error) or type(error).__name__
        except FAULTS as error:
            raise SenderFailed(failure_of(self.endpoint, error)) from error
        exchange.done_ns = exchange.done_ns or now_ns()
        return _arrival(index, scheduled_ns, exchange, fate, text)

    def _enter(self, route: Route, timeout_s: float) -> list[Call]:
        """The calls of a sender that carries its requests out itself; of any other there are none."""
        if route.caller is None:
            return []
        try:
            return self._open.enter_context(route.caller.calls(route.endpoint, route.bodies, timeout_s))
        except FAULTS as error:
            raise SenderFailed(failure_of(self.endpoint, error)) from error

    def _carry_out(self, position: int, exchange: Exchange, timeout_s: float) -> None:
        route = self._route
        if isinstance(route, OSError):
            raise route
        if route.caller is not None:
            exchange.fresh = UNSEEN
            response, done_ns = _carry_out(self._calls[position], exchange, timeout_s)
            take(response, exchange, route, done_ns)
            return
        connection = LoneConnection(route, now_ns() + int(timeout_s * 1e9))
        try:
            connection.open(exchange, timeout_s)
            connection.ask(route.requests[position](), exchange)
        finally:
            connection.close()


def _carry_out(call: Call, exchange: Exchange, timeout_s: float) -> tuple[Response, int]:
    """What came of a call and when it had ended, or raise what it raises; TimedOut where it goes on for longer."""
    ends: SimpleQueue[tuple[Response | BaseException, int]] = SimpleQueue()

    def work() -> None:
        exchange.sent_ns = now_ns()
        try:
            ends.put((call(), now_ns()))
        except BaseException as error:
            ends.put((error, now_ns()))

    Thread(target=work, daemon=True).start()
    try:
        response, done_ns = ends.get(timeout=timeout_s)
    except Empty:
        raise TimedOut from None
    if isinstance(response, BaseException):
        raise response
    return response, done_ns


def _arrival(index: int, scheduled_ns: int, exchange: Exchange, fate: Fate, text: str) -> Arrival:
    """Of a reply that did not come whole only who answered is kept, as in the open loop."""
    body = exchange.take_body() if fate == Fate.ANSWERED else Body()
    _, head, tail = body.split()
    gap_p50_ns, gap_p95_ns = exchange.take_gaps_ns()
    reply = Reply(exchange.header_value, exchange.request_id.decode("latin-1"), tail, 0, exchange.streamed)
    return Arrival(
        index,
        scheduled_ns,
        fate,
        in_flight=1,
        fresh=exchange.fresh,
        error=text,
        reply=reply if fate == Fate.ANSWERED or reply.header or reply.request_id else None,
        head=b"".join(head),
        chunk_gap_p50_ns=gap_p50_ns,
        chunk_gap_p95_ns=gap_p95_ns,
        reply_bytes=exchange.size,
        **{name: getattr(exchange, name) for name in SAME},
    )
