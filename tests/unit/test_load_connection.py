"""One connection: which address it goes to, how long it waits, whose reply it takes, and what is done beforehand."""

import array
import asyncio
import os
import select
import shutil
import socket
import ssl
from contextlib import ExitStack
from dataclasses import replace

import pytest

import targets
from harness.clock import now_ns
from harness.errors import TrialError
from harness.load import parser
from harness.load.client import Client
from harness.load.failed import RequestFailed, TimedOut
from harness.load.parser import Exchange, ReplyParser
from harness.load.process import LoadProcess
from harness.load.route import Route
from harness.load.senders import endpoint_problems, https, sender
from harness.load.senders.http import write_request
from harness.load.single import Lone, LoneConnection
from harness.load.wire import Fate, LoadPlan
from harness.measure.forced import Asker, force_cold_starts
from targets.contract import Endpoint
from targets.workloads.echo import WORKLOAD
from tests.certificates import make_certificate
from tests.http_server import HttpServer

KEPT = b"HTTP/1.1 200 OK\r\nX-Frostline-Timeline: kept\r\nX-Request: 7\r\n"


class Server(HttpServer):
    """Says more than it should, or less."""

    def __init__(self, **fields):
        super().__init__(**fields)
        self.go_on = asyncio.Event()

    async def late(self, body, writer):
        """The reply, and another one when the test says so."""
        await self.plain(body, writer)
        await self.go_on.wait()
        writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")

    async def cut(self, body, writer):
        writer.write(KEPT + b"Content-Length: 9\r\n\r\nhalf")
        raise ConnectionError

    async def endless(self, body, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()


@pytest.fixture
def server():
    found = Server()
    yield found
    found.close()


@pytest.fixture
def swallowing():
    """The port of a listener whose queue is full: what else wants to connect gets no answer."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(10):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(listener.getsockname())
            if not select.select([], [client], [], 0.2)[1]:
                yield listener.getsockname()[1]
                return
        pytest.skip("this system's queues are never full")


def addresses(*ports):
    return [(socket.AF_INET, ("127.0.0.1", port)) for port in ports]


def client_of(endpoint, **fields):
    return Client(LoadPlan("", [endpoint], "", 1.0, **{"timeout_s": 20.0, **fields}), [b"one", b"two"])


def endpoint_of(server, path=""):
    return Endpoint(f"http://127.0.0.1:{server.port}/{path}", request_id_header="X-Request")


def test_an_address_that_swallows_whoever_connects_takes_its_share_once(server, swallowing, monkeypatch):
    monkeypatch.setattr("harness.load.connection.MOST_CONNECT_S", 0.2)
    found = addresses(swallowing, server.port)
    lone, client = Lone(endpoint_of(server), [b"one"]), client_of(endpoint_of(server))
    for route in (lone._route, client.routes[0]):
        route.addresses = list(found)
    assert lone.ask(0, now_ns(), 20).fate == Fate.ANSWERED
    exchange = Exchange()
    client.ask(0, exchange)
    client.close()
    assert exchange.status == 200
    assert lone._route.addresses == client.routes[0].addresses == found[::-1]


def test_where_all_addresses_swallow_the_time_is_up(swallowing, monkeypatch):
    monkeypatch.setattr("harness.load.connection.MOST_CONNECT_S", 0.1)
    endpoint = Endpoint("http://127.0.0.1:1/")
    lone, client = Lone(endpoint, [b"one"]), client_of(endpoint, timeout_s=0.5)
    lone._route.addresses, client.routes[0].addresses = addresses(swallowing, swallowing), addresses(swallowing) * 2
    assert lone.ask(0, now_ns(), 0.5).fate == Fate.TIMED_OUT
    with pytest.raises(TimedOut):
        client.ask(0, Exchange())


def test_an_address_that_timed_out_is_the_last_one_from_then_on():
    route = Route.to(Endpoint("http://127.0.0.1:1/"), [b""], True)
    first, second, third = route.addresses[:] = addresses(1, 2, 3)
    route.defer(first)
    assert route.addresses == [second, third, first]


def test_a_reply_that_came_before_its_request_is_nobodys(server):
    client, first, second = client_of(endpoint_of(server, "late")), Exchange(), Exchange()
    client.ask(0, first)
    server.loop.call_soon_threadsafe(server.go_on.set)
    idle = client._idle[0]._used[0]
    assert select.select([idle.socket], [], [], 20)[0], "the late one has come"
    client.ask(1, second)
    client.close()
    assert [(each.status, each.fresh, b"".join(each.body.pieces)) for each in (first, second)] == [
        (200, True, b"one"),
        (200, True, b"two"),
    ]


def test_a_time_limit_ends_what_is_always_ready():
    near, far = socket.socketpair()
    with near, far:
        far.send(b"x")
        route = Route.to(Endpoint("http://127.0.0.1:1/"), [b""], True)
        for connection in (LoneConnection(route, now_ns() - 1), LoneConnection(route, 1)):
            connection.socket = near
            with pytest.raises(TimedOut):
                connection.wait_readable()
            with pytest.raises(TimedOut):
                connection.wait_writable()


def test_an_endless_reply_ends_where_it_is_too_long_to_be_kept(server, monkeypatch):
    monkeypatch.setattr(parser, "MOST_KEPT", 2_000_000)
    arrival = Lone(endpoint_of(server, "endless"), [b""]).ask(0, now_ns(), 60)
    assert (arrival.fate, arrival.head) == (Fate.EXHAUSTED, b""), "a limit of ours is no failure of theirs"
    assert arrival.error == "the reply is too long to be kept: more than 2 MB"


@pytest.mark.parametrize("keep", [True, False])
def test_only_a_reply_that_is_kept_has_a_length_that_is_too_much(keep, monkeypatch):
    monkeypatch.setattr(parser, "MOST_KEPT", 100)
    reader, exchange = ReplyParser(keep=keep), Exchange()
    reader.begin(exchange)
    reader.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 250\r\n\r\n" + b"x" * 100, 1)
    if keep:
        with pytest.raises(RequestFailed, match="too long to be kept"):
            reader.feed(b"x", 2)
    else:
        reader.feed(b"x" * 100, 2)
        reader.feed(b"x" * 50, 3)
        assert exchange.complete and exchange.size == 250


def test_a_head_without_end_has_failed(monkeypatch):
    monkeypatch.setattr(parser, "MOST_HEAD", 100)
    reader, exchange = ReplyParser(), Exchange()
    for _ in range(3):  # counted for each reply anew
        exchange = Exchange()
        reader.begin(exchange)
        reader.feed(b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * 50, 1)
        reader.feed(b"\r\nContent-Length: 2\r\n\r\nok", 1)
        assert exchange.complete
    reader.begin(Exchange())
    with pytest.raises(RequestFailed, match="too long to be a head"):
        for _ in range(20):
            reader.feed(b"HTTP/1.1 103 Early\r\n\r\n", 1)


def test_of_a_reply_that_broke_off_it_is_kept_who_answered(server):
    arrival = Lone(endpoint_of(server, "cut"), [b""]).ask(0, now_ns(), 20)
    assert arrival.fate == Fate.FAILED
    assert (arrival.reply.header, arrival.reply.request_id, arrival.reply.tail, arrival.head) == (
        b"kept",
        "7",
        b"",
        b"",
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = Endpoint(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        assert Lone(endpoint, [b""]).ask(0, now_ns(), 0.1).reply is None


class Service:
    """Is nowhere once it is cold, and somewhere again when it is awake; the endpoint is not said to be the same one."""

    def __init__(self, endpoint, done):
        self.endpoint, self.done = endpoint, done
        self.endpoints = (endpoint,)

    def make_cold(self):
        self.endpoints = ()

    def wake(self):
        self.done.append("wake")
        self.endpoints = (replace(self.endpoint),)

    def events(self):
        return []


def test_certificates_are_loaded_before_the_clock_of_a_start_begins(tmp_path, monkeypatch):
    done, load = [], ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda **given: done.append("load") or load(**given))
    https._context.cache_clear()
    certificate = make_certificate(tmp_path)
    server = Server(certificate=certificate)
    try:
        endpoint = Endpoint(f"https://localhost:{server.port}/", ca_file=str(certificate[0]))
        asker, can = Asker(list(WORKLOAD.payloads()), 20), targets.target("process-service").capabilities
        sent = force_cold_starts(Service(endpoint, done), can, asker, 1, False, lambda proven: None)
    finally:
        server.close()
    assert set(sent.records["fate"].tolist()) == {Fate.ANSWERED}
    assert done == ["load", "wake", "wake", "wake"]


def test_a_way_that_was_made_ready_is_looked_up_no_more(server, monkeypatch):
    lone = Lone(replace(endpoint_of(server), url=f"http://localhost:{server.port}/"), [b"one", b"two"])
    monkeypatch.setattr(socket, "getaddrinfo", None)
    assert [lone.ask(index, now_ns(), 20).head for index in (0, 1, 2)] == [b"one", b"two", b"one"]


def test_a_host_without_an_address_is_a_failed_row():
    arrival = Lone(Endpoint("http://no-such-host.invalid/"), [b""]).ask(0, now_ns(), 20)
    assert arrival.fate == Fate.FAILED and arrival.error and arrival.done_ns and not arrival.fresh


def test_certificates_that_were_written_anew_are_read_anew(tmp_path):
    first, second = (make_certificate(folder)[0] for folder in (tmp_path / "a", tmp_path / "b") if not folder.mkdir())
    endpoint = Endpoint("https://localhost/", ca_file=str(first))
    context = sender("https").tls(endpoint)
    assert sender("https").tls(endpoint) is context
    shutil.copy(second, first)
    os.utime(first, ns=(1, 1))
    assert sender("https").tls(endpoint).get_ca_certs() != context.get_ca_certs()


SECRET = "hunter2"


@pytest.mark.parametrize(
    "url",
    [
        f"https://bob:{SECRET}@host:99999/",
        f"http://bob:{SECRET}@host/",
        f"http://bob:{SECRET}@host:99999/",
        f"ftp://bob:{SECRET}@h/",
        f"bob:{SECRET}@h/",
        f"//bob:{SECRET}@h/",
        f"http:bob:{SECRET}@h/",
        f"http:\\\\bob:{SECRET}@h/",
        f"http:/bob:{SECRET}@h/",
        f"bob:{SECRET}/x@h/",
        f"http://bob:{SECRET}/x@h/",
        f"http://bob:{SECRET}#@h/",
        f"http://bob:@{SECRET}@h/",
        f"http://{SECRET}@h:1/",
        f"http://bob:{SECRET} @h/",
        f"http://bob:{SECRET}é@h/",
        f"http://bob:{SECRET}@[::1/",
    ],
)
@pytest.mark.parametrize("name", ["", "http", "https"])
def test_a_password_in_an_url_is_never_told(url, name):
    problems = endpoint_problems(Endpoint(url, sender=name))
    assert problems and not any(SECRET in problem or "hunter" in problem for problem in problems)
    with pytest.raises(TrialError) as raised:
        Route.to(Endpoint(url, sender=name), [b""], True)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize("url", ["ftp://host/@me", "ftp://host:1/a@b/c=d@e", "ftp://[::1]:2/@x", "ftp://x"])
def test_an_at_sign_elsewhere_is_no_password(url):
    assert endpoint_problems(Endpoint(url)) == [f"url: {url!a} is not accepted: begin it with http:// or https://"]


def test_a_header_is_one_in_whatever_case():
    endpoint = Endpoint("http://h/", headers={"authorization": "theirs", "X-a": "1"})
    text = write_request(
        endpoint, b"{}", {"Authorization": "signed", "content-type": "text/plain", "x-A": "2"}
    ).decode()
    lines = text.split("\r\n\r\n")[0].split("\r\n")[1:]
    assert lines == ["Host: h", "Content-Length: 2", "content-type: text/plain", "Authorization: signed", "x-A: 2"]


def test_a_header_that_is_given_twice_is_refused():
    (problem,) = endpoint_problems(Endpoint("http://h/", headers={"x-a": "1", "X-A": "2"}))
    assert problem == "headers: 'X-A' is not accepted: 'x-a' is the same one: leave out one of both"


def test_a_reply_that_nobody_keeps_may_be_longer_than_any_that_is_kept(server):
    """As `frostline load` asks."""
    assert parser.MOST_KEPT < 66_000_000
    process = LoadProcess()
    try:
        plan = LoadPlan("", [endpoint_of(server)], "", 0.1, timeout_s=30, prewarm=0, keep_replies=False)
        sent = process.carry_out(plan, array.array("d", [0.0]), [b"x" * 66_000_000], lambda ended: None)
        sent.replies.close()
    finally:
        process.close()
    assert sent.records["reply_bytes"].tolist() == [66_000_000]
