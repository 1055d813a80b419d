"""What comes back for one request, read as it comes and stamped: HTTP/1.1, in one piece, in chunks or as events."""

import httptools

from harness.load.events import EventCounter
from harness.load.failed import CLOSED_BEFORE, CLOSED_IN_HEAD, CLOSED_WITHIN, RequestFailed, TooLong
from harness.load.heads import Malformed, mend, not_http
from harness.load.replies import Body
from harness.load.wire import UNKNOWN_GAP
from targets.pace import Pace

EVENT_STREAM = b"text/event-stream"
MOST_KEPT = 64_000_000
"""Bytes of a reply that is kept: of a longer one nothing is known. One that nobody keeps may have any length."""
MOST_HEAD = 1_000_000
"""Bytes before a reply's body."""

LENIENT = {
    "lenient_headers": False,
    "lenient_spaces_after_chunk_size": True,
    "lenient_optional_cr_before_lf": True,
}
"""What cannot be mistaken, and curl takes."""
NOTHING = bytearray()
SWITCHED = 101
HEAD_ENDS = (b"\n\r\n", b"\n\n")
CHUNK_FAULTS = {
    "Invalid character in chunk size": "the size of one of its chunks is no hexadecimal number",
    "Chunk size overflow": "the size of one of its chunks is beyond any reply's",
    "Expected LF after chunk data": "one of its chunks is longer than it says",
    "Missing expected CR after chunk data": "one of its chunks is longer than it says",
    "Invalid character in chunk extensions": "one of its chunks has an extension that can't be read",
}
"""What is said of a body, by the parser's own words."""


def too_long() -> TooLong:
    """What is raised of a reply that is longer than can be kept."""
    return TooLong(f"the reply is too long to be kept: more than {MOST_KEPT // 1_000_000} MB")


class Exchange:
    """One request under way and what came back so far; filled as it happens, so a failure leaves what was reached.

    Defaults stand in the class: making one costs next to nothing. Stamps are in ns, 0 is what did not happen.
    """

    fresh: int = False
    """The connection was opened for this request; UNSEEN where it is not known."""
    resent = False
    """It met a connection that the server had closed before it, and was sent once more."""
    connect_ns = 0
    """How long opening it took."""
    tls_ns = 0
    """How long the TLS handshake took."""
    body_bytes = 0
    sent_ns = 0
    first_byte_ns = 0
    first_chunk_ns = 0
    last_chunk_ns = 0
    chunks = 0
    pace: Pace | None = None
    """Of the chunks, where there were any."""
    done_ns = 0
    """When the last byte had come."""
    status = 0
    size = 0
    body: Body | None = None
    header_value = b""
    request_id = b""
    location = b""
    """Where a redirect points to."""
    content_type = b""
    length = b""
    coding = b""
    complete = False
    reusable = False
    """The connection can carry a next request."""

    @property
    def streamed(self) -> bool:
        """Whether the reply is a stream of events."""
        return self.content_type[: len(EVENT_STREAM)].lower() == EVENT_STREAM

    def take_body(self) -> Body:
        """The body so far. It is held no longer: a connection keeps its latest exchange for as long as it is idle."""
        body, self.body = self.body or Body(), None
        return body

    def take_gaps_ns(self) -> tuple[int, int]:
        """Median and 95th percentile of the gaps between chunks, UNKNOWN_GAP where there is none to be told. What they
        are made of is held no longer."""
        if self.pace is None:
            return UNKNOWN_GAP, UNKNOWN_GAP
        p50, p95 = (UNKNOWN_GAP if gap is None else gap for gap in self.pace.gaps_ns(0.5, 0.95))
        self.pace = None
        return p50, p95


class ReplyParser:
    """Reads the replies of one connection, one after the other; httptools calls the on_ methods."""

    def __init__(self, kept_header: str = "", request_id_header: str = "", keep: bool = True) -> None:
        self._keep = keep
        self._fields = {
            b"content-length": "length",
            b"transfer-encoding": "coding",
            b"content-type": "content_type",
            b"location": "location",
            kept_header.lower().encode(): "header_value",
            request_id_header.lower().encode(): "request_id",
        }
        self._exchange = Exchange()
        self._arrived_ns = 0
        self._head_size = 0
        self._events: EventCounter | None = None
        self._chunk_size = 0
        self._came = NOTHING
        """Of a head that is not whole: all that came of it, and of interim replies before it."""
        self._in_head = self._must_mend = False
        self._parser = self._strict()

    def begin(self, exchange: Exchange) -> None:
        """A request was sent: what comes now belongs to it."""
        self._exchange = exchange
        self._head_size = 0
        self._came, self._in_head, self._must_mend = NOTHING, True, False

    def feed(self, data: bytes, arrived_ns: int) -> None:
        """Read what came at this moment. RequestFailed when it is not HTTP/1.1, or too long."""
        exchange = self._exchange
        self._arrived_ns = arrived_ns
        if not exchange.first_byte_ns:
            exchange.first_byte_ns = arrived_ns
        try:
            if self._must_mend:
                self._mend(data)
            else:
                self._parser.feed_data(data)
                if self._in_head:
                    self._gather(data)
        except (httptools.HttpParserUpgrade, httptools.HttpParserError) as error:
            self._judge(exchange, data, error)
        if not exchange.complete:
            self._check_size(exchange, len(data))

    def _strict(self) -> httptools.HttpResponseParser:
        parser = httptools.HttpResponseParser(self)
        parser.set_dangerous_leniencies(**LENIENT)
        return parser

    def _judge(self, exchange: Exchange, data: bytes, error: Exception) -> None:
        """What this fault means: after a whole reply nothing, in a head that patience is needed, else a failure."""
        if isinstance(error.__context__, MemoryError):  # of ours, while a piece was kept
            raise error.__context__ from None
        if exchange.complete:
            exchange.reusable = False
        elif exchange.status == SWITCHED:
            raise not_http(f"it switched to another protocol (status {SWITCHED})") from error
        elif self._in_head and not self._must_mend:
            self._must_mend = True
            self.feed(data, self._arrived_ns)
        else:
            raise Malformed(CHUNK_FAULTS.get(str(error), str(error))) from error

    def _mend(self, data: bytes) -> None:
        """The head is not as HTTP/1.1 has it: start anew with what patience makes of it, once it is whole."""
        self._gather(data)
        if (mended := mend(bytes(self._came))) is not None:
            self._came, self._parser = NOTHING, self._strict()
            self._parser.feed_data(mended)
            self._must_mend = False

    def _gather(self, data: bytes) -> None:
        self._came = self._came or bytearray()
        self._came += data

    def end(self, arrived_ns: int) -> None:
        """The other side has closed: fine for a reply without a length. RequestFailed when one is not whole."""
        exchange = self._exchange
        if exchange.status < 200:
            is_cut = self._came and not self._came.endswith(HEAD_ENDS)
            raise RequestFailed(CLOSED_IN_HEAD if is_cut else CLOSED_BEFORE)
        if exchange.length or exchange.coding:
            raise RequestFailed(CLOSED_WITHIN)
        exchange.complete, exchange.reusable, exchange.done_ns = True, False, arrived_ns

    def on_message_begin(self) -> None:
        """httptools: a reply begins, maybe after an interim one; after the whole one it is nobody's."""
        exchange = self._exchange
        if exchange.complete:
            exchange.reusable = False
            self._exchange = Exchange()
        else:
            exchange.length = exchange.coding = exchange.content_type = b""
        self._events = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header."""
        field = self._fields.get(name.lower())
        if field is not None:
            setattr(self._exchange, field, value)

    def on_headers_complete(self) -> None:
        """httptools: the head is whole."""
        status, coding = self._parser.get_status_code(), self._exchange.coding
        if not self._must_mend and (status < 100 or (coding and coding.lower() != b"chunked")):
            raise ValueError("not strict")
        self._exchange.status, self._in_head = status, status < 200
        if status == SWITCHED:
            raise ValueError("no reply follows")
        if self._exchange.streamed:
            self._events = EventCounter()

    def on_body(self, piece: bytes) -> None:
        """httptools: a piece of the body, which chunks may cut."""
        exchange = self._exchange
        exchange.size += len(piece)
        self._chunk_size += len(piece)
        if self._events is not None:
            self._count_chunks(self._events.feed(piece))
        if self._keep:
            if exchange.body is None:
                exchange.body = Body()
            exchange.body.add(piece)

    def on_chunk_header(self) -> None:
        """httptools: a chunk begins, the last of which is empty."""
        self._chunk_size = 0

    def on_chunk_complete(self) -> None:
        """httptools: a chunk has come."""
        if self._events is None and self._chunk_size:
            self._count_chunks(1)

    def on_message_complete(self) -> None:
        """httptools: the reply is whole, unless it was an interim one."""
        exchange = self._exchange
        if exchange.status >= 200:
            exchange.complete, exchange.done_ns = True, self._arrived_ns
            exchange.reusable = self._parser.should_keep_alive()

    def _check_size(self, exchange: Exchange, came: int) -> None:
        if not exchange.size:
            self._head_size += came
        if self._head_size > MOST_HEAD:
            raise RequestFailed(f"more than {MOST_HEAD // 1_000_000} MB came before a body: too long to be a head")
        if self._keep and exchange.size > MOST_KEPT:
            raise too_long()

    def _count_chunks(self, count: int) -> None:
        if count:
            exchange = self._exchange
            exchange.chunks += count
            exchange.first_chunk_ns = exchange.first_chunk_ns or self._arrived_ns
            exchange.last_chunk_ns = self._arrived_ns
            exchange.pace = exchange.pace or Pace()
            exchange.pace.stamp(self._arrived_ns, count)
