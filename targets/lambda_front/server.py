"""The AWS Invoke API over HTTP/1.1 on loopback, in front of a pool."""

import asyncio
import json
import re
import uuid
from collections import deque
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote

import httptools

from targets.clock import now_ns
from targets.contract import TIMELINE_HEADER
from targets.lambda_front.pool import Passage, Pool, Throttled
from targets.lambda_front.sandbox import SandboxDied

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
INVOKE = re.compile(r"^/2015-03-31/functions/(?:arn:[^/]*:function:)?([^/:]+)(?::[^/]*)?/invocations$")
REASONS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    404: "Not Found",
    413: "Payload Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
}
Answer = tuple[int, bytes, dict[str, str]]
"""Status, body, headers."""


@dataclass
class Request:
    """One request as it is parsed; `passage` begins when it is whole."""

    method: bytes = b""
    path: bytes = b""
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    keep_alive: bool = True
    passage: Passage = field(default_factory=lambda: Passage(0))


class Connection(asyncio.Protocol):
    """One client connection; requests on it are answered one after the other, also when they came all at once."""

    def __init__(self, pool: Pool, function: str) -> None:
        self.pool = pool
        self.function = function
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._waiting: deque[Request] = deque()
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a client connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of a request."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._send((400, _error_body("InvalidRequest", "this is not an HTTP/1.1 request"), {}), keep_alive=False)

    def on_message_begin(self) -> None:
        """httptools: a request begins."""
        self._request = Request()

    def on_url(self, url: bytes) -> None:
        """httptools: the request's target."""
        self._request.path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header."""
        self._request.headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        if len(self._request.body) <= MAX_PAYLOAD_BYTES:
            self._request.body += body

    def on_message_complete(self) -> None:
        """httptools: the request is whole."""
        request = self._request
        request.passage = Passage(now_ns())
        request.method, request.keep_alive = self._parser.get_method(), self._parser.should_keep_alive()
        self._waiting.append(request)
        if self._answering is None:
            self._answering = asyncio.ensure_future(self._answer_all())

    async def _answer_all(self) -> None:
        while self._waiting:
            request = self._waiting.popleft()
            try:
                answer = await self._answer(request)
            except Exception as error:  # a fault of the front itself: the client must hear of it, not wait
                answer = _refuse(500, "ServiceException", f"the front failed: {type(error).__name__}: {error}")
            self._send(answer, request.keep_alive)
        self._answering = None

    async def _answer(self, request: Request) -> Answer:
        path, _, query = request.path.decode("latin-1").partition("?")
        target = unquote(path)
        if match := INVOKE.match(target):
            return await self._invoke(request, match.group(1))
        if (request.method, target) == (b"POST", "/frostline/drop"):
            self.pool.generation = parse_qs(query).get("generation", [self.pool.generation])[0]
            return 200, json.dumps({"removed": await self.pool.drop_all()}).encode(), {}
        if (request.method, target) == (b"GET", "/frostline/pool"):
            return 200, json.dumps({"size": self.pool.size}).encode(), {}
        return _refuse(404, "UnknownOperationException", "this front has the Invoke operation only")

    async def _invoke(self, request: Request, name: str) -> Answer:
        refusal = self._refusal(request, name)
        if refusal is not None:
            return refusal
        if request.headers.get(b"x-amz-invocation-type") == b"DryRun":
            return 204, b"", {}
        headers = {"x-amz-executed-version": "$LATEST", "x-amzn-requestid": str(uuid.uuid4())}
        passage = request.passage
        try:
            reply = await self.pool.invoke(bytes(request.body) or b"{}", passage)
        except Throttled as reason:
            return _refuse(429, "TooManyRequestsException", f"Rate Exceeded: {reason}")
        except SandboxDied as error:
            headers["x-amz-function-error"] = "Unhandled"
            answer = _error_body(error.kind, str(error))
        else:
            answer = reply.body
            if reply.error:
                headers["x-amz-function-error"] = reply.error
        headers[TIMELINE_HEADER] = json.dumps({"received_ns": passage.received_ns, **passage.facts})
        return 200, answer, headers

    def _refusal(self, request: Request, name: str) -> Answer | None:
        if request.method != b"POST":
            return _refuse(404, "UnknownOperationException", "Invoke is a POST")
        if name != self.function:
            return _refuse(
                404, "ResourceNotFoundException", f"Function not found: {name}; this front serves {self.function}"
            )
        if len(request.body) > MAX_PAYLOAD_BYTES:
            return _refuse(413, "RequestTooLargeException", f"a synchronous payload may have {MAX_PAYLOAD_BYTES} bytes")
        kind = request.headers.get(b"x-amz-invocation-type", b"RequestResponse")
        if kind not in (b"RequestResponse", b"DryRun"):
            return _refuse(
                400, "InvalidParameterValueException", "this front invokes synchronously only (RequestResponse)"
            )
        return None

    def _send(self, answer: Answer, keep_alive: bool) -> None:
        if self._transport.is_closing():
            return
        status, body, headers = answer
        lines = [
            f"HTTP/1.1 {status} {REASONS[status]}",
            "content-type: application/json",
            f"content-length: {len(body)}",
        ]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self._transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        if not keep_alive:
            self._transport.close()


def _error_body(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def _refuse(status: int, kind: str, message: str) -> Answer:
    return status, json.dumps({"Type": "User", "Message": message}).encode(), {"x-amzn-errortype": kind}
