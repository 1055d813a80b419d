"""Connections to one endpoint that have no request under way: which one is taken next.

What was never used goes in the order in which it was opened, for a server that takes one at a time has the first. What
was used goes the latest first, once a connection is known to carry a second request: a server that closes after each
reply, without saying so, needs a moment for it.
"""

from collections import deque
from typing import Generic, TypeVar

from harness.clock import now_ns
from harness.load.connection import Connection
from harness.load.parser import Exchange
from harness.load.turns import Turns

REST_NS = 10_000_000
"""Until one has carried two requests, each is left alone for so long after its first: the server may close it."""
SWEPT = 16
"""Most that are looked at in one sweep."""

Kind = TypeVar("Kind", bound=Connection)


class Idle(Generic[Kind]):
    """The idle connections of one endpoint, each closed once its server has closed it."""

    def __init__(self, takes_many: bool = False) -> None:
        self.turns = Turns(is_parallel=takes_many)
        self._unused: deque[Kind] = deque()
        self._used: deque[Kind] = deque()
        self._keeps = False
        """The server answered twice on one connection."""
        self._closes = False
        """It closed one after a reply, and was not seen to answer twice."""

    def __len__(self) -> int:
        return len(self._unused) + len(self._used)

    def add(self, connection: Kind) -> None:
        """One that was opened in advance."""
        self._unused.append(connection)

    def take(self) -> Kind | None:
        """One that is open and clean, as far as a look can tell; None where there is none."""
        used = self._used
        while (connection := used.pop() if used and self._keeps else self._next()) is not None:
            if not connection.is_gone():  # costs nothing: a look after sending would find nothing yet
                return connection
            self._close_gone(connection)
        return None

    def give_back(self, connection: Kind, exchange: Exchange) -> None:
        """One whose reply has ended, and left it open."""
        if not (self._keeps and self.turns.is_parallel):
            self._learn(connection, exchange)
            if self.turns.must_free():
                self._free(connection)
                return
        self._used.append(connection)

    def sweep(self) -> None:
        """Close what the server has closed, and what others wait for: once in a while, a few at a time."""
        for kept in (self._used, self._unused):
            for _ in range(min(SWEPT, len(kept))):
                if not kept[0].is_gone():
                    break
                self._close_gone(kept.popleft())
        if not self.turns.is_parallel and self.turns.must_free():
            for kept in (self._used, self._unused):  # such a server may have taken one that nothing was sent on
                while kept:
                    self._free(kept.popleft())

    def close(self) -> None:
        """Close them all."""
        for kept in (self._used, self._unused):
            while kept:
                kept.pop().close()

    def _next(self) -> Kind | None:
        """While it is not known whether a connection carries more than one."""
        used, unused = self._used, self._unused
        if used and now_ns() - used[0].answered_ns > REST_NS:
            return used.popleft()
        if unused:
            return unused.popleft()
        return used.popleft() if used and not self._closes else None

    def _learn(self, connection: Kind, exchange: Exchange) -> None:
        connection.replies += 1
        connection.answered_ns = now_ns()
        self._keeps = self._keeps or connection.replies > 1
        if not self.turns.is_parallel:
            self.turns.answer(connection, exchange.sent_ns)

    def _free(self, connection: Kind) -> None:
        connection.close()
        self.turns.free()

    def _close_gone(self, connection: Kind) -> None:
        self._closes = self._closes or connection.replies > 0
        connection.close()
