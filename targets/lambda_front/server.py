"""The AWS Invoke API over HTTP/1.1 on loopback, in front of a pool."""

import asyncio
import json
import re
import uuid
from typing import Any
from urllib.parse import unquote

import httptools

from targets.clock import now_ns
from targets.lambda_front.pool import Passage, Pool, Throttled
from targets.lambda_front.sandbox import SandboxDied

TIMELINE_HEADER = "x-frostline-timeline"
MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
INVOKE = re.compile(r"^/2015-03-31/functions/(?:arn:[^/]*:function:)?([^/:]+)(?::[^/]*)?/invocations$")
REASONS = {
    200: "OK",
    204: "No Content",
    400: "Bad Request",
    404: "Not Found",
    413: "Payload Too Large",
    429: "Too Many Requests",
    502: "Bad Gateway",
}


class Connection(asyncio.Protocol):
    """One client connection; requests on it are answered in turn."""

    def __init__(self, pool: Pool, function: str) -> None:
        self.pool = pool
        self.function = function
        self._parser = httptools.HttpRequestParser(self)
        self._keep_alive = True
        self._tasks: set[asyncio.Task[None]] = set()
        self._path, self._body = b"", bytearray()
        self._headers: dict[bytes, bytes] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: a client connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of a request."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._send(400, _error("InvalidRequest", "this is not an HTTP/1.1 request"), close=True)

    def on_message_begin(self) -> None:
        """httptools: a request begins."""
        self._path, self._body, self._headers = b"", bytearray(), {}

    def on_url(self, url: bytes) -> None:
        """httptools: the request's target."""
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header."""
        self._headers[name.lower()] = value

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        if len(self._body) <= MAX_PAYLOAD_BYTES:
            self._body += body

    def on_message_complete(self) -> None:
        """httptools: the request is whole."""
        passage = Passage(now_ns())
        self._keep_alive = self._parser.should_keep_alive()
        task = asyncio.ensure_future(self._answer(self._parser.get_method(), self._path, bytes(self._body), passage))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, method: bytes, path: bytes, body: bytes, passage: Passage) -> None:
        target = unquote(path.split(b"?")[0].decode("latin-1"))
        if found := INVOKE.match(target):
            status, reply, headers = await self._invoke(method, found.group(1), body, passage)
        elif (method, target) == (b"POST", "/frostline/drop"):
            status, reply, headers = 200, json.dumps({"removed": await self.pool.drop_all()}).encode(), {}
        elif (method, target) == (b"GET", "/frostline/pool"):
            status, reply, headers = 200, json.dumps({"size": self.pool.size}).encode(), {}
        else:
            status, headers = 404, {"x-amzn-errortype": "UnknownOperationException"}
            reply = _error("UnknownOperationException", "this front has the Invoke operation only")
        self._send(status, reply, headers)

    async def _invoke(
        self, method: bytes, name: str, body: bytes, passage: Passage
    ) -> tuple[int, bytes, dict[str, str]]:
        refusal = self._refusal(method, name, body)
        if refusal is not None:
            return refusal
        if self._headers.get(b"x-amz-invocation-type") == b"DryRun":
            return 204, b"", {}
        headers = {"x-amz-executed-version": "$LATEST", "x-amzn-requestid": str(uuid.uuid4())}
        try:
            reply = await self.pool.invoke(body or b"{}", passage)
        except Throttled as reason:
            return _refuse(429, "TooManyRequestsException", f"Rate Exceeded: {reason}")
        except SandboxDied as error:
            headers["x-amz-function-error"] = "Unhandled"
            answer = _error("Sandbox.Died", str(error))
        else:
            answer = reply.body
            if reply.error:
                headers["x-amz-function-error"] = reply.error
        headers[TIMELINE_HEADER] = json.dumps({"received_ns": passage.received_ns, **passage.facts})
        return 200, answer, headers

    def _refusal(self, method: bytes, name: str, body: bytes) -> tuple[int, bytes, dict[str, str]] | None:
        if method != b"POST":
            return _refuse(404, "UnknownOperationException", "Invoke is a POST")
        if name != self.function:
            return _refuse(
                404, "ResourceNotFoundException", f"Function not found: {name}; this front serves {self.function}"
            )
        if len(body) > MAX_PAYLOAD_BYTES:
            return _refuse(413, "RequestTooLargeException", f"a synchronous payload may have {MAX_PAYLOAD_BYTES} bytes")
        kind = self._headers.get(b"x-amz-invocation-type", b"RequestResponse")
        if kind not in (b"RequestResponse", b"DryRun"):
            return _refuse(
                400, "InvalidParameterValueException", "this front invokes synchronously only (RequestResponse)"
            )
        return None

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, close: bool = False) -> None:
        if self._transport.is_closing():
            return
        lines = [
            f"HTTP/1.1 {status} {REASONS[status]}",
            "content-type: application/json",
            f"content-length: {len(body)}",
        ]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        self._transport.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        if close or not self._keep_alive:
            self._transport.close()


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"errorType": kind, "errorMessage": message}).encode()


def _refuse(status: int, kind: str, message: str) -> tuple[int, bytes, dict[str, Any]]:
    return status, json.dumps({"Type": "User", "Message": message}).encode(), {"x-amzn-errortype": kind}
