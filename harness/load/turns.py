"""Whether a server takes connections at the same time, or one after the other: then what waits must be let in.

A server that takes one at a time, and keeps it open for a next request, lets a second connection wait for as long as
the first one is there. Nothing from outside tells that from a server that is slow at its second one, but closing the
first: and that only for a request that waits far longer than any took so far, as a parallel server loses by it.
"""

from harness.clock import now_ns
from harness.load.acknowledged import ESTABLISHED, acknowledged
from harness.load.connection import Connection

STALL_NS = 1_000_000_000
"""So long at least a request waits on a connection that was never answered until an idle one is closed for it."""
STALL_SERVICES = 5
"""And so many times the longest service time seen."""
SOON_NS = 250_000_000
"""Who is answered within this time and two of the longest service times after that waited for it."""
TIMES = 3
"""So often in a row before anything is concluded from it."""
ONE_AT_A_TIME = "the server seems to serve one connection at a time"
FEW_AT_A_TIME = "the server seems to serve few connections at a time"


class Turns:
    """What is known of that for one endpoint."""

    def __init__(self, is_parallel: bool = False) -> None:
        self.is_parallel = is_parallel
        """It takes many: known beforehand, or nothing waited for a close. Nothing is to be learned."""
        self.is_single = False
        """Some were answered as soon as another one was closed, and none beside one that was open."""
        self._is_few = False
        """Some were answered as soon as another one was closed, though it takes more than one."""
        self._is_plural = False
        """One was answered beside another one that was open: it takes more than one, though maybe not many."""
        self._waiting: dict[Connection, int] = {}
        """Never answered, with a request under way: since when, the first one first."""
        self._answered: Connection | None = None
        """The latest one that was: the only one while nothing is known."""
        self._service_ns = 0
        """The longest service time; what it waited before an idle connection was closed is no part of it."""
        self._favoured: Connection | None = None
        """The one for which an idle connection was closed."""
        self._freed_ns = self._waited_ns = 0
        """When that was, and how long such a one had waited at most."""
        self._freed = self._helped = self._in_vain = 0
        """How often one was answered soon after that; in a row; and how often in a row it was not answered at all."""

    @property
    def note(self) -> str:
        """What is to be said of a server that takes one at a time, or few; "" of others."""
        if not (self.is_single or self._is_few):
            return ""
        waited = f"requests waited up to {self._waited_ns / 1e9:.1f} s until an idle connection was closed"
        return f"{waited}, {self._freed} times: {ONE_AT_A_TIME if self.is_single else FEW_AT_A_TIME}"

    def begin(self, connection: Connection) -> None:
        """A request is about to leave on it."""
        if not connection.replies:
            self._waiting[connection] = now_ns()

    def end(self, connection: Connection) -> None:
        """Its request has ended without a reply that leaves it open."""
        self._waiting.pop(connection, None)
        if connection is self._favoured:
            self._favoured = None

    def answer(self, connection: Connection, sent_ns: int) -> None:
        """The reply to a request that was sent then has come, and leaves the connection open."""
        since_ns, now = self._waiting.pop(connection, None), now_ns()
        if since_ns is not None and self._answered is not None and is_open(self._answered):
            self._is_plural, self.is_single = True, False
        elif connection is self._favoured:
            self._judge(now - self._freed_ns, self._freed_ns - (since_ns or self._freed_ns))
        self._service_ns = max(self._service_ns, now - max(sent_ns, self._freed_ns))
        self._answered = connection

    def must_free(self) -> bool:
        """Whether a connection that has no request under way is to be closed, as others may wait for it."""
        if self.is_parallel or not self._waiting or self._answered is None:
            return False
        if self.is_single or self._is_few:
            return True
        now, limit_ns = now_ns(), max(STALL_NS, STALL_SERVICES * self._service_ns)
        if self._favoured is not None:
            if now - self._freed_ns <= limit_ns:
                return False
            self._favoured, self._helped, self._in_vain = None, 0, self._in_vain + 1
            if self._in_vain == TIMES:
                self.is_parallel = True
                return False
        return now - next(iter(self._waiting.values())) > limit_ns

    def free(self) -> None:
        """A connection is closed now for the one that waits longest."""
        self._favoured, self._freed_ns = next(iter(self._waiting)), now_ns()

    def _judge(self, took_ns: int, waited_ns: int) -> None:
        """Whether the favoured one has waited for the close after which it was answered."""
        self._favoured, self._in_vain = None, 0
        if took_ns > SOON_NS + 2 * self._service_ns:
            self._helped = 0
            return
        self._freed, self._helped = self._freed + 1, self._helped + 1
        self._waited_ns = max(self._waited_ns, waited_ns)
        if self._helped >= TIMES:
            self.is_single, self._is_few = not self._is_plural, self._is_plural


def is_open(connection: Connection) -> bool:
    """Whether neither side has closed it."""
    if connection.socket is None:
        return False
    told = acknowledged(connection.socket)
    return told is None or told.state == ESTABLISHED
