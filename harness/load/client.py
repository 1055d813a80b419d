"""Requests over many connections at once in a gevent hub: as many as are needed, no pool limit."""

from typing import Any

import gevent
from gevent import monkey

from harness.load.connection import Connection, Untaken
from harness.load.hands import Hands
from harness.load.idle import Idle
from harness.load.limits import MOST_HANDS
from harness.load.parser import Exchange
from harness.load.prewarming import Prewarming
from harness.load.route import Route
from harness.load.senders import SenderFailed
from harness.load.senders.contract import Request
from harness.load.timelimits import TimeLimits
from harness.load.wire import LoadPlan
from targets.contract import Endpoint

READ, WRITE = 1, 2
SWEEP_S = 0.05


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

    def wait_either(self) -> None:
        """Let the hub run until something has come or can be sent."""
        either = self._hub.loop.io(self.socket.fileno(), READ | WRITE)
        try:
            self._hub.wait(either)
        finally:
            either.close()

    def pause(self, seconds: float) -> None:
        """Let the hub run for so long."""
        gevent.sleep(seconds)

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


def route_of(plan: LoadPlan, endpoint: Endpoint, bodies: list[bytes]) -> Route:
    """The way to one of a plan's endpoints. SenderFailed where there is none: then nothing can be sent."""
    try:
        return Route.to(endpoint, bodies, plan.keep_replies)
    except OSError as error:
        raise SenderFailed(f"url: its host has no address at this moment: {error}") from error


class Client:
    """Sends requests that were made ready, over connections that are reused last in, first out."""

    def __init__(self, plan: LoadPlan, bodies: list[bytes]) -> None:
        self.hub: Any = gevent.get_hub()
        self.plan = plan
        self.routes = [route_of(plan, endpoint, bodies) for endpoint in plan.endpoints]
        self._hands = [Hands(route, plan.timeout_s) if route.caller else None for route in self.routes]
        self.cap = min(plan.cap, MOST_HANDS) if any(self._hands) else plan.cap
        """Most requests in flight: each that a sender carries out itself takes a thread."""
        self._limits = TimeLimits(self.hub, plan.timeout_s)
        self._idle: list[Idle[HubConnection]] = [Idle(plan.takes_many) for _ in plan.endpoints]
        self._sweeper: Any = self.hub.loop.timer(SWEEP_S, SWEEP_S, ref=False)
        self._sweeper.start(self._sweep)
        self.opened: list[tuple[int, int] | None] = []
        """By endpoint: ns for connecting and for TLS; None where that failed, or is its sender's own affair."""
        self.prewarmed = 0
        """Connections that were opened in advance and kept."""
        self.prewarm_problem = ""
        """Why these are fewer than were wanted."""

    def endpoint(self, index: int) -> Endpoint:
        """The endpoint whose turn it is at arrival `index`."""
        return self.routes[index % len(self.routes)].endpoint

    @property
    def addresses(self) -> list[str]:
        """Those that took a connection of ours, the first ones first."""
        return list(dict.fromkeys(address for route in self.routes for address in route.reached))

    @property
    def turns_problem(self) -> str:
        """What is to be said of a server that takes one connection at a time; "" of others."""
        return next((idle.turns.note for idle in self._idle if idle.turns.note), "")

    def prewarm(self) -> None:
        """Open connections before the start, or the first arrivals would pay for them; a refusal is left to them."""
        for hands in filter(None, self._hands):
            hands.make_ready(self.plan.prewarm)
        if self.plan.prewarm:
            turns = [turn for turn, hands in enumerate(self._hands) if hands is None]
            connect = lambda turn: HubConnection(self.routes[turn], self.hub)  # noqa: E731
            prewarming = Prewarming(self.plan, connect, self._idle, turns)
            prewarming.run()
            self.opened, self.prewarm_problem = prewarming.opened, prewarming.problem
            self.prewarmed = sum(map(len, self._idle))

    def ask(self, index: int, exchange: Exchange) -> None:
        """Send one request, read its reply. On RequestFailed, TimedOut or OSError `exchange` holds what was reached."""
        turn = index % len(self.routes)
        route = self.routes[turn]
        position = index % len(route.bodies)
        exchange.body_bytes = len(route.bodies[position])
        if hands := self._hands[turn]:
            self._call(hands, position, exchange)
            return
        idle = self._idle[turn]
        connection = idle.take() or HubConnection(route, self.hub)
        if not idle.turns.is_parallel:
            idle.turns.begin(connection)
        self._limits.begin()
        try:
            if connection.socket is None:
                connection.open(exchange, self.plan.timeout_s)
            try:
                connection.ask(route.requests[position](), exchange)
            except Untaken:
                if exchange.fresh:
                    raise
                idle.turns.end(connection)
                connection.close()
                connection = HubConnection(route, self.hub)
                self._ask_again(connection, route.requests[position], exchange)
        finally:
            self._limits.end()
            if exchange.reusable:
                idle.give_back(connection, exchange)
            else:
                idle.turns.end(connection)
                connection.close()

    def _call(self, hands: Hands, position: int, exchange: Exchange) -> None:
        self._limits.begin()
        try:
            hands.ask(position, exchange)
        finally:
            self._limits.end()

    def _ask_again(self, connection: HubConnection, request: Request, exchange: Exchange) -> None:
        """On a connection of its own: nobody took it on the one that it met."""
        exchange.sent_ns = 0
        connection.open(exchange, self.plan.timeout_s)
        exchange.resent = True
        connection.ask(request(), exchange)

    def close(self) -> None:
        """Close every idle connection."""
        self._limits.close()
        self._sweeper.stop()
        self._sweeper.close()
        for idle in self._idle:
            idle.close()
        for hands in filter(None, self._hands):
            hands.close()

    def _sweep(self) -> None:
        for idle in self._idle:
            idle.sweep()
