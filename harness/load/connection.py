"""One connection to an endpoint, plain or over TLS: no retry, no redirect, stamps at each step.

How to wait for its socket is left to those who use it: in a gevent hub among thousands, or alone with a time limit.
"""

import errno
import os
import socket
import ssl
from abc import ABC, abstractmethod
from typing import Any

from harness.clock import now_ns
from harness.load.acknowledged import CLOSED, acknowledged
from harness.load.failed import CLOSED_BEFORE, RequestFailed
from harness.load.parser import Exchange, ReplyParser
from harness.load.route import Route
from harness.load.senders.contract import origin
from harness.load.tls import NO_TLS, Tls
from harness.load.wire import EXHAUSTED

PIECE = 65_536
"""Most that is read at once: between the pieces of a long reply, others get their turn."""
MOST_CONNECT_S = 3.0
"""So long one of several addresses is waited for at most: it may lead nowhere. The last one may take all the time."""
AT_ONCE_NS = 1_000_000
"""A kernel says within this time and two ways there and back that nobody is there to take what came."""
TRIPS = 2
PAUSE_S = 0.0002


class Untaken(RequestFailed):
    """The server had closed the connection, and took no byte of the request: it may be sent once more, on another."""

    def __init__(self) -> None:
        super().__init__(CLOSED_BEFORE)


class Connection(ABC):
    """One socket and its parser; opened once, asked one request after the other."""

    new_socket: Any = socket.socket

    def __init__(self, route: Route) -> None:
        self.route = route
        self.socket: Any = None
        self.tls: Tls | None = None
        self.replies = self.answered_ns = 0
        """How many it carried while that was counted, and when the latest one ended."""
        self._handed = self._handed_before = 0
        """Bytes that the kernel was given to send: all of them, and those before the latest request."""
        self._begun_ns = 0
        """When the latest request that was too long for the kernel at once began to leave."""
        self.parser = ReplyParser(route.endpoint.kept_header, route.endpoint.request_id_header, route.keep)

    @abstractmethod
    def wait_readable(self) -> None:
        """Return when the socket may have something, or raise what ends the wait."""

    @abstractmethod
    def wait_writable(self, limit_s: float | None = None) -> bool:
        """Return when the socket may take something, or raise what ends the wait; False when `limit_s` is over."""

    @abstractmethod
    def wait_either(self) -> None:
        """Return when the socket may have or take something, or raise what ends the wait."""

    @abstractmethod
    def pause(self, seconds: float) -> None:
        """Return after so long, or raise what ends the wait."""

    def open(self, exchange: Exchange, limit_s: float) -> None:
        """Connect to the first address that takes us, and shake hands. OSError or RequestFailed.

        Whoever calls sees that it takes no longer than `limit_s`; one of several addresses gets a share of that.
        """
        begun_ns = now_ns()
        problems: list[OSError] = []
        waiting = list(self.route.addresses)
        share_s = min(MOST_CONNECT_S, limit_s / len(waiting))
        while waiting:
            family, address = waiting.pop(0)
            self.close()
            try:
                self.socket = self.new_socket(family, socket.SOCK_STREAM)  # OSError where no descriptor is left
                exchange.fresh = True
                self._connect(address, share_s if waiting else None)
            except OSError as error:
                if error.errno == errno.ETIMEDOUT:
                    self.route.defer((family, address))
                elif self._is_exhausted(error, address):
                    raise
                problems.append(error)
                continue
            connected_ns = now_ns()
            exchange.connect_ns = connected_ns - begun_ns
            self.route.prefer((family, address))
            self.route.reached[told_address(address)] = None
            if self.route.tls is not None:
                self._shake_hands(self.route.tls)
                exchange.tls_ns = now_ns() - connected_ns
            return
        raise failure_of_all(problems)

    def ask(self, data: bytes, exchange: Exchange) -> None:
        """Send one request, read its reply as it comes, also while the request is still being sent: some servers answer
        as they read, and some before.

        OSError or RequestFailed when no whole reply comes; Untaken when no server can have begun on the request.
        """
        if self.tls is not None:
            data = self.tls.encrypt(data)
        self.parser.begin(exchange)
        self._handed_before = self._handed
        try:
            sent = self.socket.send(data)
        except BlockingIOError:
            sent = 0
        except (BrokenPipeError, ConnectionResetError) as error:
            if not exchange.fresh:
                raise Untaken from error
            sent = len(data)
            self._read_last(exchange, error)
        self._handed += sent
        if sent < len(data):
            self._begun_ns = now_ns()
            self._send_rest(memoryview(data)[sent:], exchange)
        exchange.sent_ns = exchange.first_byte_ns or now_ns()  # a reply that began before: its time counts from there
        while not exchange.complete:
            self.wait_readable()  # also when more may be there already: others get their turn between two pieces
            self._read(exchange)

    def is_gone(self) -> bool:
        """Whether an idle connection can carry no more: closed by the other side, or something came unasked, which
        would be taken for the reply to the next request."""
        try:
            data = self.socket.recv(PIECE)
            # A server hands out tickets of its TLS session whenever it likes: they are no reply, and no end.
            return not data or self.tls is None or bool(self.tls.decrypt(data)) or self.tls.has_ended
        except BlockingIOError:
            return False
        except (OSError, RequestFailed):
            return True

    def close(self) -> None:
        """Let go of the socket. Safe to call twice."""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def _connect(self, address: Any, limit_s: float | None) -> None:
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        error = self.socket.connect_ex(address)
        if error == errno.EINPROGRESS:
            in_time = self.wait_writable(limit_s)
            error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) if in_time else errno.ETIMEDOUT
        if error:
            raise OSError(error, f"connect to {told_address(address)}: {os.strerror(error)}")

    def _is_exhausted(self, error: OSError, address: Any) -> bool:
        """Whether this machine has nothing left to connect with. Where it has no IPv6, it says the same of a port."""
        known = error.errno != errno.EADDRNOTAVAIL or told_address(address) in self.route.reached
        return error.errno in EXHAUSTED and known

    def _shake_hands(self, context: ssl.SSLContext) -> None:
        host, _ = origin(self.route.endpoint)
        self.tls = Tls(context, host)
        self._send_all(self.tls.shake_hands(b""))
        while not self.tls.is_open:
            self.wait_readable()
            try:
                data = self.socket.recv(PIECE)
            except BlockingIOError:
                continue
            if not data:
                raise RequestFailed(f"{NO_TLS} {host}: closed during the handshake")
            self._send_all(self.tls.shake_hands(data))

    def _send_all(self, data: bytes) -> None:
        """Of a handshake."""
        left = memoryview(data)
        while left:
            try:
                sent = self.socket.send(left)
            except BlockingIOError:
                self.wait_writable()
                continue
            self._handed += sent
            left = left[sent:]

    def _send_rest(self, data: memoryview, exchange: Exchange) -> None:
        """Send until all is sent, or a whole reply is there: whoever sent that needs no more of the request."""
        while data:
            self.wait_either()
            self._read(exchange)
            if exchange.complete:
                exchange.reusable = False
                return
            try:
                sent = self.socket.send(data)
            except BlockingIOError:
                continue
            except (BrokenPipeError, ConnectionResetError) as error:
                self._read_last(exchange, error)
                return
            self._handed += sent
            data = data[sent:]

    def _read_last(self, exchange: Exchange, error: OSError) -> None:
        """The server takes no more. What it said before may be a reply; if not, the request has failed by that."""
        while not exchange.complete:
            if not self._read(exchange):
                raise error
        exchange.reusable = False

    def _read(self, exchange: Exchange) -> bool:
        """Read a piece of the reply; False when none is there."""
        try:
            data = self.socket.recv(PIECE)
        except BlockingIOError:
            return False
        arrived_ns = now_ns()
        if not data:
            self._end(exchange, arrived_ns)
        elif self.tls is None:
            self.parser.feed(data, arrived_ns)
        else:
            self._read_records(self.tls, exchange, data, arrived_ns)
        return True

    def _read_records(self, tls: Tls, exchange: Exchange, data: bytes, arrived_ns: int) -> None:
        if plain := tls.decrypt(data):
            self.parser.feed(plain, arrived_ns)
        if tls.has_ended:
            if not exchange.complete:
                self._refuse_untaken(exchange)
                self.parser.end(arrived_ns)
            exchange.reusable = False

    def _end(self, exchange: Exchange, arrived_ns: int) -> None:
        """The socket is closed. Over TLS an end that nobody signed may have been cut by anyone in between."""
        self._refuse_untaken(exchange)
        if self.tls is not None:
            raise RequestFailed("closed without an end of TLS")
        self.parser.end(arrived_ns)

    def _refuse_untaken(self, exchange: Exchange) -> None:
        """Raise Untaken where the server's end, which has come, is that of a connection that waited for a request."""
        if not exchange.fresh and not exchange.first_byte_ns and self._is_untaken(exchange.sent_ns):
            raise Untaken

    def _is_untaken(self, sent_ns: int) -> bool:
        """Whether the server has taken nothing of the latest request. An end alone is no proof: it may read on. Its
        kernel has the last word: it takes what came, or resets at once, as nobody is there to take it.

        A server that reads on after its end and then resets acknowledges nothing, either: it is known by its taking
        longer than a kernel, and one that does so within AT_ONCE_NS of the request is not known: it sees it twice.
        """
        begun_ns = sent_ns or self._begun_ns
        while (told := acknowledged(self.socket)) is not None and told.data <= self._handed_before:
            if now_ns() - begun_ns > AT_ONCE_NS + TRIPS * told.trip_ns:
                return False
            if told.state == CLOSED:
                return True
            self.pause(PAUSE_S)
        return False


def told_address(address: Any) -> str:
    """Host and port of a socket's address, as a URL has them."""
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"


def failure_of_all(problems: list[OSError]) -> OSError:
    """What is said when no address took us: of each one, why."""
    if len(problems) == 1:
        return problems[0]
    first = next((problem for problem in problems if problem.errno not in EXHAUSTED), problems[0])
    return OSError(first.errno, "; ".join(str(problem.strerror) for problem in problems))
