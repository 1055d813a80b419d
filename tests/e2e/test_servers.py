"""Servers that Python users run, each under `frostline load`: whatever they do with connections, nothing fails."""

import http.server
import json
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from werkzeug.serving import make_server

COUNT = 300


class Counted:
    """How many requests a server itself has seen."""

    def __init__(self):
        self.seen = 0
        self._lock = threading.Lock()

    def add(self):
        with self._lock:
            self.seen += 1


@contextmanager
def served(server):
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def standard(kind, version):
    def serve(counted):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = version

            def do_GET(self):
                counted.add()
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        kind.request_queue_size = 128
        return served(kind(("127.0.0.1", 0), Handler))

    return serve


def werkzeug(counted):
    def app(environ, start_response):
        counted.add()
        start_response("200 OK", [("Content-Length", "2")])
        return [b"ok"]

    return served(make_server("127.0.0.1", 0, app, threaded=True))


@contextmanager
def uvicorn(counted):
    import uvicorn as library

    async def app(scope, receive, send):
        if scope["type"] == "http":
            counted.add()
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
            await send({"type": "http.response.body", "body": b"ok"})

    server = library.Server(library.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            thread.join(0.02)
            assert thread.is_alive()
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


@pytest.mark.parametrize(
    "serve",
    [
        pytest.param(standard(http.server.ThreadingHTTPServer, "HTTP/1.0"), id="http.server-1.0"),
        pytest.param(standard(http.server.ThreadingHTTPServer, "HTTP/1.1"), id="http.server-1.1"),
        pytest.param(standard(http.server.HTTPServer, "HTTP/1.0"), id="http.server-one-at-a-time"),
        pytest.param(werkzeug, id="werkzeug"),
        pytest.param(uvicorn, id="uvicorn"),
    ],
)
def test_nothing_fails_and_each_request_comes_once(serve):
    counted = Counted()
    with serve(counted) as port:
        command = [sys.executable, "-c", "from harness.cli import main; main()", "load", f"http://127.0.0.1:{port}/"]
        command += ["--rate", "100", "--seconds", str(COUNT / 100), "--format", "json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    told = json.loads(done.stdout)
    assert (told["good"], told["failed"], told["timed_out"]) == (COUNT, 0, 0), told
    assert counted.seen == COUNT
