"""The service's entry point as a process of its own, on a socket that it inherits."""

import http.client
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from targets.serving.http_app import MOST_BODY_BYTES

WITNESS = """
import os, socket, sys, threading
from targets.serving import http_app

def tell():
    for _ in sys.stdin:
        found = []
        for name in os.listdir("/proc/self/fd"):
            try:
                one = socket.socket(fileno=os.dup(int(name)))
                one.getpeername()
            except OSError:
                continue
            if one.family == socket.AF_INET:
                found.append(one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        print("nodelay", found, flush=True)

threading.Thread(target=tell, daemon=True).start()
http_app.main()
"""


@pytest.fixture(scope="module")
def service():
    """(the process, a connection to it) of an echo service that has said that it is ready."""
    listener = socket.create_server(("127.0.0.1", 0))
    heard, told = os.pipe()
    environment = {
        **os.environ,
        "FROSTLINE_UNIT": "0001",
        "FROSTLINE_WORKLOAD": "echo",
        "FROSTLINE_SOCKET_FD": str(listener.fileno()),
        "FROSTLINE_MARKS_FD": str(told),
    }
    process = subprocess.Popen(
        [sys.executable, "-c", WITNESS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        pass_fds=(listener.fileno(), told),
    )
    connection = http.client.HTTPConnection(*listener.getsockname(), timeout=30)
    listener.close()
    os.close(told)
    with os.fdopen(heard) as marks:
        assert ["init_begin" in marks.readline(), "init_end" in marks.readline(), marks.read()] == [True, True, ""]
    yield process, connection
    connection.close()
    process.kill()
    process.communicate()


def ask(connection, method, body=None):
    connection.request(method, "/invoke", body)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_a_get_says_that_it_is_ready(service):
    assert ask(service[1], "GET") == (200, {"status": "ready"})


def test_an_inference_is_stamped_where_the_queue_begins(service):
    status, reply = ask(service[1], "POST", b'{"text": "frost"}')
    own = reply["frostline"]
    assert (status, reply["answer"]) == (200, {"text": "frost"})
    assert own["received_ns"] <= own["begun_ns"] <= own["ended_ns"]
    assert own["unit"] == "0001"


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"not JSON", "JSONDecodeError"), (b"", "JSONDecodeError"), (b"{}", "ValueError"), (b"[]", "AttributeError")],
)
def test_an_error_is_an_answer_and_the_service_goes_on(service, body, kind):
    status, reply = ask(service[1], "POST", body)
    assert (status, reply["errorType"]) == (500, kind)
    assert ask(service[1], "POST", b'{"text": "a"}')[0] == 200


def test_a_body_has_a_limit(service):
    status, reply = ask(service[1], "POST", b"x" * (MOST_BODY_BYTES + 1))
    assert (status, reply["errorType"]) == (413, "RequestTooLarge")
    service[1].close()
    assert ask(service[1], "POST", b'{"text": "a"}')[0] == 200


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="sockets of a process are listed on Linux only")
def test_an_inherited_socket_sends_without_nagles_delay(service):
    process, connection = service
    assert ask(connection, "GET")[0] == 200
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "nodelay [1]\n"


@pytest.mark.parametrize("length", ["Content-Length: 16", "Transfer-Encoding: chunked"])
def test_a_client_that_waits_for_a_word_before_it_sends_a_body_is_given_it(service, length):
    with (
        socket.create_connection((service[1].host, service[1].port), timeout=30) as client,
        client.makefile("rb") as got,
    ):
        client.sendall(f"POST /invoke HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n{length}\r\n\r\n".encode())
        assert got.readline() == b"HTTP/1.1 100 Continue\r\n" and got.readline() == b"\r\n"
        body = b'{"text":"frost"}'
        client.sendall(body if "Content" in length else b"10\r\n" + body + b"\r\n0\r\n\r\n")
        assert got.readline() == b"HTTP/1.1 200 OK\r\n"


def test_a_body_that_is_announced_too_large_is_refused_before_it_is_sent(service):
    with (
        socket.create_connection((service[1].host, service[1].port), timeout=30) as client,
        client.makefile("rb") as got,
    ):
        head = (
            f"POST /invoke HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: {MOST_BODY_BYTES + 1}\r\n\r\n"
        )
        client.sendall(head.encode())
        assert got.readline().startswith(b"HTTP/1.1 413 ")
