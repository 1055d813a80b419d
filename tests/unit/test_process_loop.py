"""A sandbox process ends quietly however its front hangs up: its standard error is the user's terminal."""

import os
import socket
import subprocess

import pytest

from targets.local.processes import CODE, interpreter

INVOCATION = b'{"text": "frost"}'


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def started(theirs: socket.socket, leash: int) -> "subprocess.Popen[bytes]":
    environment = {
        "PYTHONPATH": str(CODE),
        "FROSTLINE_WORKLOAD": "echo",
        "FROSTLINE_UNIT": "0001",
        "FROSTLINE_SOCKET_FD": str(theirs.fileno()),
        "FROSTLINE_LEASH_FD": str(leash),
    }
    return subprocess.Popen(
        [interpreter(), "-s", "-m", "targets.serving.process_loop"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=(theirs.fileno(), leash),
    )


@pytest.mark.parametrize("when", ["between requests", "in a request", "with a reply unread"])
def test_a_front_that_hangs_up_leaves_no_traceback(when):
    ours, theirs = socket.socketpair()
    held, leash = os.pipe()
    process = started(theirs, held)
    theirs.close()
    if when == "between requests":
        ours.sendall(frame(INVOCATION))
        size = int.from_bytes(ours.recv(4, socket.MSG_WAITALL), "big")
        ours.recv(size, socket.MSG_WAITALL)
    elif when == "in a request":
        ours.sendall(frame(INVOCATION)[:7])
    else:
        ours.sendall(frame(INVOCATION))
        ours.recv(1)
    ours.close()
    _, said = process.communicate(timeout=20)
    os.close(held)
    os.close(leash)
    assert (process.returncode, said) == (0, b"")
