"""One request on a connection of its own, never sent again: for forced starts, where no generator runs."""

import selectors

from harness.clock import now_ns
from harness.load.connection import Connection, Route, TimedOut
from harness.load.parser import Exchange, RequestFailed
from harness.load.process import Arrival
from harness.load.replies import Reply
from harness.load.wire import Fate, fate_of
from targets.contract import TIMELINE_HEADER, Endpoint

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
        self._wait(selectors.EVENT_READ)

    def wait_writable(self) -> None:
        """Block until something can be sent."""
        self._wait(selectors.EVENT_WRITE)

    def _wait(self, event: int) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self.socket, event)
            if not selector.select(max(0.0, (self._until_ns - now_ns()) / 1e9)):
                raise TimedOut


def ask(
    endpoint: Endpoint,
    body: bytes,
    index: int,
    scheduled_ns: int,
    timeout_s: float,
    kept_header: str = TIMELINE_HEADER,
) -> Arrival:
    """Send one request and wait for its end; the host's name is looked up first. No generator began on it, so there is
    no such stamp."""
    exchange = Exchange()
    exchange.body_bytes = len(body)
    fate, text = Fate.ANSWERED, ""
    try:
        _carry_out(endpoint, body, exchange, timeout_s, kept_header)
    except TimedOut as error:
        fate, text = Fate.TIMED_OUT, str(error)
    except (RequestFailed, OSError) as error:
        fate, text = fate_of(error), str(error) or type(error).__name__
    return _arrival(index, scheduled_ns, exchange, fate, text)


def _carry_out(endpoint: Endpoint, body: bytes, exchange: Exchange, timeout_s: float, kept_header: str) -> None:
    route = Route.to(endpoint, [body], kept_header, keep=True)
    connection = LoneConnection(route, now_ns() + int(timeout_s * 1e9))
    try:
        connection.open(exchange)
        connection.send(route.requests[0]())
        exchange.sent_ns = now_ns()
        connection.receive(exchange)
    finally:
        exchange.done_ns = exchange.done_ns or now_ns()
        connection.close()


def _arrival(index: int, scheduled_ns: int, exchange: Exchange, fate: Fate, text: str) -> Arrival:
    _, head, tail = exchange.take_body().split()
    reply = Reply(exchange.header_value, exchange.request_id.decode("latin-1"), tail, 0, exchange.streamed)
    return Arrival(
        index,
        scheduled_ns,
        fate,
        in_flight=1,
        fresh=exchange.fresh,
        error=text,
        reply=reply if fate == Fate.ANSWERED else None,
        head=b"".join(head),
        reply_bytes=exchange.size,
        **{name: getattr(exchange, name) for name in SAME},
    )
