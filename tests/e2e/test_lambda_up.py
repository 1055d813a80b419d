"""The local Lambda on its own: boto3 works against it, it listens on loopback only, and it ends without a trace."""

import json
import re
import signal
import socket
import threading
from array import array

import boto3
import psutil
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.load.process import LoadProcess
from harness.load.wire import Fate, LoadPlan
from targets.contract import Endpoint
from tests.e2e.bench import HANG_S, Bench, Started, listens, until

KINDS = ["process-lambda", pytest.param("docker-lambda", marks=pytest.mark.docker)]
CLIENTS = 6


def start_front(bench: Bench, target: str, *options: str) -> tuple[Started, int]:
    started = bench.start("lambda", "up", "echo", "--port", "0", "--target", target, *options)
    told = until(lambda: re.search(r"http://127\.0\.0\.1:(\d+)", started.said), "the front says where it listens")
    return started, int(told[1])


def client_of(port: int):
    return boto3.client(
        "lambda",
        endpoint_url=f"http://127.0.0.1:{port}",
        region_name="us-east-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=Config(retries={"max_attempts": 0}),
    )


def ask(client, text: str) -> dict:
    reply = client.invoke(FunctionName="echo", Payload=json.dumps({"text": text}).encode())
    assert reply["StatusCode"] == 200 and "FunctionError" not in reply
    return json.loads(reply["Payload"].read())


def assert_ended(bench: Bench, started: Started, port: int) -> None:
    assert listens(port)
    started.signal(signal.SIGTERM)
    finished = started.finish()
    left = bench.leftovers()
    assert finished.code == 130 and "Traceback" not in finished.err, finished.err
    assert left == [] and not listens(port)


@pytest.mark.parametrize("target", KINDS)
def test_boto3_invokes_it_and_sigterm_leaves_nothing(bench, target):
    started, port = start_front(bench, target)
    client = client_of(port)
    first, second = ask(client, "frost"), ask(client, "rime")
    assert (first["answer"], second["answer"]) == ({"text": "frost"}, {"text": "rime"})
    evidence = [(reply["frostline"]["unit"], reply["frostline"]["invocation"]) for reply in (first, second)]
    assert evidence == [("0001", 1), ("0001", 2)], "the warm sandbox is used again"
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        client.invoke(FunctionName="another", Payload=b"{}")
    assert_ended(bench, started, port)


@pytest.mark.parametrize("sender", ["aws-invoke", "boto3"])
def test_senders_to_aws_drive_it(bench, sender):
    """The load process itself, with credentials that it finds in its environment."""
    started, port = start_front(bench, "process-lambda")
    endpoint = Endpoint(
        f"http://127.0.0.1:{port}/2015-03-31/functions/echo%3A%24LATEST/invocations",
        sender=sender,
        sender_settings={"service": "lambda", "region": "us-east-1"},
        request_id_header="x-amzn-requestid",
    )
    load = LoadProcess(environment={"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"})
    try:
        plan = LoadPlan("", [endpoint], "", 2.0, timeout_s=HANG_S)
        offsets = array("d", [n / 5 for n in range(10)])
        sent = load.carry_out(plan, offsets, [b'{"text": "frost"}'], lambda ended: None)
        kept = [(reply, sent.replies.head(reply.head) + reply.tail) for _, reply in sent.replies]
        sent.replies.close()
    finally:
        load.close()
    assert sent.records["fate"].tolist() == [Fate.ANSWERED] * 10, sent.errors
    assert sent.records["status"].tolist() == [200] * 10
    assert [json.loads(body)["answer"] for _, body in kept] == [{"text": "frost"}] * 10
    assert all(json.loads(reply.header)["unit"] for reply, _ in kept), "the front's own word of it"
    assert len({reply.request_id for reply, _ in kept}) == 10
    assert_ended(bench, started, port)


@pytest.mark.parametrize("target", KINDS)
def test_a_front_that_is_killed_is_told_in_one_line_and_nothing_is_left(bench, target):
    started, port = start_front(bench, target)
    ask(client_of(port), "frost")
    below = psutil.Process(started.process.pid).children()
    (front,) = (process for process in below if "targets.lambda_front" in process.cmdline())
    front.kill()
    finished = started.finish()
    assert finished.code == 3 and not listens(port)
    lines = [line for line in finished.err.splitlines() if line]
    assert lines == ["frostline: the front ended (killed by SIGKILL): nothing is served any more: start it again"]
    assert bench.leftovers() == []


@pytest.mark.parametrize("target", KINDS)
def test_what_a_function_has_of_tmp_and_of_shared_memory_is_said(bench, target):
    started, port = start_front(bench, target)
    until(lambda: listens(port) and "signature" in started.said, "all is said")
    said = " ".join(started.said.split())
    if target == "docker-lambda":
        assert "/tmp: on disk; no file may be larger than 512 MB, all together are not limited." in said
        assert "/dev/shm: none, as on Lambda." in said and "Unlike Lambda: " in said
    else:
        assert "/tmp: TMPDIR is a folder of each unit's own on disk, not limited; /tmp is this machine's." in said
        assert "/dev/shm: this machine's." in said
    assert_ended(bench, started, port)


@pytest.mark.parametrize("target", KINDS)
def test_it_listens_on_loopback_only(bench, target):
    started, port = start_front(bench, target)
    ask(client_of(port), "frost")
    listeners = bench.listeners()
    assert ("127.0.0.1", port) in listeners
    assert {address for address, _ in listeners} == {"127.0.0.1"}
    if target == "docker-lambda":
        (container,) = bench.containers()
        assert [binding["HostIp"] for binding in container.ports["8080/tcp"]] == ["127.0.0.1"]
    assert_ended(bench, started, port)


@pytest.mark.parametrize("target", KINDS)
def test_beyond_the_concurrency_limit_it_throttles(bench, target):
    """Requests that come while the only sandbox still starts cannot be served."""
    started, port = start_front(bench, target, "--concurrency-limit", "1")
    together, outcomes = threading.Barrier(CLIENTS), []

    def invoke(client) -> None:
        together.wait()
        try:
            outcomes.append(ask(client, "frost")["answer"]["text"])
        except client.exceptions.TooManyRequestsException as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=invoke, args=(client_of(port),)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_S)
    assert len(outcomes) == CLIENTS
    assert outcomes.count("frost") >= 1 and outcomes.count("TooManyRequestsException") >= 1
    assert outcomes.count("frost") + outcomes.count("TooManyRequestsException") == CLIENTS
    assert_ended(bench, started, port)


@pytest.mark.parametrize("target", KINDS)
def test_a_signal_while_requests_are_under_way_leaves_nothing(bench, target):
    """A sandbox that is being made when the end comes must not appear afterwards."""
    started, port = start_front(bench, target)
    until(lambda: listens(port), "the front listens")

    def invoke() -> None:
        try:
            ask(client_of(port), "frost")
        except Exception as error:  # the front goes away, that is the point
            print(error)

    threads = [threading.Thread(target=invoke) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    until(lambda: list(bench.temporary.glob("frostline-front-*/events.jsonl")) and created(bench), "sandboxes begin")
    assert_ended(bench, started, port)
    for thread in threads:
        thread.join(HANG_S)
    assert bench.leftovers() == []


def created(bench: Bench) -> bool:
    (log,) = bench.temporary.glob("frostline-front-*/events.jsonl")
    return '"kind": "create"' in log.read_text()


@pytest.mark.parametrize("target", KINDS)
def test_a_port_in_use_is_one_message_and_nothing_starts(bench, target):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = bench.run("lambda", "up", "echo", "--port", str(port), "--target", target)
    assert finished.code == 3 and bench.leftovers() == []
    lines = [line for line in finished.err.splitlines() if line]
    assert len(lines) == 1 and lines[0].startswith("frostline: ") and str(port) in lines[0]
    assert "in use" in lines[0]


def test_what_cannot_be_is_said_all_at_once(bench):
    finished = bench.run("lambda", "up", "nothing", "--port", "70000", "--memory-mb", "1", "--timeout-s", "0")
    assert finished.code == 2 and bench.leftovers() == []
    lines = finished.err.splitlines()
    assert [word in finished.err for word in ("nothing", "70000", "--memory-mb", "--timeout-s")] == [True] * 4
    assert len(lines) == 4 and all(line.startswith("frostline: ") for line in lines)
