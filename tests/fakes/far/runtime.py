"""What runs inside a far sandbox: the real serving code behind the far clock, asked over an inherited socket.

A request is one JSON line (its id, until when it may run) and its body, an answer is JSON. Both are led by their length
in 4 bytes. An empty answer says that the start is over.
"""

import json
import os
import socket
from contextlib import suppress

from targets.serving.leash import hold
from targets.serving.process_loop import read_exactly
from tests.fakes.far.clock import VARIABLE, FarClock

LENGTH = 4


class Context:
    """What a function is told of its invocation, in Lambda's words."""

    def __init__(self, request_id: str, deadline_ns: int) -> None:
        self.aws_request_id = request_id
        self._deadline_ns = deadline_ns

    def get_remaining_time_in_millis(self) -> int:
        """Whole ms until the invocation is cut off."""
        from targets.clock import now_ns

        return max(0, (self._deadline_ns - now_ns()) // 1_000_000)


def read_frame(connection: socket.socket) -> bytes:
    """The next frame. ConnectionError when the other side has hung up."""
    size = int.from_bytes(read_exactly(connection, LENGTH), "big")
    return read_exactly(connection, size)


def write_frame(connection: socket.socket, data: bytes) -> None:
    """Send one frame."""
    connection.sendall(len(data).to_bytes(LENGTH, "big") + data)


def serve(connection: socket.socket) -> None:
    """Load the model, say so, then answer until the other side hangs up, which raises ConnectionError."""
    from targets.serving.core import error_body
    from targets.serving.function import handler

    write_frame(connection, b"")
    while True:
        head, _, body = read_frame(connection).partition(b"\n")
        try:
            reply = json.dumps(handler(json.loads(body), Context(**json.loads(head)))).encode()
        except Exception as error:
            reply = json.dumps(error_body(error)).encode()
        write_frame(connection, reply)


if __name__ == "__main__":
    hold(int(os.environ["FROSTLINE_LEASH_FD"]))
    FarClock.parse(os.environ[VARIABLE]).rule()
    with suppress(ConnectionError):
        serve(socket.socket(fileno=int(os.environ["FROSTLINE_SOCKET_FD"])))
