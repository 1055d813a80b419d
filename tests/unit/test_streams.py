"""A service whose model streams: each chunk leaves as it is made, one inference at a time, and no client is waited for.

Nothing is timed: the model waits for a file that the test writes.
"""

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time

import pytest

from targets.local.processes import CODE
from tests.fakes.plug_ins import python_path

DRIP = """
import time
from pathlib import Path
from targets.workloads.contract import Measured

class Drip:
    name, summary = "drip", "Chunks on command, each after a file that says so"
    requirements, models, model_files = (), (), ()

    def load(self, phase, model_dir, threads):
        return infer

def infer(request):
    if "refuse" in request:
        raise ValueError("refused before anything streamed")
    return stream(request, Path(request["folder"])) if "folder" in request else "whole"

def stream(request, folder):
    try:
        for number in range(request.get("chunks", 0)):
            if number in request.get("wait_before", []):
                while not (folder / f"go-{number}").exists():
                    time.sleep(0.002)
            if number == request.get("break_at"):
                raise KeyError("broke")
            yield "x" * request["size"] if "size" in request else number if number != request.get("unfit_at") else open
        return Measured(gpu_ns=11, tokens_out=request.get("chunks"))
    finally:
        (folder / "closed").touch()

WORKLOAD = Drip()
"""
LIMIT_S = 60


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    """The port of a service of one vCPU."""
    folder = tmp_path_factory.mktemp("plug-in")
    (folder / "targets" / "workloads").mkdir(parents=True)
    (folder / "targets" / "workloads" / "drip.py").write_text(DRIP)
    listener = socket.create_server(("127.0.0.1", 0))
    heard, told = os.pipe()
    environment = os.environ | {
        "PYTHONPATH": python_path(CODE, folder),
        "FROSTLINE_UNIT": "0001",
        "FROSTLINE_WORKLOAD": "drip",
        "FROSTLINE_SOCKET_FD": str(listener.fileno()),
        "FROSTLINE_MARKS_FD": str(told),
    }
    command = [sys.executable, "-m", "targets.serving.http_app"]
    process = subprocess.Popen(command, env=environment, pass_fds=(listener.fileno(), told))
    port = listener.getsockname()[1]
    listener.close()
    os.close(told)
    with os.fdopen(heard) as marks:
        assert "init_begin" in marks.readline() and "init_end" in marks.readline()
    yield port
    process.kill()
    process.communicate()


@pytest.fixture
def ask(port):
    """Sends a request, and returns the reply as soon as its head is there."""
    connections = []

    def ask(**request):
        connections.append(http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S))
        connections[-1].request("POST", "/invoke", json.dumps(request, default=str))
        return connections[-1].getresponse()

    yield ask
    for connection in connections:
        connection.close()


def next_event(reply):
    """(name, data) of the next event."""
    lines = []
    while (line := reply.readline()) not in (b"\n", b""):
        lines.append(line.decode().rstrip("\n"))
    fields = dict(line.split(": ", 1) for line in lines)
    return fields.get("event"), json.loads(fields["data"])


def test_chunks_leave_as_they_are_made_and_the_envelope_comes_last(ask, tmp_path):
    reply = ask(folder=tmp_path, chunks=3, wait_before=[1])
    assert reply.status == 200
    assert reply.getheader("content-type") == "text/event-stream"
    assert reply.getheader("transfer-encoding") == "chunked"
    assert next_event(reply) == (None, {"chunk": 0})
    (tmp_path / "go-1").touch()
    assert [next_event(reply) for _ in range(2)] == [(None, {"chunk": 1}), (None, {"chunk": 2})]
    name, data = next_event(reply)
    own = data["frostline"]
    assert name == "frostline" and list(data) == ["frostline"]
    assert own["received_ns"] <= own["begun_ns"] <= own["ended_ns"]
    assert (own["unit"], own["gpu_ns"], own["tokens_out"]) == ("0001", 11, 3)
    assert reply.read() == b""


def test_a_stream_of_no_chunks_is_its_envelope_alone(ask, tmp_path):
    reply = ask(folder=tmp_path)
    assert next_event(reply)[0] == "frostline"
    assert reply.read() == b""


def test_a_connection_serves_on_after_a_stream(port, tmp_path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    for chunks in (2, 0, 5):
        connection.request("POST", "/", json.dumps({"folder": str(tmp_path), "chunks": chunks}))
        assert connection.getresponse().read().count(b"data: ") == chunks + 1
        connection.request("POST", "/", b"{}")
        assert json.loads(connection.getresponse().read())["answer"] == "whole"
    connection.close()


def test_a_stream_holds_its_place_in_the_queue_until_its_last_chunk(ask, tmp_path):
    stream = ask(folder=tmp_path, chunks=2, wait_before=[1])
    assert next_event(stream) == (None, {"chunk": 0})
    replies = []
    second = threading.Thread(target=lambda: replies.append(json.loads(ask().read())))
    second.start()
    time.sleep(0.05)  # so that the second one is most probably there; the stamps say what came of it
    (tmp_path / "go-1").touch()
    events = [next_event(stream) for _ in range(2)]
    second.join(LIMIT_S)
    assert events[-1][1]["frostline"]["ended_ns"] <= replies[0]["frostline"]["begun_ns"]


def test_an_error_in_the_middle_is_the_last_event(ask, tmp_path):
    reply = ask(folder=tmp_path, chunks=3, break_at=1)
    assert next_event(reply) == (None, {"chunk": 0})
    assert next_event(reply) == ("error", {"errorType": "KeyError", "errorMessage": "'broke'"})
    assert reply.read() == b""
    assert json.loads(ask().read())["answer"] == "whole", "the service goes on"


def test_a_chunk_that_is_not_fit_for_json_is_an_error_and_closes_the_stream(ask, tmp_path):
    reply = ask(folder=tmp_path, chunks=3, unfit_at=1)
    assert next_event(reply) == (None, {"chunk": 0})
    name, data = next_event(reply)
    assert (name, data["errorType"]) == ("error", "TypeError")
    assert reply.read() == b""
    assert (tmp_path / "closed").exists()


@pytest.mark.parametrize("request_fields", [{"refuse": 1}, {"chunks": 3, "break_at": 0}], ids=["asked", "first chunk"])
def test_an_error_before_the_first_chunk_is_a_reply_like_any_error(ask, tmp_path, request_fields):
    reply = ask(folder=tmp_path, **request_fields)
    assert (reply.status, reply.getheader("content-type")) == (500, "application/json")
    assert set(json.loads(reply.read())) == {"errorType", "errorMessage", "frostline"}


@pytest.mark.parametrize("reads", [True, False], ids=["a reader", "one that never read on"])
def test_a_client_that_hangs_up_ends_the_stream(port, ask, tmp_path, reads):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    request = {"folder": str(tmp_path), "chunks": 10**9, "wait_before": [1]}
    connection.request("POST", "/", json.dumps(request))
    reply = connection.getresponse()
    assert next_event(reply) == (None, {"chunk": 0})
    (tmp_path / "go-1").touch()
    for number in range(1, 1000 if reads else 1):
        assert next_event(reply) == (None, {"chunk": number})
    reply.close()
    connection.close()
    deadline = time.monotonic() + LIMIT_S
    while not (tmp_path / "closed").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert json.loads(ask().read())["answer"] == "whole", "its thread is free again"


def test_a_model_waits_for_a_client_that_does_not_read(port, tmp_path):
    """60 MB are more than the buffers between the two hold."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT_S)
    connection.request("POST", "/", json.dumps({"folder": str(tmp_path), "chunks": 600, "size": 100_000}))
    reply = connection.getresponse()
    time.sleep(1)  # time enough to make them all; a machine too busy for that can only let this test pass
    assert not (tmp_path / "closed").exists()
    assert reply.read().count(b'data: {"chunk"') == 600
    assert (tmp_path / "closed").exists()
    connection.close()
