"""The queue's front door: takes a request over HTTP, puts it in, and answers 202 with its id. A process of its own.

`python -m targets.local.queue_intake` serves on the socket FROSTLINE_SOCKET_FD, for the queue FROSTLINE_QUEUE.
"""

import json
import os
import socket
import subprocess
import sys
from io import FileIO
from typing import TYPE_CHECKING, Any

from targets.clock import now_ns
from targets.local import own_children
from targets.ownership import Owner, variables
from targets.serving.event_stream import Receive, Send
from targets.serving.leash import hold
from targets.serving.streams import ACCEPTED_NS, BODY, QUEUE_VARIABLE, REQUESTS

if TYPE_CHECKING:
    from redis.asyncio import Redis

REQUEST_ID = "x-frostline-request-id"
MOST_BODY_BYTES = 16 * 1024 * 1024
"""A queue is no store of files; ours is held in memory."""
PATIENCE_S = 10.0
KEEP_ALIVE_S = 3600
END_LIMIT_S = 5.0


class Intake:
    """The process, as its deployment has it."""

    def __init__(self, address: str, run_id: str) -> None:
        """It serves when this returns, for its socket listens already."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        self.port: int = listener.getsockname()[1]
        inherited_end, leash = os.pipe()
        self._leash = FileIO(leash, "w")
        own = {
            QUEUE_VARIABLE: address,
            "FROSTLINE_SOCKET_FD": str(listener.fileno()),
            "FROSTLINE_LEASH_FD": str(inherited_end),
        }
        try:
            self._process = own_children.start(
                [sys.executable, "-m", "targets.local.queue_intake"],
                env={**os.environ, **variables(run_id, Owner.current()), **own},
                stdin=subprocess.DEVNULL,
                pass_fds=(listener.fileno(), inherited_end),
            )
        except BaseException:
            self._leash.close()
            raise
        finally:
            listener.close()
            os.close(inherited_end)

    def close(self) -> None:
        """End it. Safe to call twice."""
        self._process.terminate()
        try:
            self._process.wait(END_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._leash.close()


class Door:
    """An ASGI application."""

    def __init__(self, queue: "Redis") -> None:
        self._queue = queue

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Put one request in."""
        body, more = b"", True
        while more and len(body) <= MOST_BODY_BYTES:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        if len(body) > MOST_BODY_BYTES:
            await _reply(send, 413, "RequestTooLarge", f"a request may have {MOST_BODY_BYTES} bytes")
            return
        try:
            request_id: Any = await self._queue.xadd(REQUESTS, {BODY: body, ACCEPTED_NS: now_ns()})
        except Exception as error:  # whatever the client library raises, its caller must hear of it
            await _reply(send, 503, "QueueUnavailable", f"the queue took no request: {type(error).__name__}: {error}")
            return
        await _send(send, 202, b'{"accepted": true}', [(REQUEST_ID.encode(), request_id)])


async def _reply(send: Send, status: int, kind: str, message: str) -> None:
    await _send(send, status, json.dumps({"errorType": kind, "errorMessage": message}).encode(), [])


async def _send(send: Send, status: int, body: bytes, more: list[tuple[bytes, bytes]]) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Serve until the leash is let go."""
    hold(int(os.environ["FROSTLINE_LEASH_FD"]))
    import uvicorn
    from redis.asyncio import BlockingConnectionPool, Redis

    pool = BlockingConnectionPool.from_url(
        os.environ[QUEUE_VARIABLE], max_connections=64, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S
    )
    config = uvicorn.Config(
        Door(Redis(connection_pool=pool)),
        http="httptools",
        loop="asyncio",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_S,
    )
    uvicorn.Server(config).run([socket.socket(fileno=int(os.environ["FROSTLINE_SOCKET_FD"]))])


if __name__ == "__main__":
    main()
