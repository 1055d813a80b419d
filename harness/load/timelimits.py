"""The time that each request may take."""

from collections import OrderedDict
from typing import Any

import gevent

from harness.clock import now_ns
from harness.load.failed import TimedOut


class TimeLimits:
    """Ends every request that takes longer than all may take, with one timer: who began first is over first."""

    def __init__(self, hub: Any, limit_s: float) -> None:
        self._loop = hub.loop
        self._limit_ns = int(limit_s * 1e9)
        self._deadlines: OrderedDict[Any, int] = OrderedDict()
        """By greenlet, the earliest first."""
        self._timer: Any = None

    def begin(self) -> None:
        """The current greenlet's request begins: TimedOut is thrown into it when its time is over."""
        deadline_ns = self._deadlines[gevent.getcurrent()] = now_ns() + self._limit_ns
        if self._timer is None:
            self._arm(deadline_ns)

    def end(self) -> None:
        """The current greenlet's request has ended."""
        self._deadlines.pop(gevent.getcurrent(), None)

    def close(self) -> None:
        """Throw nothing any more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer.close()
            self._timer = None

    def _arm(self, deadline_ns: int) -> None:
        self._timer = self._loop.timer(max(0.0, (deadline_ns - now_ns()) / 1e9))
        self._timer.start(self._end_overdue)

    def _end_overdue(self) -> None:
        """In the hub: the greenlets run until they wait again, and have ended their requests by then."""
        self.close()
        while self._deadlines:
            greenlet, deadline_ns = next(iter(self._deadlines.items()))
            if deadline_ns > now_ns():
                self._arm(deadline_ns)
                return
            del self._deadlines[greenlet]
            greenlet.throw(TimedOut)
