"""One connection to an endpoint, plain or over TLS: no retry, no redirect, stamps at each step.

How to wait for its socket is left to those who use it: in a gevent hub among thousands, or alone with a time limit.
"""

import contextlib
import errno
import os
import socket
import ssl
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from harness.clock import now_ns
from harness.load.parser import Exchange, ReplyParser, RequestFailed
from harness.load.senders import SenderFailed, endpoint_problems, failure_of, sender_of
from harness.load.senders.contract import Request, origin
from harness.load.tls import NO_TLS, Tls
from targets.contract import Endpoint

PIECE = 65_536
"""Most that is read at once: between the pieces of a long reply, others get their turn."""
NO_REPLY = "no reply in time"
MOST_CONNECT_S = 3.0
"""So long one of several addresses is waited for at most: it may lead nowhere. The last one may take all the time."""


class TimedOut(Exception):
    """No whole reply within the time limit."""

    def __init__(self) -> None:
        super().__init__(NO_REPLY)


@dataclass
class Route:
    """The way to an endpoint, made ready before the first request: looked up, built, certificates loaded."""

    endpoint: Endpoint
    bodies: list[bytes]
    requests: list[Request]
    """One for each body."""
    addresses: list[tuple[int, Any]]
    """Families and addresses in the order in which they are tried: the latest one that worked is the first."""
    tls: ssl.SSLContext | None
    kept_header: str
    keep: bool
    """Replies are kept."""

    @classmethod
    def to(cls, endpoint: Endpoint, bodies: list[bytes], kept_header: str, keep: bool) -> "Route":
        """SenderFailed when its sender cannot send there, OSError when the host has no address."""
        if problems := endpoint_problems(endpoint):
            raise SenderFailed("\n".join(problems))
        try:
            sender = sender_of(endpoint)
            tls, requests = sender.tls(endpoint), [sender.request(endpoint, body) for body in bodies]
        except Exception as error:
            raise SenderFailed(failure_of(endpoint, error)) from error
        return cls(endpoint, bodies, requests, addresses_of(endpoint), tls, kept_header, keep)

    def prefer(self, address: tuple[int, Any]) -> None:
        """Try this one first from now on: another one may lead nowhere."""
        if self.addresses[0] != address:
            self.addresses.remove(address)
            self.addresses.insert(0, address)

    def defer(self, address: tuple[int, Any]) -> None:
        """Try this one last from now on."""
        self.addresses.remove(address)
        self.addresses.append(address)


def addresses_of(endpoint: Endpoint) -> list[tuple[int, Any]]:
    """Every address of the endpoint's host, in the system's order. OSError when there is none."""
    host, port = origin(endpoint)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:  # a label of more than 63 characters
        raise OSError(f"{host!a} is no name of a host: {error}") from error
    return [(family, address) for family, _, _, _, address in found]


class Connection(ABC):
    """One socket and its parser; opened once, asked one request after the other."""

    new_socket: Any = socket.socket

    def __init__(self, route: Route) -> None:
        self.route = route
        self.socket: Any = None
        self.tls: Tls | None = None
        self.parser = ReplyParser(route.kept_header, route.endpoint.request_id_header, route.keep)

    @abstractmethod
    def wait_readable(self) -> None:
        """Return when the socket may have something, or raise what ends the wait."""

    @abstractmethod
    def wait_writable(self, limit_s: float | None = None) -> bool:
        """Return when the socket may take something, or raise what ends the wait; False when `limit_s` is over."""

    def open(self, exchange: Exchange, limit_s: float) -> None:
        """Connect to the first address that takes us, and shake hands. OSError or RequestFailed.

        Whoever calls sees that it takes no longer than `limit_s`; one of several addresses gets a share of that.
        """
        begun_ns = now_ns()
        problem: OSError | None = None
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
                problem = error
                continue
            connected_ns = now_ns()
            exchange.connect_ns = connected_ns - begun_ns
            self.route.prefer((family, address))
            if self.route.tls is not None:
                self._shake_hands(self.route.tls)
                exchange.tls_ns = now_ns() - connected_ns
            return
        assert problem is not None, "a host has at least one address"
        raise problem

    def send(self, data: bytes) -> None:
        """Hand all of it to the kernel; waits only when the kernel's buffer is full."""
        if self.tls is not None:
            data = self.tls.encrypt(data)
        self._send(data)

    def receive(self, exchange: Exchange) -> None:
        """Read until the reply is whole. RequestFailed when it does not come whole."""
        self.parser.begin(exchange)
        while not exchange.complete:
            self.wait_readable()  # also when more may be there already: others get their turn between two pieces
            try:
                data = self.socket.recv(PIECE)
            except BlockingIOError:
                continue
            arrived_ns = now_ns()
            if not data:
                self._end(arrived_ns)
            elif self.tls is None:
                self.parser.feed(data, arrived_ns)
            else:
                self._read_records(self.tls, exchange, data, arrived_ns)

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
            host = f"[{address[0]}]" if ":" in address[0] else address[0]
            raise OSError(error, f"connect to {host}:{address[1]}: {os.strerror(error)}")

    def _shake_hands(self, context: ssl.SSLContext) -> None:
        host, _ = origin(self.route.endpoint)
        self.tls = Tls(context, host)
        self._send(self.tls.shake_hands(b""))
        while not self.tls.is_open:
            self.wait_readable()
            try:
                data = self.socket.recv(PIECE)
            except BlockingIOError:
                continue
            if not data:
                raise RequestFailed(f"{NO_TLS} {host}: closed during the handshake")
            self._send(self.tls.shake_hands(data))

    def _read_records(self, tls: Tls, exchange: Exchange, data: bytes, arrived_ns: int) -> None:
        if plain := tls.decrypt(data):
            self.parser.feed(plain, arrived_ns)
        if tls.has_ended:
            if not exchange.complete:
                self.parser.end(arrived_ns)
            exchange.reusable = False

    def _end(self, arrived_ns: int) -> None:
        """The socket is closed. Over TLS an end that nobody signed may have been cut by anyone in between."""
        if self.tls is not None:
            raise RequestFailed("closed without an end of TLS")
        self.parser.end(arrived_ns)

    def _send(self, data: bytes) -> None:
        sent = self.socket.send(data) if data else 0
        if sent < len(data):
            self._send_rest(memoryview(data)[sent:])

    def _send_rest(self, data: memoryview) -> None:
        while data:
            self.wait_writable()
            with contextlib.suppress(BlockingIOError):
                data = data[self.socket.send(data) :]
