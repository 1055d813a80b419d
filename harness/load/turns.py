"""Whether a server takes connections at the same time, or one after the other: then what waits must be let in.

A server that takes one at a time, and keeps it open for a next request, lets a second connection wait for as long as
the first one is there. Nothing from outside tells that from a server that is slow at its second one, but closing the
first.
"""

from harness.clock import now_ns
from harness.load.acknowledged import ESTABLISHED, acknowledged
from harness.load.connection import Connection

STALL_NS = 500_000_000
"""So long a request may wait on a connection that was never answered until the connection that was is closed."""
SOON_NS = 1_000_000_000
"""Who is answered within this time after that waited for it."""
ONE_AT_A_TIME = (
    "the server takes one connection at a time: of requests that overlap, each waits until the connection of the one "
    "before it is closed"
)


class Turns:
    """What is known of that for one endpoint."""

    def __init__(self) -> None:
        self.is_parallel = False
        """Connections were answered while others that had been answered were open. Nothing more is to be learned."""
        self.is_single = False
        """One was answered as soon as another one was closed."""
        self._waiting: dict[Connection, int] = {}
        """Never answered, with a request under way: since when, the first one first."""
        self._answered: Connection | None = None
        """The latest one that was: the only one while nothing is known."""
        self._freed_ns = 0

    def begin(self, connection: Connection) -> None:
        """A request is about to leave on it."""
        if not connection.replies:
            self._waiting[connection] = now_ns()

    def end(self, connection: Connection) -> None:
        """Its request has ended without a reply that leaves it open."""
        self._waiting.pop(connection, None)

    def answer(self, connection: Connection) -> None:
        """A reply has come that leaves it open."""
        since_ns = self._waiting.pop(connection, None)
        if since_ns is not None:
            if self._answered is not None and is_open(self._answered):
                self.is_parallel, self.is_single = True, False
            elif since_ns < self._freed_ns:
                self.is_single = now_ns() - self._freed_ns < SOON_NS
        self._answered = connection

    def must_free(self) -> bool:
        """Whether a connection that has no request under way is to be closed, as others may wait for it."""
        if self.is_parallel or not self._waiting:
            return False
        oldest_ns, now = next(iter(self._waiting.values())), now_ns()
        if not self.is_single and oldest_ns < self._freed_ns < now - SOON_NS:
            self.is_parallel = True  # it did not wait for that
            return False
        return self.is_single or now - oldest_ns > STALL_NS

    def free(self) -> None:
        """The connection that was answered is closed now."""
        if (now := now_ns()) - self._freed_ns > SOON_NS:
            self._freed_ns = now


def is_open(connection: Connection) -> bool:
    """Whether neither side has closed it."""
    if connection.socket is None:
        return False
    told = acknowledged(connection.socket)
    return told is None or told.state == ESTABLISHED
