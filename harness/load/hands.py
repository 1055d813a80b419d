"""Threads of the system's for requests that a sender carries out itself, so that none of them holds up the hub."""

import errno
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any

import gevent
from gevent.threadpool import ThreadPool

from harness.clock import now_ns
from harness.load.limits import MOST_HANDS
from harness.load.parser import Exchange
from harness.load.responses import take
from harness.load.route import Route
from harness.load.senders import SenderFailed, failure_of
from harness.load.senders.contract import Call, Response
from harness.load.wire import UNSEEN
from targets.names import FAULTS

Outcome = tuple[Response | BaseException, int]
"""What came of a call, and when it had ended."""


class Hand:
    """One thread with its own calls."""

    def __init__(self, route: Route, timeout_s: float) -> None:
        self._route, self._timeout_s = route, timeout_s
        self._pool = ThreadPool(1)
        self._calls: list[Call] = []
        self._open = ExitStack()

    def make_ready(self) -> Any:
        """Begin to make its calls; returns their outcome to come, which is an exception or None."""
        return self._pool.spawn(self._make_calls)

    def call(self, position: int, exchange: Exchange) -> Any:
        """Begin to send the request with this body; returns its Outcome to come."""
        return self._pool.spawn(self._carry_out, position, exchange)

    def close(self) -> None:
        """End the thread, whose work has ended; its connections first."""
        self._pool.apply(self._leave)
        self._pool.kill()

    def _make_calls(self) -> BaseException | None:
        """In the thread, as all below: what is raised is handed over, for gevent would print it."""
        try:
            caller, endpoint = self._route.caller, self._route.endpoint
            assert caller is not None
            self._calls = self._open.enter_context(caller.calls(endpoint, self._route.bodies, self._timeout_s))
        except BaseException as error:
            return error
        return None

    def _leave(self) -> None:
        with suppress(*FAULTS):  # all is over: nothing more is to be said of it
            self._open.close()

    def _carry_out(self, position: int, exchange: Exchange) -> Outcome:
        if not self._calls and (problem := self._make_calls()):
            return problem, now_ns()
        exchange.sent_ns = now_ns()
        try:
            return self._calls[position](), now_ns()
        except BaseException as error:
            return error, now_ns()


class Hands:
    """All threads of one endpoint; the one that was used last is used first, as its connection is the warmest."""

    def __init__(self, route: Route, timeout_s: float) -> None:
        """With one that is ready. SenderFailed where its calls cannot be made."""
        self._route, self._timeout_s = route, timeout_s
        self._idle: list[Hand] = []
        self._count = 0
        self._is_closed = False
        self.make_ready(1)

    def make_ready(self, count: int) -> None:
        """Have so many before the start; those that are needed beyond are made when they are. SenderFailed as above."""
        for _ in range(min(count, MOST_HANDS) - self._count):
            hand = self._make()
            self._idle.append(hand)
            if (error := hand.make_ready().get()) is not None:
                self.close()
                raise SenderFailed(failure_of(self._route.endpoint, error)) from error

    def ask(self, position: int, exchange: Exchange) -> None:
        """Send one request and wait for its end, or raise what the call raises. TimedOut is thrown into the greenlet:
        its thread is used again once its call has ended, too."""
        hand = self._idle.pop() if self._idle else self._make()
        exchange.fresh = UNSEEN
        outcome = hand.call(position, exchange)
        try:
            response, done_ns = outcome.get()
        finally:
            if outcome.ready():
                self._give_back(hand)
            else:
                outcome.rawlink(partial(self._give_back, hand))
        if isinstance(response, BaseException):
            raise response
        take(response, exchange, self._route, done_ns)

    def close(self) -> None:
        """End all threads, each when its call has ended."""
        self._is_closed = True
        while self._idle:
            self._idle.pop().close()

    def _make(self) -> Hand:
        if self._count == MOST_HANDS:
            text = f"no thread is free: the calls of all {MOST_HANDS} go on after their time"
            raise OSError(errno.EAGAIN, text)
        self._count += 1
        return Hand(self._route, self._timeout_s)

    def _give_back(self, hand: Hand, _: object = None) -> None:
        if self._is_closed:
            gevent.spawn(hand.close)  # here is the hub, which waits for nobody
        else:
            self._idle.append(hand)
