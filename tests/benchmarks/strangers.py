"""HTTP servers of other people, each answering GET / with two bytes, on a free port of this machine.

What is not installed is named with the command that installs it: `apt-get install nginx nodejs golang-go`. gunicorn,
which nothing else here needs, gets a virtual environment of its own for the time of the benchmark.
"""

import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

GUNICORN = "gunicorn==23.0.0"
READY_LIMIT_S = 30.0
ASGI = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
"""
WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""
FLASK = """
import logging, sys
from flask import Flask
logging.getLogger("werkzeug").disabled = True
app = Flask("stranger")
app.route("/")(lambda: "ok")
app.run("127.0.0.1", int(sys.argv[1]), threaded=True)
"""
NODE = """
require("http").createServer((_, reply) => reply.end("ok")).listen(Number(process.argv[2]), "127.0.0.1");
"""
GO = """package main

import (
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(reply http.ResponseWriter, _ *http.Request) { reply.Write([]byte("ok")) })
	http.ListenAndServe("127.0.0.1:"+os.Args[1], nil)
}
"""
NGINX = """
daemon off; pid FOLDER/pid; error_log FOLDER/error.log; worker_processes 1;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path FOLDER; proxy_temp_path FOLDER; fastcgi_temp_path FOLDER;
  uwsgi_temp_path FOLDER; scgi_temp_path FOLDER; keepalive_requests 100000;
  server { listen 127.0.0.1:PORT; location / { return 200 "ok"; } } }
"""

Command = Callable[[Path, int], list[str]]
"""What to run for a server on this port, with a folder for its files. FileNotFoundError: not installed, and the fix."""


def _file(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text)
    return str(folder / name)


def _installed(name: str, package: str) -> str:
    if (path := shutil.which(name)) is None:
        raise FileNotFoundError(f"{name} is not installed: apt-get install {package}")
    return path


def _uvicorn(folder: Path, port: int) -> list[str]:
    _file(folder, "stranger.py", ASGI)
    command = [sys.executable, "-m", "uvicorn", "--app-dir", str(folder), "--port", str(port)]
    return [*command, "--log-level", "error", "stranger:app"]


def _gunicorn(workers: int) -> Command:
    def command(folder: Path, port: int) -> list[str]:
        _file(folder, "stranger.py", WSGI)
        venv = folder / "venv"
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        installed = subprocess.run([str(venv / "bin/pip"), "install", "--quiet", GUNICORN], check=False)
        if installed.returncode:
            raise FileNotFoundError(f"{GUNICORN} could not be installed: see what pip says")
        options = ["--workers", str(workers), "--chdir", str(folder), "--bind", f"127.0.0.1:{port}"]
        return [str(venv / "bin/gunicorn"), *options, "--log-level", "critical", "stranger:app"]

    return command


def _flask(folder: Path, port: int) -> list[str]:
    return [sys.executable, _file(folder, "stranger.py", FLASK), str(port)]


def _nginx(folder: Path, port: int) -> list[str]:
    text = NGINX.replace("FOLDER", str(folder)).replace("PORT", str(port))
    return [_installed("nginx", "nginx"), "-p", str(folder), "-c", _file(folder, "nginx.conf", text)]


def _node(folder: Path, port: int) -> list[str]:
    return [_installed("node", "nodejs"), _file(folder, "stranger.js", NODE), str(port)]


def _go(folder: Path, port: int) -> list[str]:
    go, binary = _installed("go", "golang-go"), str(folder / "stranger")
    subprocess.run([go, "build", "-o", binary, _file(folder, "stranger.go", GO)], check=True, cwd=folder)
    return [binary, str(port)]


STRANGERS: dict[str, Command] = {
    "uvicorn": _uvicorn,
    "gunicorn sync, 4 workers": _gunicorn(4),
    "gunicorn sync, 1 worker": _gunicorn(1),
    "flask": _flask,
    "nginx": _nginx,
    "node": _node,
    "go": _go,
}


@contextmanager
def running(command: Command, folder: Path, place: Callable[[], None]) -> Iterator[int]:
    """The port of a server that answers, placed by `place` in its process; ended with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(command(folder, port), stdout=subprocess.DEVNULL, preexec_fn=place)
    try:
        _await(process, port)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: "subprocess.Popen[bytes]", port: int) -> None:
    deadline = time.monotonic() + READY_LIMIT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1) as reply:
                assert reply.read() == b"ok"
            return
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("the server did not begin to answer")
