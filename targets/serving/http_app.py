"""The service's entry point: the model behind HTTP, one inference at a time per vCPU, a FIFO queue before it."""

import asyncio
import json
import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, Any

from targets.clock import now_ns
from targets.serving.core import Core, cpu_limit, error_body, failed_reply, load_core, to_json
from targets.serving.event_stream import EventStream, Receive, Send

if TYPE_CHECKING:
    from targets.serving.call import Call

MOST_BODY_BYTES = 256 * 1024 * 1024
"""So that no client fills a unit's memory. A container service's platform has no limit of its own."""
TOO_LARGE = {"errorType": "RequestTooLarge", "errorMessage": f"a request may have {MOST_BODY_BYTES} bytes"}
KEEP_ALIVE_S = 3600
"""Longer than any trial: a server that hangs up on an idle connection would look like a failed request."""


class Service:
    """An ASGI application: POST is an inference, GET says that the model is loaded."""

    def __init__(self, core: Core, workers: int) -> None:
        self.core = core
        self.queue = ThreadPoolExecutor(workers, thread_name_prefix="inference")

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["method"] == "GET":
            await _reply(send, 200, b'{"status": "ready"}')
            return
        announced = dict(scope["headers"]).get(b"content-length", b"0")  # before the client is told to go on
        body = await _read(receive) if int(announced) <= MOST_BODY_BYTES else None
        if body is None or len(body) > MOST_BODY_BYTES:
            await _reply(send, 413, json.dumps(TOO_LARGE).encode())
            return
        loop = asyncio.get_running_loop()
        stream = EventStream(loop, receive, send)
        reply = await loop.run_in_executor(self.queue, self._infer, body, now_ns(), stream)
        await stream.carried()
        if reply is not None:
            await _reply(send, *reply)

    def _infer(self, body: bytes, received_ns: int, stream: EventStream) -> tuple[int, bytes] | None:
        """Status and body of a whole answer; None when it left as a stream, all of which is made in this one call, so
        that a thread is one inference's until its last chunk."""
        evidence = self.core.evidence(received_ns)
        try:
            call = self.core.call(json.loads(body), evidence)
            if not call.streams:
                return 200, to_json(call.whole())
        except BaseException as error:  # a model's error is an answer, sys.exit() too, and the service goes on
            return 500, failed_reply(error, evidence)
        stream.begin()
        try:
            return _stream(call, stream, evidence)
        finally:
            stream.end()


def _stream(call: "Call", stream: EventStream, evidence: dict[str, Any]) -> tuple[int, bytes] | None:
    """Push each chunk as it is made; an error before the first of them can still be a reply of its own."""
    try:
        with closing(call.chunks()) as chunks:
            for chunk in chunks:
                stream.push({"chunk": chunk})
                if stream.is_left:
                    return None
        stream.push({"frostline": call.evidence()}, "frostline")
    except BaseException as error:
        if not stream.pushed:
            return 500, failed_reply(error, evidence)
        stream.push(error_body(error), "error")
    return None


async def _read(receive: Receive) -> bytes:
    """The request's body, or as much of one that is too large as shows that."""
    parts: list[bytes] = []
    size, more = 0, True
    while more and size <= MOST_BODY_BYTES:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    return b"".join(parts)


async def _reply(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    """Load, listen, serve: on an inherited socket (FROSTLINE_SOCKET_FD) or on port 8080 of the container."""
    if leash := os.environ.get("FROSTLINE_LEASH_FD"):
        from targets.serving.leash import hold

        hold(int(leash))
    core = load_core(threads=1)
    with core.timeline.stamp("imports"):
        import uvicorn
    with core.timeline.stamp("connections"):
        descriptor = os.environ.get("FROSTLINE_SOCKET_FD")
        config = uvicorn.Config(
            Service(core, cpu_limit()),
            host="0.0.0.0",  # noqa: S104 - inside the container; it is published on the host's loopback only
            port=8080,
            http="httptools",
            loop="asyncio",
            ws="none",
            lifespan="off",
            access_log=False,
            log_level="warning",
            timeout_keep_alive=KEEP_ALIVE_S,
        )
        # Given as a number, uvicorn would take it for a Unix socket, leave Nagle's delay on, and answer 40 ms late.
        sockets = [socket.socket(fileno=int(descriptor))] if descriptor else None
        server = uvicorn.Server(config)
        config.load()
    core.ready()
    server.run(sockets)


if __name__ == "__main__":
    main()
