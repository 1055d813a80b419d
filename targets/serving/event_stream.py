"""A reply that leaves piece by piece while a thread makes it, as server-sent events."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any

from targets.serving.core import to_json

MOST_WAITING = 256
"""Pieces that a slow reader may be behind; then the model waits for the reader."""
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class EventStream:
    """Made for every request, begun only for an answer that streams. push() and end() belong to the model's thread."""

    __slots__ = ("_carried", "_loop", "_pieces", "_receive", "_room", "_send", "is_left", "pushed")

    def __init__(self, loop: asyncio.AbstractEventLoop, receive: Receive, send: Send) -> None:
        self._loop, self._receive, self._send = loop, receive, send
        self._carried: Future[None] | None = None
        self.is_left = False
        """The client has hung up, so that nobody reads what is still made."""
        self.pushed = 0

    def begin(self) -> None:
        """Look out for the client from now on; the reply's head leaves with the first piece."""
        self._pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._room = threading.Semaphore(MOST_WAITING)
        self._carried = asyncio.run_coroutine_threadsafe(self._carry(), self._loop)

    def push(self, data: dict[str, Any], name: str = "") -> None:
        """One event. TypeError or ValueError when `data` is not fit for JSON."""
        piece = b"data: " + to_json(data) + b"\n\n"
        self._room.acquire()
        self._put(b"event: %b\n%b" % (name.encode(), piece) if name else piece)
        self.pushed += 1

    def end(self) -> None:
        """Nothing more comes."""
        self._put(None)

    async def carried(self) -> None:
        """Once everything has left; at once where nothing was begun."""
        if self._carried is not None:
            await asyncio.wrap_future(self._carried)

    def _put(self, piece: bytes | None) -> None:
        self._loop.call_soon_threadsafe(self._pieces.put_nowait, piece)

    async def _carry(self) -> None:
        lookout = asyncio.ensure_future(self._look_out())
        headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
        head: dict[str, Any] | None = {"type": "http.response.start", "status": 200, "headers": headers}
        try:
            while (piece := await self._pieces.get()) is not None:
                if head is not None:
                    await self._send(head)
                    head = None
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
                self._room.release()
            if head is None:
                await self._send({"type": "http.response.body", "body": b""})
        finally:
            lookout.cancel()
            self.is_left = True
            self._room.release(2)  # whoever waits for room, and may find out only with one piece more

    async def _look_out(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.is_left = True
