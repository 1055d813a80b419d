"""What AWS's SDK sends, in the open loop and one by one: once each, none waits for another, with the service's word."""

import array
import asyncio
from collections import Counter
from urllib.parse import unquote

import boto3
import pytest

from harness.clock import now_ns
from harness.load.process import LoadProcess
from harness.load.senders import SenderFailed, endpoint_problems, sender, sender_of
from harness.load.senders.contract import Caller
from harness.load.single import Lone
from harness.load.wire import UNSEEN, Fate, LoadPlan
from harness.measure.generator import generator_columns
from targets.contract import Endpoint
from tests.aws import headers_in, is_signed
from tests.certificates import make_certificate
from tests.http_server import HttpServer
from tests.unit.test_aws_invoke import KEYS, SETTINGS, here  # noqa: F401

REFUSAL = b'{"Type": "User", "message": "Rate Exceeded", "further": "kept as it came"}'
TOGETHER = 12


class Service(HttpServer):
    """A Lambda and a SageMaker whose functions do what their names say."""

    def __init__(self, certificate=None):
        self.scheme, self.waiting = "https" if certificate else "http", []
        super().__init__(certificate=certificate)

    def __getattr__(self, path):
        name = unquote(path.split("/")[-2]).split(":")[0] if path.endswith("/invocations") else ""
        if not name:
            raise AttributeError(path)
        return getattr(type(self), name).__get__(self)

    def reply(self, writer, status, body, headers=b""):
        size = b"Content-Length: %d" % len(body)
        writer.write(b"HTTP/1.1 %b\r\nX-Amzn-RequestId: 7\r\n%b%b\r\n\r\n%b" % (status, headers, size, body))

    async def echo(self, body, writer, head=None):
        head = head or self.requests[-1][0]
        service = "sagemaker" if "/endpoints/" in head else "lambda"
        good = is_signed(self.scheme, head, body, KEYS, service, "eu-central-1")
        self.reply(writer, b"200 OK" if good else b"403 Forbidden", body, b"X-Amz-Function-Error: kept\r\n")

    async def throttled(self, body, writer):
        kind = b"x-amzn-errortype: TooManyRequestsException\r\nContent-Type: application/json\r\n"
        self.reply(writer, b"429 Too Many Requests", REFUSAL, kind)

    async def broken(self, body, writer):
        self.reply(writer, b"503 Service Unavailable", b"<html>not from AWS</html>")

    async def hangup(self, body, writer):
        raise ConnectionError

    async def cut(self, body, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhalf")
        raise ConnectionError

    async def dribble(self, body, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
        for _ in range(5000):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def together(self, body, writer):
        """No answer before so many have asked."""
        head = self.requests[-1][0]
        self.waiting.append(writer)
        while len(self.waiting) < TOGETHER:
            await asyncio.sleep(0.01)
        await self.echo(body, writer, head)


@pytest.fixture(scope="module")
def process():
    made = []

    def start():
        made[:] = made or [LoadProcess()]
        return made[0]

    yield start
    for load in made:
        load.close()


@pytest.fixture
def serve():
    servers = []

    def start(certificate=None):
        servers.append(Service(certificate))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def endpoint_of(service, path="2015-03-31/functions/echo/invocations", **fields):
    usual = {"sender": "boto3", "sender_settings": SETTINGS, "request_id_header": "X-Amzn-RequestId"}
    kept = {"kept_header": "X-Amz-Function-Error"}
    return Endpoint(f"{service.scheme}://127.0.0.1:{service.port}/{path}", **{**usual, **kept, **fields})


def function(name):
    return f"2015-03-31/functions/{name}/invocations"


def send(process, endpoint, count=20, rate=50, bodies=(b'{"n": 1}', b""), **fields):
    plan = LoadPlan("", [endpoint], "", count / rate, **{"timeout_s": 20, "prewarm": 3, **fields})
    offsets = array.array("d", [n / rate for n in range(count)])
    sent = process().carry_out(plan, offsets, list(bodies), lambda ended: None)
    kept = {index: (reply, sent.replies.head(reply.head) + reply.tail) for index, reply in sent.replies}
    sent.replies.close()
    return sent, kept


def fates(sent):
    return Counter(
        (Fate(fate).name, status)
        for fate, status in zip(*(sent.records[n].tolist() for n in ("fate", "status")), strict=True)
    )


def test_it_is_a_caller_and_boto3_itself_is_still_imported_by_its_name():
    assert isinstance(sender("boto3"), Caller) and not isinstance(sender("http"), Caller)
    assert boto3.client and not hasattr(boto3, "SENDER")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_each_request_is_sent_once_and_its_reply_kept(process, serve, tmp_path, scheme):
    certificate = make_certificate(tmp_path) if scheme == "https" else None
    service = serve(certificate)
    endpoint = endpoint_of(
        service, headers={"X-Amz-Log-Type": "Tail"}, ca_file=str(certificate[0]) if certificate else ""
    )
    sent, kept = send(process, endpoint)
    arrival = Lone(endpoint, [b'{"n": 1}']).ask(0, now_ns(), 20)
    assert fates(sent) == {("ANSWERED", 200): 20}
    assert len(service.requests) == 21
    assert {index: body for index, (_, body) in kept.items() if body} == dict.fromkeys(range(0, 20, 2), b'{"n": 1}')
    assert {(reply.header, reply.request_id) for reply, _ in kept.values()} == {(b"kept", "7")}
    assert (arrival.fate, arrival.status, arrival.head) == (Fate.ANSWERED, 200, b'{"n": 1}')
    assert (arrival.reply.header, arrival.reply.request_id) == (b"kept", "7")
    records = sent.records
    assert (records["scheduled_ns"] <= records["sent_ns"]).all() and (records["sent_ns"] < records["done_ns"]).all()
    assert set(records["fresh"].tolist()) == {UNSEEN} == {arrival.fresh}
    assert generator_columns(sent, ["a"])["new_connection"].to_pylist() == [None] * 20
    assert not records["first_byte_ns"].any() and not arrival.first_byte_ns, "nobody saw it"
    assert arrival.sent_ns < arrival.done_ns
    assert {headers_in(head)["x-amz-log-type"] for head, _ in service.requests} == {"Tail"}
    assert all("Botocore" in head for head, _ in service.requests)


def test_a_connection_is_kept_and_used_again(serve):
    service = serve()
    lone = Lone(endpoint_of(service), [b"{}"])
    assert [lone.ask(number, now_ns(), 20).status for number in range(3)] == [200] * 3
    assert service.connections == 1


def test_a_model_of_sagemaker_is_asked(process, serve):
    service = serve()
    headers = {"X-Amzn-SageMaker-Target-Variant": "blue", "accept": "text/plain"}
    settings = {**SETTINGS, "service": "sagemaker"}
    endpoint = endpoint_of(service, "endpoints/echo/invocations", headers=headers, sender_settings=settings)
    assert fates(send(process, endpoint)[0]) == {("ANSWERED", 200): 20}
    found = headers_in(service.requests[0][0])
    assert (found["x-amzn-sagemaker-target-variant"], found["accept"]) == ("blue", "text/plain")
    assert found["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        (function("echo:live"), function("echo%3Alive")),
        (function("echo") + "?Qualifier=%24LATEST", function("echo") + "?Qualifier=%24LATEST"),
        (function("echo%3Alive"), function("echo%3Alive")),
    ],
)
def test_a_function_is_named_by_the_url(serve, path, asked):
    service = serve()
    arrival = Lone(endpoint_of(service, path), [b"{}"]).ask(0, now_ns(), 20)
    assert (arrival.fate, arrival.status) == (Fate.ANSWERED, 200)
    assert service.requests[0][0].split(" ")[1] == f"/{asked}"


def test_requests_do_not_wait_for_one_another(process, serve):
    service = serve()
    sent, _ = send(process, endpoint_of(service, function("together")), count=TOGETHER, rate=200, prewarm=0)
    assert fates(sent) == {("ANSWERED", 200): TOGETHER}
    assert sent.records["in_flight"].max() == TOGETHER


@pytest.mark.parametrize(
    ("name", "status", "body"), [("throttled", 429, REFUSAL), ("broken", 503, b"<html>not from AWS</html>")]
)
def test_a_status_that_is_no_success_is_an_answer_and_is_not_asked_again(
    process, serve, monkeypatch, name, status, body
):
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "5")
    monkeypatch.setenv("AWS_RETRY_MODE", "adaptive")
    service = serve()
    own = LoadProcess()
    try:
        sent, kept = send(lambda: own, endpoint_of(service, function(name)), bodies=[b"{}"])
    finally:
        own.close()
    assert fates(sent) == {("ANSWERED", status): 20}
    assert len(service.requests) == 20
    assert {(reply.request_id, text) for reply, text in kept.values()} == {("7", body)}
    arrival = Lone(endpoint_of(service, function(name)), [b"{}"]).ask(0, now_ns(), 20)
    assert (arrival.fate, arrival.status, arrival.head) == (Fate.ANSWERED, status, body)
    assert len(service.requests) == 21


@pytest.mark.parametrize("name", ["hangup", "cut"])
def test_a_connection_that_breaks_is_a_failed_request_and_is_not_asked_again(process, serve, name):
    service = serve()
    sent, kept = send(process, endpoint_of(service, function(name)), bodies=[b"{}"])
    assert {fate for fate, _ in fates(sent)} == {"FAILED"} and not kept
    assert len(service.requests) == 20
    assert all(text.split(":")[0].endswith("Error") for text in sent.errors)
    assert Lone(endpoint_of(service, function(name)), [b"{}"]).ask(0, now_ns(), 20).fate == Fate.FAILED
    assert len(service.requests) == 21


def test_nothing_is_printed_when_connections_and_their_threads_end(serve, capfd):
    service, load = serve(), LoadProcess()
    for name in ("echo", "hangup", "throttled", "echo"):
        send(lambda: load, endpoint_of(service, function(name)), count=5)
    load.close()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["hang", "dribble"])
def test_what_takes_too_long_has_timed_out(process, serve, name):
    service = serve()
    endpoint = endpoint_of(service, function(name))
    sent, _ = send(process, endpoint, count=5, timeout_s=0.5, prewarm=5)
    assert {fate for fate, _ in fates(sent)} == {"TIMED_OUT"}
    assert set(sent.errors) == {"no reply in time"} and sent.records["sent_ns"].all()
    arrival = Lone(endpoint, [b"{}"], 0.5).ask(0, now_ns(), 0.5)
    assert (arrival.fate, arrival.error) == (Fate.TIMED_OUT, "no reply in time")
    other = serve()
    assert fates(send(process, endpoint_of(other))[0]) == {("ANSWERED", 200): 20}, "the load process goes on"


def test_nobody_there_is_a_failed_request(process, serve):
    service = serve()
    endpoint = endpoint_of(service)
    service.close()
    service.close = lambda: None
    assert {fate for fate, _ in fates(send(process, endpoint, count=5)[0])} == {"FAILED"}
    arrival = Lone(endpoint, [b"{}"]).ask(0, now_ns(), 20)
    assert arrival.fate == Fate.FAILED and arrival.error.startswith("EndpointConnectionError: Could not connect")


def test_a_server_that_is_not_proven_is_not_asked(process, serve, tmp_path):
    service = serve(make_certificate(tmp_path))
    assert {fate for fate, _ in fates(send(process, endpoint_of(service), count=5)[0])} == {"FAILED"}
    assert service.requests == []
    assert fates(send(process, endpoint_of(service, insecure=True), count=5)[0]) == {("ANSWERED", 200): 5}


def test_without_credentials_nothing_is_sent(serve, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("HOME", "/nonexistent")
    service = serve()
    load = LoadProcess()
    try:
        for ask in (lambda: send(lambda: load, endpoint_of(service)), lambda: Lone(endpoint_of(service), [b""])):
            with pytest.raises(SenderFailed, match=r"^sender: no AWS credentials \(.*aws sso login"):
                ask()
    finally:
        load.close()
    assert service.requests == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"url": "http://127.0.0.1/2015-03-31/functions/a/b/invocations"},
            ["url: its path '/2015-03-31/functions/a/b/inv"],
        ),
        (
            {"url": "http://127.0.0.1/"},
            ["url: its path '/' is not that of Invoke: give one like /2015-03-31/functions/{Functi"],
        ),
        (
            {"url": "http://127.0.0.1/2015-03-31/functions/a/invocations?q=1"},
            ["url: 'q' is not accepted: Invoke has no such"],
        ),
        ({"headers": {"X-Other": "1"}}, ["headers: 'X-Other' is not accepted: Invoke has no such parameter: leave"]),
        ({"method": "GET"}, ["method: 'GET' is not accepted: the SDK sends a POST"]),
        (
            {"sender_settings": {**SETTINGS, "service": "s3"}},
            ["sender_settings: service 's3' is not one of: lambda, s"],
        ),
        ({"sender_settings": {}}, ["sender_settings: service is missing", "sender_settings: region is missing"]),
    ],
)
def test_all_that_the_sdk_cannot_do_is_said_at_once(fields, said):
    usual = {"url": f"http://127.0.0.1:1/{function('echo')}", "sender": "boto3", "sender_settings": SETTINGS}
    problems = endpoint_problems(Endpoint(**{**usual, **fields}))
    assert [problem[: len(start)] for problem, start in zip(problems, said, strict=True)] == said
    assert sender_of(Endpoint(**usual)).name == "boto3"
