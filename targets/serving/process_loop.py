"""A sandbox that is a plain process: one request at a time over an inherited socket, as the emulator does over HTTP.

Frames, both ways: 4 bytes of big-endian length, then JSON. A reply begins with "." when it is an answer, with "!" when
it is an error, with "x" when it is the error for which this process ends. "+" alone stands for an answer that is too
large to be sent.
"""

import json
import os
import socket
import traceback
from contextlib import suppress

from targets.serving.leash import hold
from targets.serving.quota import MAX_REPLY_BYTES


def read_exactly(connection: socket.socket, size: int) -> bytes:
    """The next `size` bytes. ConnectionError when the other side has hung up."""
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return data


def receive(connection: socket.socket) -> bytes:
    """The next frame. ConnectionError when the other side has hung up."""
    return read_exactly(connection, int.from_bytes(read_exactly(connection, 4), "big"))


def send(connection: socket.socket, reply: bytes) -> None:
    """One frame."""
    connection.sendall(len(reply).to_bytes(4, "big") + reply)


def serve(connection: socket.socket) -> None:
    """Load the model, then answer until the other side hangs up, which raises ConnectionError."""
    from targets.serving.core import error_body, to_json

    try:
        from targets.serving.function import handler
    except Exception as error:  # the request that it starts for hears of it, as Lambda's does
        receive(connection)
        send(connection, b"x" + json.dumps(error_body(error)).encode())
        raise
    while True:
        body = receive(connection)
        try:
            reply = b"." + to_json(handler(json.loads(body), None))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a function's error is an answer; sys.exit() ends the sandbox as well
            frames = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
            kind = b"!" if isinstance(error, Exception) else b"x"
            reply = kind + json.dumps({**error_body(error), "stackTrace": frames}).encode()
        send(connection, reply if len(reply) <= 1 + MAX_REPLY_BYTES else b"+")


if __name__ == "__main__":
    hold(int(os.environ["FROSTLINE_LEASH_FD"]))
    with suppress(ConnectionError):  # hung up in a request, or between two: no more to do
        serve(socket.socket(fileno=int(os.environ["FROSTLINE_SOCKET_FD"])))
