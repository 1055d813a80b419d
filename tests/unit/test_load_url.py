"""`frostline load` as a person uses it: what it says of HTTPS, of streams, and of servers that cannot be asked."""

import http.server
import json
import os
import socket
import subprocess
import sys
import threading

import pytest

from tests.certificates import make_certificate
from tests.http_server import HttpServer

PERCENTILES = ["p50", "p95", "p99", "max"]


class Server(HttpServer):
    """Answers at once, in chunks, or not well."""

    async def chunked(self, body, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n")

    async def failing(self, body, writer):
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    certificate = make_certificate(tmp_path_factory.mktemp("certificate"))
    server = Server(certificate=certificate)
    yield server, str(certificate[0])
    server.close()


@pytest.fixture(scope="module")
def server():
    server = Server(host="0.0.0.0")
    yield server
    server.close()


def load(url, *arguments, format="json", environment=None):
    """(exit code, what was printed)"""
    command = [sys.executable, "-c", "from harness.cli import main; main()", "load", url, "--format", format]
    command += ["--rate", "50", "--seconds", "0.5", *arguments]
    environment = {**os.environ, "COLUMNS": "250", **(environment or {})}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout if done.returncode < 2 else done.stderr


def test_a_server_over_tls_is_asked_and_told_of(secure):
    server, ca_file = secure
    code, told = load(f"https://localhost:{server.port}/", "--ca-file", ca_file)
    told = json.loads(told)
    assert (code, told["good"], told["failure"], told["insecure"]) == (1 if told["problems"] else 0, 25, None, False)
    assert told["first_connect_ms"] > 0
    assert told["first_tls_ms"] > 0
    assert "chunks" not in told
    assert "first_chunk_ms" not in told


def test_that_nobody_is_verified_is_said_first(secure):
    server, _ = secure
    _, told = load(f"https://localhost:{server.port}/", "--insecure", format="text")
    lines = told.splitlines()
    assert lines[0] == "INSECURE: no certificate is verified: whoever answers is believed to be the one who was asked"
    assert lines[1].startswith("25 scheduled, 25 good")
    assert any(line.startswith("the first connection took ") and ", TLS " in line for line in lines)
    _, told = load(f"https://localhost:{server.port}/", "--insecure")
    assert json.loads(told)["insecure"] is True


def test_chunks_are_told_of_where_there_were_any(secure):
    server, ca_file = secure
    _, told = load(f"https://localhost:{server.port}/chunked", "--ca-file", ca_file)
    told = json.loads(told)
    assert told["chunks"] == {"replies": 25, "least": 2, "most": 2}
    assert list(told["first_chunk_ms"]) == list(told["last_chunk_ms"]) == PERCENTILES
    assert told["first_chunk_ms"]["max"] <= told["last_chunk_ms"]["max"]
    _, shown = load(f"https://localhost:{server.port}/chunked", "--ca-file", ca_file, format="text")
    assert "25 replies came in chunks, 2 to 2 each" in shown
    assert "first chunk from sent (ms)" in shown


def nobody():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/"


def test_a_port_nobody_listens_on_is_a_failure_with_its_fix():
    code, told = load(nobody())
    told = json.loads(told)
    assert (code, told["good"], told["failed"]) == (1, 0, 25)
    assert "25 x [Errno 111] connect to 127.0.0.1:" in told["failure"]
    assert told["failure"].endswith("Connection refused: start a server there, or correct the port in the URL")
    code, shown = load(nobody(), format="text")
    assert code == 1
    assert sum(line.startswith("FAILED: ") for line in shown.splitlines()) == 1


def test_a_certificate_that_does_not_verify_is_a_failure_with_its_fix(secure):
    server, _ = secure
    asked = len(server.requests)
    code, told = load(f"https://localhost:{server.port}/")
    told = json.loads(told)
    assert (code, told["good"], told["failed"]) == (1, 0, 25)
    assert "25 x the certificate of localhost does not verify: self-signed certificate: give its" in told["failure"]
    assert told["failure"].endswith("with --ca-file, or --insecure where it may be anyone")
    assert len(server.requests) == asked


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("failing", "25 x status 503 Service Unavailable: see what the server says of it"),
        ("hang", "no reply in time: see whether the host"),
    ],
)
def test_where_no_answer_is_good_the_commonest_reason_is_told(secure, path, said):
    server, ca_file = secure
    code, told = load(f"https://localhost:{server.port}/{path}", "--ca-file", ca_file, "--timeout-s", "0.2")
    assert code == 1
    assert said in json.loads(told)["failure"]


def test_plain_http_to_a_server_of_tls_and_the_other_way_round(secure):
    server, _ = secure
    code, told = load(f"http://localhost:{server.port}/")
    assert (code, json.loads(told)["good"]) == (1, 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.listen()
        code, told = load(f"https://127.0.0.1:{listener.getsockname()[1]}/", "--timeout-s", "0.2")
    assert code == 1
    assert "no reply in time" in json.loads(told)["failure"]


def test_what_cannot_be_asked_is_refused_before_anything_is_sent(tmp_path):
    code, said = load("https://no-such-host.invalid/", "--ca-file", str(tmp_path / "none.pem"))
    assert code == 2
    assert "--ca-file: " in said and "No such file" in said
    code, said = load("https://no-such-host.invalid/")
    assert code == 2
    assert "url: 'https://no-such-host.invalid/' is not accepted: its host has no address" in said


def test_the_address_that_was_asked_is_named(secure):
    server, ca_file = secure
    _, told = load(f"https://localhost:{server.port}/", "--ca-file", ca_file)
    assert json.loads(told)["addresses"] == [f"127.0.0.1:{server.port}"]
    assert json.loads(told)["prewarmed"] > 0
    _, shown = load(f"https://localhost:{server.port}/", "--ca-file", ca_file, format="text")
    assert f"asked at 127.0.0.1:{server.port}, " in shown
    _, told = load(nobody())
    assert json.loads(told)["addresses"] == []


def test_a_server_that_takes_one_connection_at_a_time_is_told_of():
    with Turns() as url:
        _, told = load(url, "--rate", "20", "--timeout-s", "5")
        told = json.loads(told)
        assert told["good"] == 10
        assert any("one" in note and "at a time" in note for note in told["notes"]), told["notes"]
        _, shown = load(url, "--rate", "20", "--timeout-s", "5", format="text")
        assert "note: " in shown


class Turns:
    """http.server as it is shipped: one connection after the other."""

    def __enter__(self):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}/"

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_is_never_used_and_that_is_said_of_a_host_elsewhere(server, name):
    proxy = {name: "http://127.0.0.1:9"}
    _, told = load(f"http://127.0.0.1:{server.port}/", environment=proxy)
    assert (json.loads(told)["good"], json.loads(told)["notes"]) == (25, [])
    own = socket.gethostbyname(socket.gethostname())
    if not own.startswith("127."):
        _, told = load(f"http://{own}:{server.port}/", "--timeout-s", "1", environment=proxy)
        assert json.loads(told)["notes"] == [f"{name} is set and was not used: {own} was asked without a proxy"]
