"""A local process must not outlive the one that started it, even when that one is killed, nor must what it starts."""

import fcntl
import os
import select
import sys
from contextlib import suppress

PR_SET_CHILD_SUBREAPER = 36
UNUSED_LIMIT = 10
"""RLIMIT_LOCKS, which Linux has kept without any effect since 2.4.25: all that a process starts inherits it, whatever
its session and its environment are."""


def hold(descriptor: int) -> None:
    """Die when the other end of this pipe closes: the kernel then sends SIGIO, whose default action ends a process.

    Works while the model computes or hangs, needs no thread, and costs nothing until it happens. Where this process
    leads a group of its own, the whole group dies.
    """
    adopt()
    _set_apart()
    owner = -os.getpid() if os.getpgrp() == os.getpid() else os.getpid()
    fcntl.fcntl(descriptor, fcntl.F_SETOWN, owner)
    flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
    fcntl.fcntl(descriptor, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([descriptor], [], [], 0)[0]:  # it closed before anybody listened: nothing is ever written to it
        raise SystemExit(0)


def _set_apart() -> None:
    """Have a limit that no other unit has: by it whoever started this one knows what this one has left behind."""
    if sys.platform == "linux":
        import resource

        with suppress(ValueError, OSError):  # the hard limit is lower: less is found then
            resource.setrlimit(UNUSED_LIMIT, (os.getpid(), resource.getrlimit(UNUSED_LIMIT)[1]))


def adopt() -> None:
    """Become the parent of whatever below loses its own, as the first process of a container is: so it is counted."""
    if sys.platform == "linux":
        import ctypes  # 1.5 ms, in a local process only

        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
