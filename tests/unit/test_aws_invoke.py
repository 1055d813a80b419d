"""Signed requests in the open loop and one by one: a server that verifies them by botocore finds each one good."""

import array
import json
from collections import Counter

import pytest

from harness.clock import now_ns, unix_s
from harness.load.aws.credentials import keyring
from harness.load.process import LoadProcess
from harness.load.senders import SenderFailed, endpoint_problems, sender
from harness.load.single import Lone
from harness.load.wire import Fate, LoadPlan
from targets.contract import Endpoint
from tests.aws import headers_in, is_signed, moment_of
from tests.certificates import make_certificate
from tests.http_server import HttpServer

KEYS = ("AKIDEXAMPLE", "a/s3cret", "a/t0ken+of=ours")
SETTINGS = {"service": "lambda", "region": "eu-central-1"}
CLOCKS_S = 0.05
"""Between two clocks, of which one may be set right meanwhile."""
PATH = "/2015-03-31/functions/frost%3Alive/invocations?Qualifier=live"


class Service(HttpServer):
    """Answers who signed well, and refuses everybody else; its address is what is signed for."""

    def __init__(self, certificate=None):
        self.scheme = "https" if certificate else "http"
        super().__init__(certificate=certificate)

    def __getattr__(self, path):
        if path.startswith("2015-03-31"):
            return self.invoke
        raise AttributeError(path)

    async def invoke(self, body, writer):
        head, _ = self.requests[-1]
        good = is_signed(self.scheme, head, body, KEYS, "lambda", "eu-central-1")
        status = b"200 OK" if good else b"403 Forbidden"
        headers = b"x-amzn-RequestId: 7\r\nX-Amz-Function-Error: kept\r\nContent-Length: %d" % len(body)
        writer.write(b"HTTP/1.1 %b\r\n%b\r\n\r\n%b" % (status, headers, body))


@pytest.fixture(autouse=True)
def here(monkeypatch, tmp_path):
    """Of this process and of those that a test starts."""
    for name, value in zip(("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"), KEYS, strict=True):
        monkeypatch.setenv(f"AWS_{name}", value)
    for name in ("CONFIG_FILE", "SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(f"AWS_{name}", str(tmp_path / name))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    keyring.cache_clear()
    yield
    keyring.cache_clear()


@pytest.fixture(params=["http", "https"])
def service(request, tmp_path):
    certificate = make_certificate(tmp_path) if request.param == "https" else None
    found = Service(certificate)
    found.ca_file = str(certificate[0]) if certificate else ""
    yield found
    found.close()


def endpoint_of(service, **fields):
    url = f"{service.scheme}://127.0.0.1:{service.port}{PATH}"
    usual = {"headers": {"X-Amz-Log-Type": "Tail"}, "sender": "aws-invoke", "sender_settings": SETTINGS}
    names = {"request_id_header": "x-amzn-requestid", "kept_header": "X-Amz-Function-Error"}
    return Endpoint(url, **{**usual, **names, "ca_file": service.ca_file, **fields})


def send(endpoint, count=60, rate=50, bodies=(b'{"n": 1}', b""), workers=1):
    process = LoadProcess(workers)
    try:
        plan = LoadPlan("", [endpoint], "", count / rate, timeout_s=10, prewarm=2)
        offsets = array.array("d", [n / rate for n in range(count)])
        sent = process.carry_out(plan, offsets, list(bodies), lambda ended: None)
        kept = {index: (reply, sent.replies.head(reply.head) + reply.tail) for index, reply in sent.replies}
        sent.replies.close()
        return sent, kept
    finally:
        process.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_every_request_is_signed_in_the_open_loop(service, workers):
    sent, kept = send(endpoint_of(service), workers=workers)
    assert Counter(zip(sent.records["fate"], sent.records["status"], strict=True)) == {(Fate.ANSWERED, 200): 60}
    assert all((reply.header, reply.request_id) == (b"kept", "7") for reply, _ in kept.values())
    assert {index: body for index, (_, body) in kept.items() if body} == dict.fromkeys(range(0, 60, 2), b'{"n": 1}')
    heads = [headers_in(head) for head, _ in service.requests]
    assert {head["x-amz-security-token"] for head in heads} == {KEYS[2]}
    assert {head["x-amz-log-type"] for head in heads} == {"Tail"}
    signed_s = sorted(moment_of(head["x-amz-date"]).timestamp() for head in heads)
    started_s, sent_s = (
        sorted(sent.records[f"{name}_ns"] / 1e9 + unix_s() - now_ns() / 1e9) for name in ("started", "sent")
    )
    for signed, started, left in zip(signed_s, started_s, sent_s, strict=True):
        assert int(started - CLOCKS_S) <= signed <= left + CLOCKS_S, "signed when it left, not before"


def test_single_requests_are_signed(service):
    arrival = Lone(endpoint_of(service), [b'{"n": 1}']).ask(0, now_ns(), 10)
    assert (arrival.fate, arrival.status, arrival.head) == (Fate.ANSWERED, 200, b'{"n": 1}')
    assert (arrival.reply.header, arrival.reply.request_id) == (b"kept", "7")


def test_who_is_refused_has_the_services_word(service, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    sent, _ = send(endpoint_of(service), count=5)
    assert set(sent.records["status"].tolist()) == {403}
    assert Lone(endpoint_of(service), [b""]).ask(0, now_ns(), 10).status == 403


def test_a_profile_is_named_by_the_endpoint(service, tmp_path, monkeypatch):
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN"):
        monkeypatch.delenv(f"AWS_{name}")
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    lines = [f"{name} = {value}" for name, value in zip(names, KEYS, strict=True)]
    (tmp_path / "SHARED_CREDENTIALS_FILE").write_text("\n".join(["[frost]", *lines, ""]))
    endpoint = endpoint_of(service, sender_settings={**SETTINGS, "profile": "frost"})
    sent, _ = send(endpoint, count=5)
    assert set(sent.records["status"].tolist()) == {200}
    assert Lone(endpoint, [b""]).ask(0, now_ns(), 10).status == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_without_credentials_nothing_is_sent_and_the_fix_is_said(service, monkeypatch, workers):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("HOME", "/nonexistent")
    endpoint = endpoint_of(service)
    for ask in (lambda: send(endpoint, workers=workers), lambda: Lone(endpoint, [b""])):
        with pytest.raises(SenderFailed) as failed:
            ask()
        said = str(failed.value)
        assert said.startswith("sender: no AWS credentials (") and "aws sso login" in said
        assert not any(part in said for part in KEYS)
    assert service.requests == []


def test_who_expired_is_told_in_one_line_before_and_at_sending(service, monkeypatch):
    lone = Lone(endpoint_of(service), [b""])
    monkeypatch.setattr(keyring(""), "_problem", "sender: the AWS credentials expired")
    with pytest.raises(SenderFailed, match=r"^sender: the AWS credentials expired$"):
        lone.ask(0, now_ns(), 10)
    with pytest.raises(SenderFailed, match=r"^sender: the AWS credentials expired$"):
        Lone(endpoint_of(service), [b""])
    assert service.requests == []


def test_the_plan_holds_no_credentials(service, tmp_path):
    plan = LoadPlan(str(tmp_path), [endpoint_of(service)], "", 1.0)
    plan.write(array.array("d", [0.0]), [b""])
    (fields,) = json.loads((tmp_path / "plan.json").read_text())["endpoints"]
    assert fields["sender_settings"] == SETTINGS
    assert not any(part in (tmp_path / "plan.json").read_text() for part in KEYS)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"url": "ftp://x/"}, ["url: 'ftp://x/' is not accepted: give http://host:port/path"]),
        ({"url": "https://a:b@x/"}, ["url: a name or password in it would not be sent"]),
        ({"url": "http://127.0.0.1/", "ca_file": "x"}, ["ca_file: plain HTTP has no certificate"]),
        ({"url": "http://x/"}, ["url: a signature and a session's token would leave in clear"]),
        ({"sender_settings": {**SETTINGS, "service": "iam"}}, ["sender_settings: service 'iam' is not one of: lambda"]),
        ({"url": "https://x/", "ca_file": "/none"}, ["ca_file: '/none' is not accepted"]),
        ({"method": "HEAD"}, ["method: 'HEAD' is not accepted"]),
        ({"headers": {"authorization": "x"}}, ["headers: 'authorization' is not accepted: the signature is written"]),
        ({"headers": {"X-Amz-Date": "x", "Date": "y"}}, ["headers: 'X-Amz-Date'", "headers: 'Date'"]),
        ({"headers": {"x-a": "\u2744"}}, ["headers: the value of x-a"]),
        (
            {"sender_settings": {}},
            ["sender_settings: service is missing: give one, such as", "sender_settings: region is missing: give"],
        ),
        (
            {"sender_settings": {**SETTINGS, "regoin": "x", "secret": "y"}},
            ["sender_settings: 'regoin' is not one of: service, region, profile", "sender_settings: 'secret' is not"],
        ),
        (
            {"sender_settings": {"service": "Lambda", "region": "eu/1", "profile": "a\nb"}},
            ["sender_settings: service 'Lambda'", "sender_settings: region 'eu/1'", "sender_settings: profile 'a\\nb'"],
        ),
    ],
)
def test_all_that_cannot_be_sent_or_signed_is_said_at_once(fields, said):
    usual = {"url": "http://127.0.0.1:1/", "sender": "aws-invoke", "sender_settings": SETTINGS}
    problems = endpoint_problems(Endpoint(**{**usual, **fields}))
    assert [problem[: len(start)] for problem, start in zip(problems, said, strict=True)] == said


def test_what_is_ready_to_be_signed_shows_nothing(service):
    request = sender("aws-invoke").request(endpoint_of(service), b"")
    request()
    assert not any(part in repr([request, vars(request), keyring("")]) for part in KEYS[1:2])
