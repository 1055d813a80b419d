"""What an edge makes of its core's answers, and of none: each failure is told with its reason, and nothing hangs."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

import targets
from harness.errors import UsageError
from harness.experiment.question import parse_experiment
from targets.serving.core_client import CoreClient, CoreFailed
from targets.workloads.contract import CORE, Measured, in_one_unit, why_whole

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")
"""A client keeps its connections until its unit ends."""
ENVELOPE = {"unit": "0001", "invocation": 7, "received_ns": 10, "begun_ns": 15, "ended_ns": 45, "tokens_out": 3}
GOOD = json.dumps({"answer": "frost", "frostline": ENVELOPE}).encode()


@contextmanager
def core(status: int, body: bytes, kind: str = "application/json") -> Iterator[str]:
    """A core that answers everything so; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            """Standard error is pytest's."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_cores_figures_are_kept_and_add_up_over_the_calls_of_a_request() -> None:
    with core(200, GOOD) as address:
        client = CoreClient([address], 5)
        told = client.begin()
        assert client.ask({"text": "a"}) == Measured("frost", tokens_out=3)
        client.ask({"text": "b"})
        assert told[CORE]["calls"] == 2
        assert (told[CORE]["queue_ns"], told[CORE]["handler_ns"]) == (10, 60)
        assert told[CORE]["waited_ns"] > 0 and told[CORE]["unit"] == "0001"
        assert client.begin() == {}, "of a request that asks nobody nothing is told"


def test_a_stream_is_the_list_of_its_chunks() -> None:
    events = [{"chunk": "a"}, {"chunk": "b"}, {"frostline": ENVELOPE}]
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
    with core(200, body, "text/event-stream") as address:
        assert CoreClient([address], 5).ask({}).answer == ["a", "b"]


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (429, b'{"errorType": "Busy", "errorMessage": "too many"}', "the core answered 429: Busy: too many"),
        (500, b'{"errorType": "ValueError", "errorMessage": "no"}', "the core answered 500: ValueError: no"),
        (503, b"<html>", "the core answered 503: b'<html>'"),
        (200, b"[]", "the core answered 200"),
    ],
)
def test_what_is_no_answer_is_told(status: int, body: bytes, words: str) -> None:
    with core(status, body) as address, pytest.raises(CoreFailed, match=words):
        CoreClient([address], 5).ask({})


def test_a_core_that_is_gone_or_silent_is_told_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(CoreFailed, match=f"{place} did not answer within 0.05 s"):
            CoreClient([place], 0.05).ask({})
    with pytest.raises(CoreFailed, match="does not take a connection"):
        CoreClient([place], 1).connect()
    with pytest.raises(CoreFailed, match="cannot be reached or hung up"):
        CoreClient([place], 1).ask({})


def test_a_broken_connection_is_opened_anew_for_the_next_request() -> None:
    with core(200, GOOD) as address:
        client = CoreClient([address], 5)
        client.connect()
        client._replicas[0].sock.shutdown(socket.SHUT_RDWR)
        with pytest.raises(CoreFailed):
            client.ask({})
        assert client.ask({}).answer == "frost"


def test_a_core_beside_its_edge_is_asked_alike() -> None:
    def stream(request: dict[str, Any]) -> Any:
        yield from request["text"].split()
        return Measured(tokens_out=2)

    assert in_one_unit(stream)({"text": "late thaw"}) == Measured(["late", "thaw"], tokens_out=2)
    assert in_one_unit(lambda request: request["n"])({"n": 3}) == Measured(3)


def test_what_does_not_split_is_refused_before_anything_starts() -> None:
    assert why_whole(targets.workload("known-truth")) is None
    fields = {"name": "q", "question": "?", "workloads": ["echo"], "targets": ["process-hybrid"]}
    with pytest.raises(UsageError, match=r"process-hybrid: workload echo does not say .*: give it load_edge and"):
        parse_experiment(fields, "q.yaml")
