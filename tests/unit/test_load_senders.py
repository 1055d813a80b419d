"""Over IPv4, IPv6 and TLS, from the open loop and one by one: who is believed, what is sent, what is stamped."""

import array
import asyncio
import itertools
import json
import os
import socket
import subprocess
import sys
import threading
from collections import Counter

import pytest

from harness.clock import now_ns
from harness.load.process import LoadProcess
from harness.load.route import Route, addresses_of
from harness.load.senders import SenderFailed, endpoint_problems, sender, sender_names, sender_of
from harness.load.single import Lone
from harness.load.wire import Fate, LoadPlan
from targets.contract import Endpoint
from tests.certificates import make_certificate
from tests.http_server import HttpServer

REPLY = b"HTTP/1.1 200 OK\r\nX-Frostline-Timeline: kept\r\nX-Request: 7\r\nContent-Length: 2\r\n\r\nok"
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
EVENTS = (b'data: {"chunk": 1}\n\n', b'data: {"chunk": 2}\n\n', b'event: frostline\ndata: {"frostline": {}}\n\n')


def has_ipv6_loopback():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


class Server(HttpServer):
    """Replies of every kind that a sender may get."""

    async def plain(self, body, writer):
        writer.write(REPLY)

    async def stream(self, body, writer):
        writer.write(STREAM)
        for event in EVENTS:
            writer.write(b"%x\r\n%b\r\n" % (len(event), event))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def echo(self, body, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    async def lengthless(self, body, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
        raise ConnectionError

    async def torn(self, body, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nuntil the end")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def process():
    load = LoadProcess()
    yield load
    load.close()


@pytest.fixture
def serve():
    servers = []

    def start(*arguments, **fields):
        servers.append(Server(*arguments, **fields))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def send(process, endpoint, count=30, rate=300, body=b"{}", **fields):
    plan = LoadPlan("", [endpoint], "", count / rate, **{"timeout_s": 10, "prewarm": 2, **fields})
    offsets = array.array("d", [n / rate for n in range(count)])
    sent = process.carry_out(plan, offsets, [body], lambda ended: None)
    kept = {index: (reply, sent.replies.head(reply.head)) for index, reply in sent.replies}
    sent.replies.close()
    return sent, kept


def fates(sent):
    return Counter(Fate(fate).name for fate in sent.records["fate"].tolist())


def ask_now(endpoint, body=b"{}", timeout_s=10):
    return Lone(endpoint, [body]).ask(4, now_ns(), timeout_s)


ipv6 = pytest.mark.skipif(not has_ipv6_loopback(), reason="this machine has no ::1")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", pytest.param("::1", marks=ipv6)])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_each_way_of_addressing_works_in_the_open_loop_and_alone(process, serve, certificate, scheme, host):
    server = serve("127.0.0.1" if host == "localhost" else host, certificate if scheme == "https" else None)
    name = f"[{host}]" if ":" in host else host
    ca_file = str(certificate[0]) if scheme == "https" else ""
    endpoint = Endpoint(f"{scheme}://{name}:{server.port}/", ca_file=ca_file, request_id_header="X-Request")
    sent, kept = send(process, endpoint, prewarm=0)
    arrival = ask_now(endpoint)
    assert fates(sent) == {"ANSWERED": 30}
    assert len(server.requests) == 31
    assert {head.split("\r\n")[1] for head, _ in server.requests} == {f"Host: {name}:{server.port}"}
    assert all((reply.header, reply.request_id, head) == (b"kept", "7", b"ok") for reply, head in kept.values())
    assert (arrival.reply.header, arrival.reply.request_id, arrival.head) == (b"kept", "7", b"ok")
    assert (arrival.fate, arrival.index, arrival.status, arrival.fresh) == (Fate.ANSWERED, 4, 200, True)
    fresh = sent.records[sent.records["fresh"] != 0]
    assert len(fresh) == server.connections - 1 > 0
    assert (fresh["connect_ns"] > 0).all() and arrival.connect_ns > 0
    assert ((fresh["tls_ns"] > 0) == (scheme == "https")).all() and (arrival.tls_ns > 0) == (scheme == "https")
    reused = sent.records[sent.records["fresh"] == 0]
    assert not reused["connect_ns"].any() and not reused["tls_ns"].any()
    assert set(sent.records["body_bytes"].tolist()) == {2} == {arrival.body_bytes}


@pytest.mark.parametrize("tls", [False, True])
def test_chunks_are_stamped_between_sending_and_the_end(process, serve, certificate, tls):
    server = serve(certificate=certificate if tls else None)
    ca_file = str(certificate[0]) if tls else ""
    endpoint = Endpoint(f"http{'s' if tls else ''}://127.0.0.1:{server.port}/stream", ca_file=ca_file)
    sent, kept = send(process, endpoint)
    arrival = ask_now(endpoint)
    names = ("scheduled_ns", "sent_ns", "first_byte_ns", "first_chunk_ns", "last_chunk_ns", "done_ns")
    stamps = [sent.records[name] for name in names]
    assert all((later >= earlier).all() for earlier, later in itertools.pairwise(stamps))
    assert set(sent.records["chunks"].tolist()) == {2} == {arrival.chunks}
    assert sorted(getattr(arrival, name) for name in names) == [getattr(arrival, name) for name in names]
    assert arrival.first_chunk_ns > 0
    assert set(sent.records["reply_bytes"].tolist()) == {sum(map(len, EVENTS))} == {arrival.reply_bytes}
    for reply, head in [*kept.values(), (arrival.reply, arrival.head)]:
        assert reply.streamed
        assert head + reply.tail == b"".join(EVENTS)
        assert json.loads(b"{" + reply.tail) == {"frostline": {}}


def test_large_bodies_go_both_ways_over_tls(process, serve, certificate):
    server = serve(certificate=certificate)
    endpoint = Endpoint(f"https://127.0.0.1:{server.port}/echo", ca_file=str(certificate[0]))
    body = os.urandom(6_000_000)
    sent, kept = send(process, endpoint, count=4, rate=20, body=body)
    assert fates(sent) == {"ANSWERED": 4}
    assert all(head == body for _, head in kept.values())
    assert ask_now(endpoint, body).head == body
    assert set(sent.records["reply_bytes"].tolist()) == {len(body)}


def untrusted(tmp_path, serve, certificate, case):
    """An endpoint that is not the one it should be, and what is said of it."""
    tmp_path.mkdir(exist_ok=True)
    if case == "an unknown authority":
        server = serve(certificate=certificate)
        return Endpoint(f"https://localhost:{server.port}/"), "self-signed certificate"
    other = make_certificate(tmp_path, names="DNS:else.where")
    server = serve(certificate=other)
    if case == "another authority":
        return Endpoint(f"https://localhost:{server.port}/", ca_file=str(certificate[0])), "does not verify: "
    host = {"another name": "localhost", "another address": "127.0.0.1"}[case]
    return Endpoint(f"https://{host}:{server.port}/", ca_file=str(other[0])), "mismatch"


@pytest.mark.parametrize("case", ["an unknown authority", "another authority", "another name", "another address"])
def test_a_server_that_is_not_proven_is_never_asked(process, serve, certificate, tmp_path, case):
    endpoint, said = untrusted(tmp_path, serve, certificate, case)
    host = endpoint.url.split("/")[2].split(":")[0]
    sent, kept = send(process, endpoint)
    arrival = ask_now(endpoint)
    assert fates(sent) == {"FAILED": 30}
    assert arrival.fate == Fate.FAILED
    for text in {*sent.errors, arrival.error}:
        assert text.startswith(f"the certificate of {host} does not verify: ")
        assert said in text
    assert not sent.records["sent_ns"].any() and not arrival.sent_ns
    assert not kept and arrival.reply is None
    assert (sent.records["connect_ns"] > 0).all(), "the connection itself was made"


def test_who_asks_for_it_believes_anyone(process, serve, certificate, tmp_path):
    server = serve(certificate=make_certificate(tmp_path, names="DNS:else.where"))
    endpoint = Endpoint(f"https://localhost:{server.port}/", insecure=True)
    assert fates(send(process, endpoint)[0]) == {"ANSWERED": 30}
    assert ask_now(endpoint).status == 200


def test_without_tls_there_is_no_handshake(process, serve, certificate):
    plain, secure = serve(), serve(certificate=certificate)
    wrong = Endpoint(f"https://127.0.0.1:{plain.port}/", insecure=True)
    sent, _ = send(process, wrong, timeout_s=2)
    assert fates(sent) in ({"FAILED": 30}, {"TIMED_OUT": 30})
    assert not plain.requests
    sent, _ = send(process, Endpoint(f"http://127.0.0.1:{secure.port}/"))
    assert fates(sent) == {"FAILED": 30}
    assert ask_now(Endpoint(f"http://127.0.0.1:{secure.port}/")).fate == Fate.FAILED


def test_a_server_that_speaks_no_tls_is_named():
    def greet(listener):
        with listener.accept()[0] as client:
            client.send(b"SSH-2.0-OpenSSH_9.2\r\n")
            client.recv(1000)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=greet, args=[listener]).start()
        arrival = ask_now(Endpoint(f"https://127.0.0.1:{listener.getsockname()[1]}/", insecure=True))
    assert (arrival.fate, arrival.error) == (Fate.FAILED, "no TLS with 127.0.0.1: wrong version number")


def test_over_tls_an_end_that_nobody_signed_is_none(process, serve, certificate):
    server = serve(certificate=certificate)
    for path, fate, said in (("lengthless", "ANSWERED", ""), ("torn", "FAILED", "closed without an end of TLS")):
        endpoint = Endpoint(f"https://127.0.0.1:{server.port}/{path}", ca_file=str(certificate[0]))
        sent, _ = send(process, endpoint, count=5)
        assert fates(sent) == {fate: 5}
        assert {text for text in sent.errors if "reset" not in text} <= {said}
        arrival = ask_now(endpoint)
        assert (arrival.fate.name, arrival.error) == (fate, said)


def test_an_idle_connection_that_was_only_handed_tickets_is_used_again(process, serve, certificate):
    """TLS 1.3 sends session tickets after the handshake: they lie unread in a connection that was opened beforehand."""
    server = serve(certificate=certificate)
    endpoint = Endpoint(f"https://127.0.0.1:{server.port}/", ca_file=str(certificate[0]))
    plan = LoadPlan("", [endpoint], "", 3.0, timeout_s=10, prewarm=1, keep_replies=False)
    sent = process.carry_out(plan, array.array("d", [1.3, 2.6]), [b""], lambda ended: None)
    sent.replies.close()
    assert fates(sent) == {"ANSWERED": 2}
    assert server.connections == 1
    assert not sent.records["fresh"].any()
    ((connect_ns, tls_ns),) = sent.workers[0]["opened"]
    assert connect_ns > 0 and tls_ns > 0


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_single_request_is_given_up_when_its_time_is_over(serve, certificate, scheme):
    server = serve(certificate=certificate if scheme == "https" else None)
    ca_file = str(certificate[0]) if scheme == "https" else ""
    arrival = ask_now(Endpoint(f"{scheme}://127.0.0.1:{server.port}/hang", ca_file=ca_file), timeout_s=0.3)
    assert (arrival.fate, arrival.error, arrival.reply) == (Fate.TIMED_OUT, "no reply in time", None)
    assert arrival.sent_ns > 0
    assert arrival.done_ns - arrival.sent_ns < 2e9


def test_a_handshake_counts_into_the_time_limit():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        arrival = ask_now(Endpoint(f"https://127.0.0.1:{listener.getsockname()[1]}/", insecure=True), timeout_s=0.2)
    assert (arrival.fate, arrival.sent_ns) == (Fate.TIMED_OUT, 0)


def test_a_single_request_to_nobody_fails():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        arrival = ask_now(Endpoint(f"http://127.0.0.1:{unused.getsockname()[1]}/"))
    assert arrival.fate == Fate.FAILED
    assert "Connection refused" in arrival.error
    assert arrival.done_ns > 0


@ipv6
def test_the_address_that_worked_is_tried_first_from_then_on(serve, monkeypatch):
    server = serve("127.0.0.1")
    found = [(socket.AF_INET6, ("::1", server.port, 0, 0)), (socket.AF_INET, ("127.0.0.1", server.port))]
    answer = [(family, socket.SOCK_STREAM, 0, "", address) for family, address in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answer)
    endpoint = Endpoint(f"http://both.example:{server.port}/")
    route = Route.to(endpoint, [b""], True)
    assert route.addresses == found
    route.prefer(found[1])
    assert route.addresses == found[::-1]
    assert ask_now(endpoint).status == 200


def test_a_name_without_an_address_is_an_error_of_the_system():
    for host in ("no-such-host.invalid", "x" * 70):
        with pytest.raises(OSError):
            addresses_of(Endpoint(f"http://{host}/"))


def test_senders_are_found_by_listing():
    assert sender_names() == ["aws-invoke", "boto3", "http", "https"]
    assert sender_of(Endpoint("http://x/")) is sender("http")
    assert sender_of(Endpoint("https://x/")) is sender("https")
    with pytest.raises(SenderFailed, match="sender: 'post' is not one of: aws-invoke, boto3, http, https"):
        sender("post")
    (problem,) = endpoint_problems(Endpoint("gopher://x/"))
    assert problem == "url: 'gopher://x/' is not accepted: begin it with http:// or https://"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"method": "HEAD"}, "method: 'HEAD'"),
        ({"method": "GET /"}, "method: 'GET /'"),
        ({"headers": {"a b": "x"}}, "headers: 'a b'"),
        ({"headers": {"Content-Length": "5"}}, "headers: 'Content-Length'"),
        ({"headers": {"x-a": "1\r\nx-b: 2"}}, "headers: the value of x-a"),
        ({"sender": "https"}, "url: 'http://127.0.0.1:1/' is not accepted: give https://host:port/path"),
        ({"sender": "signed"}, "sender: 'signed' is not one of: aws-invoke, boto3, http, https"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(process, fields, said):
    endpoint = Endpoint("http://127.0.0.1:1/", **fields)
    (problem,) = endpoint_problems(endpoint)
    assert problem.startswith(said)


def test_an_endpoint_says_how_it_is_asked(process, serve):
    server = serve()
    headers = {"x-amz-invocation-type": "Event", "content-type": "text/plain"}
    endpoint = Endpoint(f"http://127.0.0.1:{server.port}/plain", "PUT", headers)
    send(process, endpoint, count=1, body=b"hello")
    ask_now(endpoint, b"hello")
    first, second = server.requests
    assert first == second
    head, body = first
    assert head.startswith("PUT /plain HTTP/1.1\r\n")
    assert "\r\nx-amz-invocation-type: Event\r\n" in head
    assert head.lower().count("content-type") == 1
    assert body == b"hello"


def test_single_requests_need_no_gevent():
    look = "import sys, harness.load.single; print('gevent' in sys.modules, 'locust' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\n"
