"""HTTP/1.1 for an open loop: no pool limit, no retry, no redirect, stamps at each step. Runs in a gevent hub."""

import errno
import os
import select
import socket
from typing import Any

import gevent
import httptools
from gevent import monkey

from harness.clock import now_ns
from harness.load.wire import LoadPlan

Socket = monkey.get_original("socket", "socket")
poll = monkey.get_original("select", "poll") if hasattr(select, "poll") else None
READ, WRITE = 1, 2
PROBE_AFTER_NS = 1_000_000_000
CHUNK = 262_144


class RequestFailed(Exception):
    """No whole reply: refused, reset, closed, or not HTTP."""


class TimedOut(Exception):
    """No whole reply within the time limit."""


class Exchange:
    """One request under way and what came back so far; filled as it happens, so a failure leaves what was reached."""

    __slots__ = (
        "body",
        "complete",
        "done_ns",
        "first_byte_ns",
        "framed",
        "fresh",
        "header_value",
        "reusable",
        "sent_ns",
        "size",
        "status",
    )

    def __init__(self) -> None:
        self.sent_ns = self.first_byte_ns = self.done_ns = 0
        self.status = self.size = 0
        self.body: list[bytes] = []
        self.header_value = b""
        self.complete = self.framed = self.fresh = self.reusable = False


class Connection:
    """One socket, its read watcher and its parser; httptools calls the on_ methods."""

    def __init__(self, client: "Client", address: tuple[str, int]) -> None:
        self.client = client
        self.address = address
        self.idle_since_ns = 0
        self.exchange = Exchange()
        self.parser = httptools.HttpResponseParser(self)
        self.socket = Socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.readable = client.hub.loop.io(self.socket.fileno(), READ)

    def connect(self) -> None:
        """Open the connection; OSError when it is refused."""
        error = self.socket.connect_ex(self.address)
        if error == errno.EINPROGRESS:
            self._wait_writable()
            error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, f"connect to port {self.address[1]}: {os.strerror(error)}")

    def send(self, data: bytes) -> None:
        """Send all; waits only when the kernel's buffer is full."""
        sent = self.socket.send(data)
        while sent < len(data):
            self._wait_writable()
            sent += self.socket.send(data[sent:])

    def receive(self, exchange: Exchange) -> None:
        """Read until the reply is whole. RequestFailed when it does not come whole."""
        self.exchange = exchange
        while not exchange.complete:
            try:
                data = self.socket.recv(CHUNK)
            except BlockingIOError:
                self.client.hub.wait(self.readable)
                continue
            if not exchange.first_byte_ns:
                exchange.first_byte_ns = now_ns()
            if data:
                self.parser.feed_data(data)
            elif exchange.status and not exchange.framed:
                return  # a reply without a length ends with its connection
            else:
                raise RequestFailed("closed in mid-reply" if exchange.status else "closed before the reply")

    def is_gone(self) -> bool:
        """Whether the other side closed an idle connection; poll(), since select() fails past descriptor 1023."""
        if poll is None:
            return False
        poller = poll()
        poller.register(self.socket, READ)
        return bool(poller.poll(0))

    def close(self) -> None:
        """Let go of socket and watcher."""
        self.readable.stop()
        self.readable.close()
        self.socket.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """httptools: one header."""
        name = name.lower()
        if name in (b"content-length", b"transfer-encoding"):
            self.exchange.framed = True
        elif name == self.client.kept_header:
            self.exchange.header_value = value

    def on_headers_complete(self) -> None:
        """httptools: the head is whole."""
        self.exchange.status = self.parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        """httptools: a piece of the body."""
        self.exchange.size += len(body)
        if self.client.keep_replies:
            self.exchange.body.append(body)

    def on_message_complete(self) -> None:
        """httptools: the reply is whole, unless it was an interim one."""
        self.exchange.complete = self.exchange.status >= 200
        self.exchange.reusable = self.parser.should_keep_alive()

    def _wait_writable(self) -> None:
        writable = self.client.hub.loop.io(self.socket.fileno(), WRITE)
        try:
            self.client.hub.wait(writable)
        finally:
            writable.close()


class Client:
    """Sends prebuilt requests over connections that are reused last in, first out; opens as many as are needed."""

    def __init__(self, plan: LoadPlan, bodies: list[bytes]) -> None:
        self.hub: Any = gevent.get_hub()
        self.plan = plan
        self.kept_header = plan.kept_header.encode()
        self.keep_replies = plan.keep_replies
        self.timeout = plan.timeout_s
        self.addresses = [(socket.gethostbyname(host), port) for host, port, _ in plan.endpoints]
        self.requests = [[_build_request(plan, endpoint, body) for body in bodies] for endpoint in plan.endpoints]
        self._idle: list[list[Connection]] = [[] for _ in plan.endpoints]

    def prewarm(self) -> None:
        """Open connections before the start, or the first arrivals would pay for them; a refusal is left to them."""
        for idle, address in zip(self._idle, self.addresses, strict=True):
            for _ in range(self.plan.prewarm):
                try:
                    connection = Connection(self, address)
                except OSError:  # no descriptor left: arrivals that need one say so
                    return
                try:
                    connection.connect()
                except OSError:
                    connection.close()
                    break
                connection.idle_since_ns = now_ns()
                idle.append(connection)

    def ask(self, index: int, exchange: Exchange) -> None:
        """Send one request, read its reply. On RequestFailed, TimedOut or OSError `exchange` holds what was reached."""
        turn = index % len(self.requests)
        data = self.requests[turn][index % len(self.requests[turn])]
        connection = self._take_connection(turn, exchange)
        timer = gevent.Timeout.start_new(self.timeout, TimedOut("no reply in time"))
        try:
            if exchange.fresh:
                connection.connect()
            connection.send(data)
            exchange.sent_ns = now_ns()
            connection.receive(exchange)
            exchange.done_ns = now_ns()
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            raise RequestFailed(f"not HTTP/1.1: {error}") from error
        finally:
            timer.close()
            if exchange.complete and exchange.reusable:
                connection.idle_since_ns = exchange.done_ns
                self._idle[turn].append(connection)
            else:
                connection.close()

    def close(self) -> None:
        """Close every idle connection."""
        for idle in self._idle:
            while idle:
                idle.pop().close()

    def _take_connection(self, turn: int, exchange: Exchange) -> Connection:
        idle = self._idle[turn]
        while idle:
            connection = idle.pop()
            if now_ns() - connection.idle_since_ns < PROBE_AFTER_NS or not connection.is_gone():
                return connection
            connection.close()
        connection = Connection(self, self.addresses[turn])  # OSError where this process has no descriptor left
        exchange.fresh = True
        return connection


def _build_request(plan: LoadPlan, endpoint: tuple[str, int, str], body: bytes) -> bytes:
    host, port, path = endpoint
    lines = [f"{plan.method} {path} HTTP/1.1", f"Host: {host}:{port}"]
    if body or plan.method == "POST":
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body
