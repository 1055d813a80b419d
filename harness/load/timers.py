"""Timers that call back in a gevent hub at an absolute moment."""

import contextlib
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Protocol

import gevent

from harness.clock import now_ns

TFD_TIMER_ABSTIME = 1


class Timer(Protocol):
    """Calls back in the hub at an absolute moment, once per arm; the callback must not block."""

    name: str

    def arm(self, at_ns: int) -> None:
        """Call back at this moment of CLOCK_MONOTONIC, at once when it has passed."""

    def close(self) -> None:
        """Call back no more."""


class _Itimerspec(ctypes.Structure):
    _fields_ = [(name, ctypes.c_long) for name in ("interval_s", "interval_ns", "value_s", "value_ns")]


class KernelTimer:
    """Linux timerfd on CLOCK_MONOTONIC, watched at top priority; epoll rounds gevent's own timers up to 1 ms."""

    name = "timerfd"

    def __init__(self, callback: Callable[[], None]) -> None:
        hub: Any = gevent.get_hub()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor = self._libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create failed")
        self._spec = _Itimerspec()
        self._spec_reference = ctypes.byref(self._spec)
        self._is_armed = False
        self._callback = callback
        self._watcher = hub.loop.io(self._descriptor, 1, priority=hub.loop.MAXPRI)
        self._watcher.start(self._call_back)

    def arm(self, at_ns: int) -> None:
        """Set the kernel's timer; that also takes back what it has to say of an earlier moment."""
        self._is_armed = True
        self._spec.value_s, self._spec.value_ns = divmod(max(1, at_ns), 1_000_000_000)
        self._libc.timerfd_settime(self._descriptor, TFD_TIMER_ABSTIME, self._spec_reference, None)

    def close(self) -> None:
        """Give the descriptor back."""
        self._watcher.stop()
        self._watcher.close()
        os.close(self._descriptor)

    def _call_back(self) -> None:
        self._is_armed = False
        self._callback()
        if not self._is_armed:
            with contextlib.suppress(BlockingIOError):
                os.read(self._descriptor, 8)


class LoopTimer:
    """Where there is no timerfd: the hub's own timer, a millisecond coarse. The result names it."""

    name = "gevent (1 ms)"

    def __init__(self, callback: Callable[[], None]) -> None:
        self._loop: Any = gevent.get_hub().loop
        self._callback = callback
        self._timer: Any = None

    def arm(self, at_ns: int) -> None:
        """Start a one-shot timer."""
        self.close()
        self._timer = self._loop.timer(max(0.0, (at_ns - now_ns()) / 1e9))
        self._timer.start(self._callback)

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None


def best_timer(callback: Callable[[], None]) -> Timer:
    """The best timer that this system has."""
    return KernelTimer(callback) if sys.platform == "linux" else LoopTimer(callback)
