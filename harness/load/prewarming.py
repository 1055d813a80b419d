"""Connections that are opened before the start. A server that takes one at a time shows it here, and is left alone."""

from collections.abc import Callable, Sequence

import gevent
import gevent.pool

from harness.load.failed import RequestFailed
from harness.load.idle import Idle, Kind
from harness.load.parser import Exchange
from harness.load.senders.contract import origin
from harness.load.wire import LoadPlan

AT_ONCE = 16
NEAR_NS = 2_000_000
"""Where that takes less, they are opened one by one: so the server has them in the order in which they are used."""
LIMIT_S = 20.0
"""For all of them."""
EACH_S = 1.0
"""Until one that has not opened ends it all."""


class Prewarming:
    """Opens a plan's connections in advance, into the idle ones of each endpoint."""

    def __init__(
        self, plan: LoadPlan, connect: Callable[[int], Kind], idle: "Sequence[Idle[Kind]]", turns: Sequence[int]
    ) -> None:
        """`turns`: of the endpoints whose connections are ours."""
        self._plan, self._connect, self._idle, self._turns = plan, connect, idle, turns
        # no arrival would wait longer for its own
        self._limit_s, self._each_s = min(LIMIT_S, plan.timeout_s), min(EACH_S, plan.timeout_s)
        self.opened: list[tuple[int, int] | None] = [None] * len(plan.endpoints)
        """By endpoint, of its first connection, opened alone: ns for connecting and for TLS; None: it failed."""
        self.problem = ""
        """Why it was given up."""

    def run(self) -> None:
        """Open them. What was opened where it was given up is closed: it would stand in the way of the requests."""
        with gevent.Timeout(self._limit_s, False):
            for turn in self._turns:
                self._open_all(turn)
                if self.problem:
                    self._idle[turn].close()
                    return

    def _open_all(self, turn: int) -> None:
        first = self._open(turn, 1)
        if first is None:
            return
        self.opened[turn] = first.connect_ns, first.tls_ns
        pool = gevent.pool.Pool(1 if first.connect_ns < NEAR_NS else AT_ONCE)
        try:
            for number in range(2, self._plan.prewarm + 1):
                pool.spawn(self._open, turn, number)
                if self.problem:
                    break
            pool.join()
        finally:
            pool.kill()
        if first.tls_ns and len(self._idle[turn]) > 1:
            self._idle[turn].turns.is_parallel = True  # it shook hands beside one that was open

    def _open(self, turn: int, number: int) -> Exchange | None:
        """Open one connection; None when that fails."""
        connection, exchange, each = self._connect(turn), Exchange(), gevent.Timeout(self._each_s)
        try:
            with each:
                connection.open(exchange, self._each_s)
        except (OSError, RequestFailed):
            connection.close()
            return None
        except BaseException as over:
            connection.close()
            if over is not each:  # all of them together took too long
                raise
            self.problem = self.problem or self._given_up(turn, number)
            return None
        self._idle[turn].add(connection)
        return exchange

    def _given_up(self, turn: int, number: int) -> str:
        host, port = origin(self._plan.endpoints[turn])
        return (
            f"prewarm: connection {number} of {self._plan.prewarm} to {host}:{port} did not open within "
            f"{self._each_s:g} s, as with a server that takes one at a time: none was opened in advance"
        )
