"""A local process must not outlive the one that started it, even when that one is killed."""

import fcntl
import os
import select


def hold(descriptor: int) -> None:
    """Die when the other end of this pipe closes: the kernel then sends SIGIO, whose default action ends a process.

    Works while the model computes or hangs, needs no thread, and costs nothing until it happens.
    """
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([descriptor], [], [], 0)[0]:  # it closed before anybody listened: nothing is ever written to it
        raise SystemExit(0)
