"""The front's connection to one emulator: HTTP/1.1 on loopback, one request at a time, kept open."""

import asyncio

import httptools


class HungUp(Exception):
    """The connection closed, or could not be made, before a whole reply came."""


class Upstream(asyncio.Protocol):
    """One keep-alive connection; a reply is parsed by httptools straight from the socket's bytes."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._transport: asyncio.Transport | None = None
        self._reply: asyncio.Future[tuple[int, bytes]] | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._body = b""

    async def ask(self, method: str, path: str, body: bytes = b"", limit_s: float | None = None) -> tuple[int, bytes]:
        """Send one request and wait for (status, body). HungUp when the reply does not come whole within `limit_s`;
        None where whoever asks keeps the time."""
        try:
            async with asyncio.timeout(limit_s):
                return await self._ask(method, path, body)
        except TimeoutError:
            self.close()  # or a reply that comes after all would be taken for that of the next request
            raise HungUp(f"no reply within {limit_s:.1f} s") from None

    async def _ask(self, method: str, path: str, body: bytes) -> tuple[int, bytes]:
        loop = asyncio.get_running_loop()
        if self._transport is None:
            try:
                await loop.create_connection(lambda: self, "127.0.0.1", self.port)
            except OSError as error:
                raise HungUp(str(error)) from error
        assert self._transport is not None
        self._reply = loop.create_future()
        self._parser, self._body = httptools.HttpResponseParser(self), b""
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)
        try:
            return await self._reply
        finally:
            self._reply = None

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: closed by the other side or by us."""
        self._transport = None
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(HungUp(str(exc) if exc else "closed before the reply"))

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes of the reply."""
        try:
            if self._parser is not None:
                self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._reply is not None and not self._reply.done():
                self._reply.set_exception(HungUp(f"not HTTP: {error}"))
            self.close()

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        self._body += body

    def on_message_complete(self) -> None:
        """httptools: the reply is whole."""
        if self._reply is not None and not self._reply.done() and self._parser is not None:
            self._reply.set_result((self._parser.get_status_code(), self._body))
