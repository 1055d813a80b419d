"""Servers that take one connection at a time, and hosts with several addresses: nothing stalls, and it is told."""

import array
import http.server
import random
import re
import socket
import threading
import time
from contextlib import contextmanager

import gevent
import pytest

from harness.clock import now_ns
from harness.load import route, turns
from harness.load.client import Client
from harness.load.parser import Exchange
from harness.load.process import LoadProcess
from harness.load.single import Lone
from harness.load.turns import FEW_AT_A_TIME, ONE_AT_A_TIME
from harness.load.wire import Fate, LoadPlan
from harness.measure.generator import connection_warnings, generator_record
from targets.contract import Endpoint
from tests.certificates import make_certificate
from tests.scripted import Scripted, reply

PATIENCE_S = 20


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, *_):
        pass


@contextmanager
def standard_server(version, backlog):
    """Python's own, which takes one connection at a time."""
    kind = type("Handler", (Handler,), {"protocol_version": version})
    server = type("Server", (http.server.HTTPServer,), {"request_queue_size": backlog})(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


@pytest.fixture(scope="module")
def process():
    found = LoadProcess()
    yield found
    found.close()


def send(process, port, offsets):
    endpoint, fields = Endpoint(f"http://127.0.0.1:{port}/"), {"timeout_s": PATIENCE_S, "takes_many": False}
    plan = LoadPlan("", [endpoint], "", offsets[-1] + 0.1, **fields)
    sent = process.carry_out(plan, array.array("d", offsets), [b""], lambda ended: None)
    sent.replies.close()
    return sent


@pytest.mark.parametrize("backlog", [1, 5, 128])
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_pythons_own_server_answers_all(process, version, backlog):
    with standard_server(version, backlog) as port:
        sent = send(process, port, [number / 40 for number in range(40)])
    (worker,) = sent.workers
    assert set(sent.records["fate"].tolist()) == {Fate.ANSWERED}
    assert ((sent.records["done_ns"] - sent.records["scheduled_ns"]) < PATIENCE_S / 2 * 1e9).all()
    assert worker["addresses"] == [f"127.0.0.1:{port}"]
    if backlog < 16:
        assert worker["prewarmed"] == 0
        (problem,) = (each for each in connection_warnings(sent) if ONE_AT_A_TIME not in each)
        assert f"of 16 to 127.0.0.1:{port} did not open within 1 s" in problem
    else:
        assert generator_record(sent, False).prewarmed == 16
        assert (worker["prewarmed"], worker["prewarm_problem"]) == (16, "")


def keeping(server):
    """Keeps a connection for as long as its client does."""

    def script(connection, number):
        while server().read(connection):
            connection.sendall(reply())

    return script


def client_of(port, scheme="http", **fields):
    endpoint = Endpoint(f"{scheme}://127.0.0.1:{port}/", **fields.pop("endpoint", {}))
    return Client(LoadPlan("", [endpoint], "", 1.0, **{"timeout_s": PATIENCE_S, "takes_many": False, **fields}), [b""])


def ask_together(client, count):
    found = [Exchange() for _ in range(count)]
    gevent.joinall([gevent.spawn(client.ask, index, each) for index, each in enumerate(found)], raise_error=True)
    return found


@pytest.mark.parametrize("prewarm", [0, 16])
def test_requests_that_overlap_are_answered_by_a_server_that_keeps_its_only_connection(prewarm):
    with Scripted(keeping(lambda: server), at_once=False) as server:
        client = client_of(server.port, prewarm=prewarm)
        client.prewarm()
        begun_ns = now_ns()
        found = ask_together(client, 8)
        assert {each.status for each in found} == {200}
        assert now_ns() - begun_ns < PATIENCE_S / 2 * 1e9
        said = rf"requests waited up to \d\.\d s until an idle connection was closed, \d times: {ONE_AT_A_TIME}"
        assert re.fullmatch(said, client.turns_problem)
        client.close()
    assert len(server.requests) == 8


def test_of_a_server_that_takes_many_no_connection_is_closed_for_others():
    with Scripted(keeping(lambda: server)) as server:
        client = client_of(server.port, prewarm=4)
        client.prewarm()
        for _ in range(20):
            ask_together(client, 4)
        assert (client.turns_problem, server.connections) == ("", 4)
        client.close()


@pytest.mark.parametrize("at_once", [2, 3])
def test_a_server_of_a_few_threads_is_not_stalled_by_idle_connections(monkeypatch, at_once):
    monkeypatch.setattr(turns, "STALL_NS", 100_000_000)
    free = threading.Semaphore(at_once)

    def script(connection, number):
        with free:
            while server.read(connection):
                connection.sendall(reply())

    with Scripted(script) as server:
        client = client_of(server.port, prewarm=8)
        client.prewarm()
        for _ in range(4):
            assert {each.status for each in ask_together(client, at_once + 2)} == {200}
        assert client.turns_problem.endswith(FEW_AT_A_TIME)
        client.close()


def service_times(kind):
    """What a server with threads needs for each of its requests, and for each new connection."""
    drawn = random.Random(1)
    return {
        "0.8 s": (lambda: 0.8, 0.0),
        "0.05 to 1.5 s": (lambda: drawn.uniform(0.05, 1.5), 0.0),
        "0.7 s and 0.2 s for each connection": (lambda: 0.7, 0.2),
    }[kind]


@pytest.mark.parametrize("kind", ["0.8 s", "0.05 to 1.5 s", "0.7 s and 0.2 s for each connection"])
def test_a_server_that_takes_its_time_keeps_its_connections(kind):
    time_s, connection_s = service_times(kind)

    def script(connection, number):
        time.sleep(connection_s)
        while server.read(connection):
            time.sleep(time_s())
            connection.sendall(reply())

    with Scripted(script) as server:
        client, found = client_of(server.port, prewarm=16), [Exchange() for _ in range(20)]
        client.prewarm()
        asked = [gevent.spawn_later(index / 10, client.ask, index, each) for index, each in enumerate(found)]
        gevent.joinall(asked, raise_error=True)
        assert {(each.status, each.fresh) for each in found} == {(200, False)}
        assert (client.turns_problem, server.connections) == ("", 16)
        client.close()


def test_one_wait_that_ended_with_a_close_says_nothing_of_a_server():
    with Scripted(keeping(lambda: server), at_once=False) as server:
        client = client_of(server.port, prewarm=0)
        ask_together(client, 2)
        assert (client.turns_problem, server.connections) == ("", 2)
        client.close()


def test_no_connection_is_closed_for_others_where_a_server_is_known_to_take_many(monkeypatch):
    monkeypatch.setattr(turns, "STALL_NS", 0)
    monkeypatch.setattr(turns, "STALL_SERVICES", 0)
    with Scripted(keeping(lambda: server), at_once=False) as server:
        client = client_of(server.port, prewarm=2, takes_many=True)
        ask_together(client, 1)
        waiting = gevent.spawn(client.ask, 1, Exchange())
        gevent.sleep(0.2)
        assert (client._idle[0].turns._waiting, server.connections) == ({}, 1)
        client.close()
        gevent.joinall([waiting], raise_error=True)


def test_a_server_that_is_only_slow_at_its_second_connection_is_not_taken_for_one_of_these(monkeypatch):
    slow = threading.Event()

    def script(connection, number):
        while server.read(connection):
            if number:
                slow.wait(PATIENCE_S)
            connection.sendall(reply())

    monkeypatch.setattr(turns, "STALL_NS", 50_000_000)
    with Scripted(script) as server:
        client = client_of(server.port, prewarm=0)
        both = [gevent.spawn(client.ask, index, Exchange()) for index in range(2)]
        for _ in range(PATIENCE_S * 20):
            gevent.sleep(0.05)
            if client._idle[0].turns._favoured is not None:
                break
        gevent.sleep(0.3)  # longer than soon
        slow.set()
        gevent.joinall(both, raise_error=True)
        assert client.turns_problem == ""
        client.close()


def test_a_handshake_that_stalls_ends_prewarming(tmp_path):
    certificate = make_certificate(tmp_path)
    with Scripted(keeping(lambda: server), at_once=False, certificate=certificate) as server:
        client = client_of(server.port, "https", endpoint={"ca_file": str(certificate[0]), "insecure": False})
        client.routes[0].endpoint = Endpoint(f"https://localhost:{server.port}/", ca_file=str(certificate[0]))
        client.prewarm()
        assert "connection 2 of 16" in client.prewarm_problem
        assert (client.prewarmed, len(client._idle[0])) == (0, 0)
        exchange = Exchange()
        client.ask(0, exchange)
        assert exchange.status == 200
        client.close()


def has_ipv6():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


over_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
ADDRESSES = [
    pytest.param(socket.AF_INET, "127.0.0.1", id="IPv4"),
    pytest.param(socket.AF_INET6, "[::1]", id="IPv6", marks=over_ipv6),
]


@pytest.mark.parametrize("is_named", [True, False], ids=["by its name", "by its address"])
@pytest.mark.parametrize(("family", "written"), ADDRESSES)
def test_a_host_is_reached_at_whichever_address_it_listens(family, written, is_named):
    with Scripted(keeping(lambda: server), family=family) as server:
        url = f"http://{'localhost' if is_named else written}:{server.port}/"
        arrival = Lone(Endpoint(url), [b""]).ask(0, now_ns(), PATIENCE_S)
        assert (arrival.error, arrival.status) == ("", 200)
        client, exchange = Client(LoadPlan("", [Endpoint(url)], "", 1.0, timeout_s=PATIENCE_S), [b""]), Exchange()
        client.ask(0, exchange)
        assert client.addresses == [f"{written}:{server.port}"]
        client.close()


@pytest.mark.parametrize("name", ["app.localhost", "a.b.localhost", "localhost."])
def test_every_name_of_this_machine_is_reached_whatever_its_resolver_knows(name, monkeypatch):
    def know_nothing(*_, **__):
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(route.socket, "getaddrinfo", know_nothing)
    with Scripted(keeping(lambda: server)) as server:
        arrival = Lone(Endpoint(f"http://{name}:{server.port}/"), [b""]).ask(0, now_ns(), PATIENCE_S)
    assert (arrival.error, arrival.status) == ("", 200)


@over_ipv6
def test_a_refusal_names_every_address():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    arrival = Lone(Endpoint(f"http://localhost:{port}/"), [b""]).ask(0, now_ns(), PATIENCE_S)
    assert arrival.fate == Fate.FAILED
    assert f"connect to 127.0.0.1:{port}: Connection refused" in arrival.error
    assert f"connect to [::1]:{port}: " in arrival.error


def test_of_several_addresses_the_first_that_takes_us_is_used():
    with Scripted(keeping(lambda: server)) as server:
        client, exchange = client_of(server.port), Exchange()
        nobody = (socket.AF_INET, ("127.0.0.2", server.port))
        client.routes[0].addresses = [nobody, (socket.AF_INET, ("127.0.0.1", server.port))]
        client.ask(0, exchange)
        assert client.addresses == [f"127.0.0.1:{server.port}"]
        client.close()
