"""Requests and replies that travel at once, replies that come early, and replies that never end."""

import socket
import threading
import time

import pytest

from harness.clock import now_ns
from harness.load.client import Client
from harness.load.failed import TimedOut
from harness.load.parser import Exchange
from harness.load.process import RECORD_TYPE
from harness.load.single import Lone
from harness.load.wire import RECORD, Fate, LoadPlan
from targets.contract import Endpoint
from tests.certificates import make_certificate
from tests.scripted import Scripted, reset

LARGE = bytes(32_000_000)
BLOCK = 65_536


@pytest.fixture(params=["http", "https"])
def way(request, tmp_path):
    """What a server and an endpoint need: a certificate and the endpoint's fields."""
    if request.param == "http":
        return None, {}
    certificate = make_certificate(tmp_path)
    return certificate, {"ca_file": str(certificate[0])}


def read_head(connection):
    came = b""
    while b"\r\n\r\n" not in came:
        came += connection.recv(BLOCK)
    return came.partition(b"\r\n\r\n")[2]


def echo(connection, number):
    """Block by block: takes no more until what it has is taken."""
    came, left = read_head(connection), len(LARGE)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left)
    while left:
        connection.sendall(came)
        left -= len(came)
        came = connection.recv(BLOCK) if left else b""


def ask(server, ca_file="", body=LARGE, timeout_s=60.0, lone=False, keep=False):
    """Status, size and what else was seen of one request."""
    scheme = "https" if ca_file else "http"
    endpoint = Endpoint(f"{scheme}://localhost:{server.port}/", "POST", ca_file=ca_file)
    if lone:
        arrival = Lone(endpoint, [body]).ask(0, now_ns(), timeout_s)
        return arrival, arrival.error, arrival.reply_bytes
    client, exchange = (
        Client(LoadPlan("", [endpoint], "", 1.0, timeout_s=timeout_s, keep_replies=keep), [body]),
        Exchange(),
    )
    try:
        client.ask(0, exchange)
        assert not (exchange.reusable and server.connections > 1)
        return exchange, "", exchange.size
    finally:
        client.close()


@pytest.mark.parametrize("lone", [False, True], ids=["hub", "lone"])
def test_a_large_body_that_is_echoed_block_by_block_comes_back(way, lone):
    certificate, fields = way
    with Scripted(echo, certificate=certificate) as server:
        seen, error, size = ask(server, lone=lone, **fields)
    assert (error, seen.status, size) == ("", 200, len(LARGE))
    assert 0 < seen.sent_ns <= seen.first_byte_ns < seen.done_ns


def breaks(connection, number):
    reset(connection)


def leave(connection, number):
    connection.close()


def stay(connection, number):
    stay.until.wait(20)


stay.until = threading.Event()


@pytest.mark.parametrize("end", [leave, breaks, stay], ids=["closes", "resets", "stays"])
@pytest.mark.parametrize("status", [401, 413, 503])
@pytest.mark.parametrize("lone", [False, True], ids=["hub", "lone"])
def test_a_status_that_comes_while_the_body_is_sent_is_told(way, end, status, lone):
    """The rest of the body is left unread, so that closing breaks the connection."""
    certificate, fields = way
    if certificate and end is not stay:
        pytest.skip("what TLS was not given time to send is lost with the connection")

    def script(connection, number):
        read_head(connection)
        connection.sendall(b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\nno" % status)
        end(connection, number)

    with Scripted(script, certificate=certificate) as server:
        stay.until.clear()
        seen, error, size = ask(server, body=LARGE[:8_000_000], lone=lone, **fields)
        stay.until.set()
    assert (error, seen.status, size) == ("", status, 2)
    assert seen.sent_ns


def test_a_status_that_comes_before_the_request_is_told():
    def script(connection, number):
        connection.sendall(b"HTTP/1.1 503 Full\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        connection.shutdown(socket.SHUT_WR)

    with Scripted(script) as server:
        seen, error, _ = ask(server, body=b"x", lone=True)
    assert (error, seen.status) == ("", 503)


def endless(connection, number):
    read_head(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"4000\r\n" + bytes(0x4000) + b"\r\n")
        if number:  # slowly: of a reply that is kept, only so much may come
            time.sleep(0.01)


def test_a_reply_without_end_has_timed_out_and_is_not_gathered(way):
    certificate, fields = way
    exchange = Exchange()
    with Scripted(endless, certificate=certificate) as server:
        scheme = "https" if certificate else "http"
        endpoint = Endpoint(f"{scheme}://localhost:{server.port}/", **fields)
        client = Client(LoadPlan("", [endpoint], "", 1.0, timeout_s=1.0, keep_replies=False), [b""])
        with pytest.raises(TimedOut):
            client.ask(0, exchange)
        client.close()
        lone = Lone(endpoint, [b""]).ask(0, now_ns(), 0.3)
    assert exchange.size > 0 and exchange.body is None and exchange.chunks > 0
    assert lone.fate == Fate.TIMED_OUT


@pytest.mark.parametrize("lone", [False, True], ids=["hub", "lone"])
def test_the_time_limit_covers_the_sending(lone):
    """Of a server that takes nothing."""
    with Scripted(lambda connection, number: stay.until.wait(20)) as server:
        stay.until.clear()
        if lone:
            seen, error, _ = ask(server, timeout_s=0.5, lone=True)
            assert (seen.fate, error) == (Fate.TIMED_OUT, "no reply in time")
        else:
            with pytest.raises(TimedOut):
                ask(server, timeout_s=0.5)
        stay.until.set()


def test_the_time_limit_covers_the_handshake():
    with Scripted(lambda connection, number: stay.until.wait(20)) as server:
        stay.until.clear()
        arrival = Lone(Endpoint(f"https://localhost:{server.port}/"), [b""]).ask(0, now_ns(), 0.5)
        stay.until.set()
    assert arrival.fate == Fate.TIMED_OUT


def test_sizes_beyond_32_bits_fit_a_record():
    assert RECORD_TYPE["reply_bytes"].itemsize == RECORD_TYPE["body_bytes"].itemsize == 8
    values = [0] * (len(RECORD_TYPE.names) - 1)
    for name in ("reply_bytes", "body_bytes"):
        values[RECORD_TYPE.names.index(name)] = 2**40
    assert len(RECORD.pack(*values)) == RECORD.size
