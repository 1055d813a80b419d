"""Requests over many connections at once in a gevent hub: as many as are needed, no pool limit, no retry."""

from collections import OrderedDict
from typing import Any

import gevent
import gevent.pool
from gevent import monkey

from harness.clock import now_ns
from harness.load.connection import Connection, Route, TimedOut
from harness.load.parser import Exchange, RequestFailed
from harness.load.senders import SenderFailed
from harness.load.wire import LoadPlan
from targets.contract import Endpoint

READ, WRITE = 1, 2
PREWARM_AT_ONCE = 16
PREWARM_LIMIT_S = 20.0
"""For all connections that are opened before the start."""


class HubConnection(Connection):
    """A connection that lets others run while it waits."""

    new_socket = monkey.get_original("socket", "socket")

    def __init__(self, route: Route, hub: Any) -> None:
        super().__init__(route)
        self._hub = hub
        self._readable: Any = None

    def wait_readable(self) -> None:
        """Let the hub run until something has come."""
        if self._readable is None:
            self._readable = self._hub.loop.io(self.socket.fileno(), READ)
        self._hub.wait(self._readable)

    def wait_writable(self, limit_s: float | None = None) -> bool:
        """Let the hub run until something can be sent."""
        writable = self._hub.loop.io(self.socket.fileno(), WRITE)
        try:
            with gevent.Timeout(limit_s, False):
                self._hub.wait(writable)
                return True
            return False
        finally:
            writable.close()

    def close(self) -> None:
        """Let go of watcher and socket. Safe to call twice."""
        if self._readable is not None:
            self._readable.stop()
            self._readable.close()
            self._readable = None
        super().close()


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


def route_of(plan: LoadPlan, endpoint: Endpoint, bodies: list[bytes]) -> Route:
    """The way to one of a plan's endpoints. SenderFailed where there is none: then nothing can be sent."""
    try:
        return Route.to(endpoint, bodies, plan.kept_header, plan.keep_replies)
    except OSError as error:
        raise SenderFailed(f"url: its host has no address at this moment: {error}") from error


class Client:
    """Sends requests that were made ready, over connections that are reused last in, first out."""

    def __init__(self, plan: LoadPlan, bodies: list[bytes]) -> None:
        self.hub: Any = gevent.get_hub()
        self.plan = plan
        self.routes = [route_of(plan, endpoint, bodies) for endpoint in plan.endpoints]
        self._limits = TimeLimits(self.hub, plan.timeout_s)
        self._prewarm_limit_s = min(PREWARM_LIMIT_S, plan.timeout_s)  # no arrival would wait longer for its own
        self._idle: list[list[HubConnection]] = [[] for _ in plan.endpoints]
        self.opened: list[tuple[int, int] | None] = []
        """By endpoint: ns for connecting and for TLS."""

    def endpoint(self, index: int) -> Endpoint:
        """The endpoint whose turn it is at arrival `index`."""
        return self.routes[index % len(self.routes)].endpoint

    def prewarm(self) -> None:
        """Open connections before the start, or the first arrivals would pay for them; a refusal is left to them.

        The first one of each endpoint is opened alone, and how long that took is kept in `opened`.
        """
        if not self.plan.prewarm:
            return
        pool = gevent.pool.Pool(PREWARM_AT_ONCE)
        with gevent.Timeout(self._prewarm_limit_s, False):
            for turn in range(len(self.routes)):
                first = self._open_idle(turn)
                self.opened.append((first.connect_ns, first.tls_ns) if first else None)
                for _ in range(self.plan.prewarm - 1 if first else 0):
                    pool.spawn(self._open_idle, turn)
            pool.join()
        pool.kill()

    def ask(self, index: int, exchange: Exchange) -> None:
        """Send one request, read its reply. On RequestFailed, TimedOut or OSError `exchange` holds what was reached."""
        turn = index % len(self.routes)
        route = self.routes[turn]
        position = index % len(route.requests)
        exchange.body_bytes = len(route.bodies[position])
        connection = self._take_idle(turn) or HubConnection(route, self.hub)
        self._limits.begin()
        try:
            if connection.socket is None:
                connection.open(exchange, self.plan.timeout_s)
            connection.send(route.requests[position]())
            exchange.sent_ns = now_ns()
            connection.receive(exchange)
        finally:
            self._limits.end()
            if exchange.reusable:
                self._idle[turn].append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Close every idle connection."""
        self._limits.close()
        for idle in self._idle:
            while idle:
                idle.pop().close()

    def _take_idle(self, turn: int) -> HubConnection | None:
        idle = self._idle[turn]
        while idle:
            connection = idle.pop()
            if not connection.is_gone():  # costs nothing: a look after sending would find nothing yet
                return connection
            connection.close()
        return None

    def _open_idle(self, turn: int) -> Exchange | None:
        """Open one connection; None when that fails."""
        connection, exchange = HubConnection(self.routes[turn], self.hub), Exchange()
        try:
            connection.open(exchange, self._prewarm_limit_s)
        except (OSError, RequestFailed):
            connection.close()
            return None
        except BaseException:  # all of them together took too long
            connection.close()
            raise
        self._idle[turn].append(connection)
        return exchange
