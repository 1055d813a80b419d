"""What infer() does wrong is told by a service as by a function, and spoils no proof of the start."""

import http.client
import json
import os
import socket
import subprocess
import sys

import pytest

from targets.local.processes import CODE
from tests.fakes.plug_ins import python_path

FAULTY = """
import sys

class Faulty:
    name, summary = "faulty", "Does what it is told to do wrong"
    requirements, models, model_files = (), (), ()

    def load(self, phase, model_dir, threads):
        return infer

class Odd(BaseException):
    pass

def infer(request):
    fault = request["fault"]
    if fault == "exit":
        sys.exit("bye")
    if fault == "odd":
        raise Odd("neither an error nor an end")
    if fault == "raise":
        raise ValueError("bad input")
    if fault == "nan in a stream":
        return (value for value in [float("nan")])
    return {"nan": float("nan"), "infinity": [1.0, float("-inf")], "none": None}[fault]

WORKLOAD = Faulty()
"""
NO_JSON = "the answer is no JSON: Out of range float values are not JSON compliant"
FAULTS = {
    "exit": ("SystemExit", "bye"),
    "odd": ("Odd", "neither an error nor an end"),
    "raise": ("ValueError", "bad input"),
    "nan": ("ValueError", NO_JSON),
    "infinity": ("ValueError", NO_JSON),
    "nan in a stream": ("ValueError", NO_JSON),
}


@pytest.fixture
def start(tmp_path):
    """Starts a unit of a module on a socket."""
    folder = tmp_path / "targets" / "workloads"
    folder.mkdir(parents=True)
    (folder / "faulty.py").write_text(FAULTY)
    held, leash = os.pipe()
    processes = []

    def start(module, theirs):
        environment = os.environ | {
            "PYTHONPATH": python_path(CODE, tmp_path),
            "FROSTLINE_UNIT": "0001",
            "FROSTLINE_WORKLOAD": "faulty",
            "FROSTLINE_SOCKET_FD": str(theirs.fileno()),
            "FROSTLINE_LEASH_FD": str(held),
        }
        command = [sys.executable, "-m", f"targets.serving.{module}"]
        pass_fds = (theirs.fileno(), held)
        processes.append(subprocess.Popen(command, env=environment, pass_fds=pass_fds, stderr=subprocess.DEVNULL))
        theirs.close()

    yield start
    for process in processes:
        process.kill()
        process.wait()
    os.close(held)
    os.close(leash)


def by_service(start, *faults):
    """(status, reply) of each."""
    listener = socket.create_server(("127.0.0.1", 0))
    connection = http.client.HTTPConnection(*listener.getsockname(), timeout=60)
    start("http_app", listener)
    replies = []
    for fault in faults:
        connection.request("POST", "/invoke", json.dumps({"fault": fault}))
        answer = connection.getresponse()
        replies.append((answer.status, json.loads(answer.read())))
    connection.close()
    return replies


def by_function(start, fault):
    """(kind of frame, reply)."""
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    start("process_loop", theirs)
    body = json.dumps({"fault": fault}).encode()
    ours.sendall(len(body).to_bytes(4, "big") + body)
    size = int.from_bytes(ours.recv(4, socket.MSG_WAITALL), "big")
    reply = ours.recv(size, socket.MSG_WAITALL)
    ours.close()
    return reply[:1], json.loads(reply[1:])


def is_told(reply, fault):
    kind, message = FAULTS[fault]
    return reply["errorType"] == kind and reply["errorMessage"].startswith(message)


def test_a_service_tells_every_fault_with_the_evidence_of_its_unit_and_goes_on(start):
    replies = by_service(start, *FAULTS, "none")
    assert [status for status, _ in replies] == [500] * len(FAULTS) + [200]
    for fault, (_, reply) in zip(FAULTS, replies, strict=False):
        assert is_told(reply, fault), reply
    own = [reply["frostline"] for _, reply in replies]
    assert [evidence["invocation"] for evidence in own] == list(range(1, len(FAULTS) + 2))
    assert "init" in own[0], "which proves that its start was one"
    assert all(one["received_ns"] <= one["begun_ns"] <= one["ended_ns"] for one in own)


@pytest.mark.parametrize("fault", list(FAULTS))
def test_a_function_tells_every_fault_in_the_same_words(start, fault):
    kind, reply = by_function(start, fault)
    assert is_told(reply, fault), reply
    assert kind == (b"x" if fault in ("exit", "odd") else b"!"), "what is no Exception ends a sandbox"
