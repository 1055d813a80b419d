"""A request that met a closed connection: sent once more where no server can have begun on it, and nowhere else."""

import socket
import threading
import time
from contextlib import contextmanager

import gevent
import pytest

from harness.load import connection as connections
from harness.load.client import Client, HubConnection
from harness.load.failed import RequestFailed, TimedOut
from harness.load.parser import Exchange
from harness.load.wire import LoadPlan
from targets.contract import Endpoint
from tests.certificates import make_certificate
from tests.scripted import Scripted, reply, reset

WAIT_S = 20


@contextmanager
def asking(server, scheme="http", ca_file="", **fields):
    """A client whose look at an idle connection sees nothing: what closes it closes it just after that look."""
    endpoint = Endpoint(f"{scheme}://localhost:{server.port}/", ca_file=ca_file)
    client = Client(LoadPlan("", [endpoint], "", 1.0, **{"timeout_s": WAIT_S, **fields}), [b"one", b"two"])
    client.routes[0].addresses = [(socket.AF_INET, ("127.0.0.1", server.port))]
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def blind(monkeypatch):
    monkeypatch.setattr(HubConnection, "is_gone", lambda self: False)


@pytest.fixture
def patient(monkeypatch):
    """However busy this machine is, a reset is taken for one that came at once."""
    monkeypatch.setattr(connections, "AT_ONCE_NS", WAIT_S * 1_000_000_000)


def ask(client, index):
    exchange = Exchange()
    client.ask(index, exchange)
    return exchange


class Ends:
    """Answers once on its first connection, ends that in one of several ways, and serves on all later ones."""

    def __init__(self, **fields):
        self.has_ended = threading.Event()
        self.server = Scripted(self.script, **fields)

    def script(self, connection, number):
        while self.server.read(connection):
            connection.sendall(reply())
            if number == 0:
                self.end(connection)
                self.has_ended.set()
                return

    def end(self, connection):
        connection.close()


class Resets(Ends):
    def end(self, connection):
        reset(connection)


class Overhears(Ends):
    """Says that nothing follows, and reads on."""

    def end(self, connection):
        connection.shutdown(socket.SHUT_WR)
        self.has_ended.set()
        self.server.read(connection)


class ResetsAfter(Overhears):
    """The same, and resets some time after."""

    def __init__(self, delay_s):
        super().__init__()
        self._delay_s = delay_s

    def end(self, connection):
        super().end(connection)
        time.sleep(self._delay_s)
        reset(connection)


class Leaves(Ends):
    """Reads the next request, and goes without a word."""

    def end(self, connection):
        self.has_ended.set()
        self.server.read(connection)


class Breaks(Ends):
    """Reads the next request, and breaks the connection."""

    def end(self, connection):
        self.has_ended.set()
        self.server.read(connection)
        reset(connection)


@pytest.mark.parametrize("kind", [Ends, Resets])
def test_what_no_server_has_taken_is_sent_once_more(kind, blind, patient):
    made = kind()
    with made.server as server, asking(server) as client:
        first = ask(client, 0)
        assert made.has_ended.wait(WAIT_S)
        second = ask(client, 1)
        third = ask(client, 2)
    assert [(each.status, each.fresh, each.resent) for each in (first, second, third)] == [
        (200, True, False),
        (200, True, True),
        (200, False, False),
    ]
    assert second.connect_ns and second.sent_ns <= second.first_byte_ns
    assert len(server.requests) == 3


def test_what_no_server_has_taken_is_sent_once_more_over_tls(tmp_path, blind, patient):
    certificate = make_certificate(tmp_path)
    made = Ends(certificate=certificate)
    with made.server as server, asking(server, "https", str(certificate[0])) as client:
        ask(client, 0)
        assert made.has_ended.wait(WAIT_S)
        second = ask(client, 1)
    assert (second.status, second.fresh, second.resent, bool(second.tls_ns)) == (200, True, True, True)
    assert len(server.requests) == 2


@pytest.mark.parametrize("kind", [Overhears, Leaves, Breaks])
def test_what_a_server_may_have_begun_on_is_never_repeated(kind, blind):
    made = kind()
    exchange = Exchange()
    with made.server as server, asking(server) as client:
        ask(client, 0)
        assert made.has_ended.wait(WAIT_S)
        with pytest.raises((RequestFailed, OSError), match=r"closed before the reply|reset"):
            client.ask(1, exchange)
    assert len(server.requests) == 2, "each once"
    assert not exchange.resent and not exchange.fresh


@pytest.mark.parametrize("delay_ms", [5, 10, 20, 35])
def test_what_a_server_read_after_its_end_is_not_repeated_whatever_it_does_then(delay_ms, blind):
    made = ResetsAfter(delay_ms / 1000)
    with made.server as server, asking(server) as client:
        ask(client, 0)
        assert made.has_ended.wait(WAIT_S)
        with pytest.raises((RequestFailed, OSError), match=r"closed before the reply|reset"):
            client.ask(1, Exchange())
    assert len(server.requests) == 2, "each once"


def test_without_the_kernels_word_only_what_could_not_be_sent_is_sent_once_more(blind, monkeypatch):
    monkeypatch.setattr(connections, "acknowledged", lambda found: None)
    made = Ends()
    with made.server as server, asking(server) as client:
        ask(client, 0)
        assert made.has_ended.wait(WAIT_S)
        with pytest.raises(RequestFailed, match="closed before the reply"):
            client.ask(1, Exchange())
    made = Resets()
    with made.server as server, asking(server) as client:
        ask(client, 0)
        assert made.has_ended.wait(WAIT_S)
        assert ask(client, 1).resent


def test_it_is_sent_once_more_at_most(blind, patient):
    def script(connection, number):
        if number == 0:
            server.read(connection)
            connection.sendall(reply())
        connection.close()
        ended.set()

    ended = threading.Event()
    with Scripted(script) as server, asking(server) as client:
        ask(client, 0)
        assert ended.wait(WAIT_S)
        exchange = Exchange()
        with pytest.raises((RequestFailed, OSError)):
            client.ask(1, exchange)
    assert exchange.resent and server.connections == 2


def test_the_time_limit_is_that_of_both_sendings(blind, patient):
    def script(connection, number):
        server.read(connection)
        if number == 0:
            connection.sendall(reply())
            connection.close()
            ended.set()
        else:
            server.read(connection)

    ended = threading.Event()
    with Scripted(script) as server, asking(server, timeout_s=0.5) as client:
        ask(client, 0)
        assert ended.wait(WAIT_S)
        exchange = Exchange()
        with pytest.raises(TimedOut):
            client.ask(1, exchange)
    assert exchange.resent and len(server.requests) == 2


@pytest.mark.parametrize("at_once", [True, False], ids=["threads", "one at a time"])
def test_a_server_that_closes_after_each_reply_without_saying_so_fails_nothing(at_once):
    def script(connection, number):
        server.read(connection)
        connection.sendall(reply())

    with Scripted(script, at_once) as server, asking(server, prewarm=4) as client:
        client.prewarm()
        found = [ask(client, index) for index in range(50)]
    assert {each.status for each in found} == {200}
    assert len(server.requests) == 50


def test_idle_connections_that_their_server_closed_do_not_pile_up():
    closed = threading.Event()

    def script(connection, number):
        if number == 0:
            server.read(connection)
            connection.sendall(reply())
        closed.wait(WAIT_S)

    with Scripted(script) as server, asking(server, prewarm=9) as client:
        client.prewarm()
        ask(client, 0)
        assert len(client._idle[0]) == 9
        closed.set()
        for _ in range(WAIT_S * 20):
            connections_left = len(client._idle[0])
            if not connections_left:
                break

            gevent.sleep(0.05)
    assert connections_left == 0
