"""HTTP/1.1 on loopback, in front of the Invoke operation."""

import asyncio
from collections import deque
from http import HTTPStatus

import httptools

from targets.clock import now_ns
from targets.contract import LAMBDA_REQUEST_BYTES
from targets.lambda_front.invoke import Front
from targets.lambda_front.refusal import Answer, Refused
from targets.lambda_front.request import Request, new_id, target_of

MAX_HEAD_BYTES = 65_536
MAX_UNREAD_BYTES = 64 * 1024 * 1024
"""Of a body that is too large so much is read, to answer in order; beyond, the connection ends."""
FIRST_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
LINGER_S = 5.0
"""How long what still comes is thrown away after a last reply, which a client that is hung up on would not read."""


class Connection(asyncio.Protocol):
    """One client connection; requests on it are answered one after the other, also when they came all at once."""

    def __init__(self, front: Front) -> None:
        self.front = front
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._is_in_head = False
        self._is_mixed = False
        """Of the bytes that came last, some were of a request before the one whose head is being read."""
        self._waiting: deque[Request] = deque()
        self._answering: asyncio.Task[None] | None = None
        self._awaited: Request | None = None
        """Its client waits for our word before it sends the body."""
        self._is_ending = False
        """Nothing more is taken in."""
        self._is_over = False
        """Nothing more comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a client connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of a request."""
        if self._is_ending:
            return
        self._is_mixed = False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:  # whose body the parser takes for that of another protocol
            self._refuse(Refused(400, "InvalidRequestContentException", "this front is HTTP/1.1 only: upgrade nothing"))
        except httptools.HttpParserError:
            self._refuse(Refused(400, "InvalidRequestContentException", "this is not an HTTP/1.1 request"))
        if self._is_in_head and not self._is_mixed:
            self._request.head_read += len(data)
            if self._request.head_read > MAX_HEAD_BYTES:
                self._refuse_head()

    def eof_received(self) -> bool:
        """asyncio: the client sends no more; it may still read, so what it asked for is answered."""
        self._is_ending = self._is_over = True
        return self._answering is not None

    def on_message_begin(self) -> None:
        """httptools: a request begins."""
        self._request = Request()
        self._is_in_head = True

    def on_url(self, url: bytes) -> None:
        """httptools: the request's target, or a piece of it."""
        request = self._request
        request.path += url
        request.head_size += len(url)
        if request.head_size > MAX_HEAD_BYTES:
            self._refuse_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header."""
        request = self._request
        request.headers[name.lower()] = value
        request.head_size += len(name) + len(value) + 4  # ": " and the end of its line
        if request.head_size > MAX_HEAD_BYTES:
            self._refuse_head()

    def on_headers_complete(self) -> None:
        """httptools: the head is whole."""
        self._is_in_head = False
        request = self._request
        request.method = self._parser.get_method()
        request.target = target_of(request.path)
        request.is_old = self._parser.get_http_version() == "1.0"
        announced = request.headers.get(b"content-length", b"0")
        size = int(announced) if announced.isdigit() else 0
        expected = request.headers.get(b"expect")
        if expected is not None and not request.is_old:
            self._meet(expected, size)
        elif size > MAX_UNREAD_BYTES:
            self._check_head(size)

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        self._is_mixed = True
        request = self._request
        request.size += len(body)
        if request.size <= LAMBDA_REQUEST_BYTES:
            request.body += body
        elif request.size > MAX_UNREAD_BYTES:
            self._check_head(request.size)

    def on_message_complete(self) -> None:
        """httptools: the request is whole."""
        self._is_mixed = True
        if self._is_ending or self._parser.should_upgrade():
            return
        request, self._awaited = self._request, None
        request.received_ns = now_ns()
        request.keep_alive = self._parser.should_keep_alive()
        self._queue(request)

    def _refuse_head(self) -> None:
        message = f"a request's head may have {MAX_HEAD_BYTES} bytes"
        self._refuse(Refused(431, "RequestHeaderFieldsTooLargeException", message))

    def _check_head(self, size: int) -> bool:
        """Whether the head allows the body that is announced, or has come so far; else the connection ends."""
        if self._is_ending:
            return False
        try:
            self.front.check_head(self._request, size)
        except Refused as refused:
            self._refuse(refused, self._request)
            return False
        return True

    def _meet(self, expected: bytes, size: int) -> None:
        if expected.lower() != b"100-continue":
            self._refuse(Refused(417, "ExpectationFailedException", "Expect may be 100-continue"), self._request)
        elif self._check_head(size):
            self._awaited = self._request
            self._ask_for_body()

    def _ask_for_body(self) -> None:
        if self._awaited is not None and self._answering is None and not self._transport.is_closing():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self._awaited = None

    def _refuse(self, refused: Refused, request: Request | None = None) -> None:
        """The last answer on this connection, after those that are due."""
        if self._is_ending:
            return
        self._is_ending = True
        request = request or Request()
        request.refused, request.keep_alive = refused, False
        self._queue(request)

    def _queue(self, request: Request) -> None:
        request.id = new_id()
        self._waiting.append(request)
        if self._answering is None:
            self._answering = asyncio.ensure_future(self._answer_all())

    async def _answer_all(self) -> None:
        while self._waiting:
            request = self._waiting.popleft()
            try:
                answer = request.refused.answer() if request.refused else await self.front.answer(request)
            except Exception as error:  # a fault of the front itself: the client must hear of it, not wait
                fault = f"the front failed: {type(error).__name__}: {error}"
                answer = Refused(500, "ServiceException", fault).answer()
            self._send(answer, request)
        self._answering = None
        self._ask_for_body()
        if self._is_ending and not self._transport.is_closing():
            self._end()

    def _send(self, answer: Answer, request: Request) -> None:
        if self._transport.is_closing():
            return
        status, body, headers = answer
        content = "" if status == 204 else f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        head = f"{FIRST_LINES[status]}x-amzn-requestid: {request.id}\r\n{content}"
        if not request.keep_alive:
            head += "connection: close\r\n"
        elif request.is_old:
            head += "connection: keep-alive\r\n"
        for name, value in headers.items():
            head += f"{name}: {value}\r\n"
        sent = f"{head}\r\n".encode("latin-1", "replace")
        self._transport.write(sent if request.method == b"HEAD" else sent + body)
        if not request.keep_alive and request.refused is None:
            self._transport.close()

    def _end(self) -> None:
        """Nothing is sent any more; what the client still sends is thrown away until it hangs up, for a while."""
        if self._is_over:
            self._transport.close()
            return
        if self._transport.can_write_eof():
            self._transport.write_eof()
        asyncio.get_running_loop().call_later(LINGER_S, self._transport.abort)
