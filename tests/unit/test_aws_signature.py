"""Signatures of ours beside botocore's, to the byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.aws import signature
from harness.load.aws.signature import Keys, Scope, SignedRequest, Signer, signed_host
from targets.contract import Endpoint
from tests.aws import headers_in, moment_of, signed_by_botocore

DATE = "20261126T062014Z"
LASTING = ("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", None)
PASSING = (*LASTING[:2], "IQoJb3JpZ2luX2VjE/token+with=" * 30)
INVOKE = "https://lambda.eu-central-1.amazonaws.com/2015-03-31/functions/{}/invocations"


def at(monkeypatch, date):
    monkeypatch.setattr(signature, "unix_s", lambda: moment_of(date).timestamp() + 0.987)


def signer_of(keys, service="lambda", region="eu-central-1"):
    held = Keys(*keys)
    return Signer(Scope(service, region), lambda: held)


def parts(data):
    head, _, body = data.partition(b"\r\n\r\n")
    return head.decode(), body


def assert_same(endpoint, body, keys=LASTING, service="lambda", region="eu-central-1", date=DATE):
    """Signed as botocore signs what is sent, and all of it sent."""
    head, sent = parts(SignedRequest(signer_of(keys, service, region), endpoint, body)())
    headers = headers_in(head)
    expected = signed_by_botocore(endpoint.method, endpoint.url, headers, body, keys, service, region, date)
    assert {name: headers.get(name) for name in expected} == expected
    assert sent == body
    assert headers["host"] == signed_host(endpoint)
    assert endpoint.headers.items() <= dict(line.split(": ", 1) for line in head.split("\r\n")[1:]).items()
    return headers


URLS = [
    INVOKE.format("frost"),
    INVOKE.format("frost:$LATEST"),
    INVOKE.format("frost:live"),
    INVOKE.format("frost%3Alive"),
    INVOKE.format("arn:aws:lambda:eu-central-1:123456789012:function:frost:7"),
    INVOKE.format("arn%3Aaws-us-gov%3Alambda%3Aus-gov-west-1%3A123456789012%3Afunction%3Afrost"),
    INVOKE.format("frost") + "?Qualifier=live",
    INVOKE.format("frost") + "?Qualifier=%24LATEST&a=2&a=1&b&=c&Z=%20",
    "https://abc.lambda-url.us-east-1.on.aws/",
    "https://abc.lambda-url.us-east-1.on.aws",
    "https://abc.lambda-url.us-east-1.on.aws?x=1",
    "https://ABC.lambda-url.us-east-1.on.aws:443/a%20b/%C3%A9/~x-_.!'()*,;=@&+$/",
    "https://h:8443//a///b/./c/../d/..",
    "https://h/../..//",
    "https://h/a/..",
    "http://127.0.0.1:9001/2015-03-31/functions/frost/invocations",
    "http://localhost:80/endpoints/rime/invocations",
    "http://[::1]:9001/endpoints/rime/invocations",
    "http://[::1]/x#fragment",
    "https://h/a%2Fb?c=%2F&C=+&a-b=1&a=2&a.b=3",
]


@pytest.mark.parametrize("keys", [LASTING, PASSING], ids=["lasting", "passing"])
@pytest.mark.parametrize("url", URLS)
def test_every_form_of_url_is_signed_as_by_botocore(monkeypatch, url, keys):
    at(monkeypatch, DATE)
    headers = assert_same(Endpoint(url), b'{"text": "frost"}', keys)
    assert headers.get("x-amz-security-token") == keys[2]


@pytest.mark.parametrize(
    ("method", "given", "body"),
    [
        ("POST", {}, b""),
        ("GET", {}, b""),
        ("GET", {"Content-Type": "text/plain"}, b"x"),
        ("POST", {"X-Amz-Invocation-Type": "Event", "x-amz-log-type": "Tail"}, b"{}"),
        ("POST", {"X-Spaced": "  a   b  c ", "x-Empty": "", "X-AMZ-Zebra": " ", "accept": "*/*"}, b"{}"),
        ("PUT", {"User-Agent": "frostline", "X-Amzn-Trace-Id": "Root=1", "traceparent": "0"}, b"{}"),
        ("POST", {"content-type": "application/x-npy", "A": "1", "~": "2", "x_y": "3", "Zz-9": "4"}, bytes(range(256))),
        ("POST", {}, bytes(6_291_456)),
    ],
)
def test_every_header_is_sent_as_it_is_and_signed_as_by_botocore(monkeypatch, method, given, body):
    at(monkeypatch, DATE)
    assert_same(Endpoint(INVOKE.format("frost"), method, given), body, PASSING)


@pytest.mark.parametrize(
    ("service", "region"), [("sagemaker", "us-gov-west-1"), ("lambda", "us-east-1"), ("execute-api", "cn-north-1")]
)
def test_services_and_regions_are_signed_as_by_botocore(monkeypatch, service, region):
    at(monkeypatch, DATE)
    url = f"https://runtime.sagemaker.{region}.amazonaws.com/endpoints/rime/invocations"
    headers = assert_same(Endpoint(url), b"{}", LASTING, service, region)
    assert f"/20261126/{region}/{service}/aws4_request, " in headers["authorization"]


def test_a_known_signature(monkeypatch):
    """Of AWS's own suite of tests (get-vanilla): it rests on no library."""
    at(monkeypatch, "20150830T123600Z")
    request = SignedRequest(
        signer_of(LASTING, "service", "us-east-1"), Endpoint("https://example.amazonaws.com/", "GET"), b""
    )
    signed = headers_in(parts(request())[0])["authorization"]
    assert signed.endswith("Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")


SAFE = st.characters(min_codepoint=33, max_codepoint=126)
PATHS = st.lists(st.text(st.sampled_from("aZ09-_.~:$%!'()*,;=@&+|\\\"<>"), max_size=8), max_size=5).map("/".join)
QUERIES = st.lists(st.text(st.sampled_from("aZ0=-~%+:/"), max_size=6), max_size=5).map("&".join)
NAMES = st.text(st.sampled_from("abcXYZ019-_~!"), min_size=1, max_size=8).map(lambda name: f"x-{name}")
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


def one_of_each(headers):
    return dict({name.lower(): (name, value) for name, value in headers.items()}.values())


@given(
    path=PATHS,
    query=QUERIES,
    headers=st.dictionaries(NAMES, VALUES, max_size=5).map(one_of_each),
    body=st.binary(max_size=50),
    port=st.sampled_from(["", ":80", ":443", ":9001"]),
    scheme=st.sampled_from(["http", "https"]),
    token=st.none() | st.text(SAFE, min_size=1, max_size=40),
    second=st.integers(0, 4_000_000_000),
)
def test_whatever_is_sent_is_signed_as_by_botocore(path, query, headers, body, port, scheme, token, second):
    endpoint = Endpoint(f"{scheme}://Some.Host{port}/{path}{'?' * bool(query)}{query}", "POST", headers)
    keys = (*LASTING[:2], token)
    date = signature.datetime.fromtimestamp(second, signature.UTC).strftime("%Y%m%dT%H%M%SZ")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(signature, "unix_s", lambda: float(second))
        data = SignedRequest(signer_of(keys), endpoint, body)()
    found = headers_in(parts(data)[0])
    expected = signed_by_botocore("POST", endpoint.url, found, body, keys, "lambda", "eu-central-1", date)
    assert {name: found.get(name) for name in expected} == expected


def test_within_a_second_the_same_bytes_are_sent_and_then_others(monkeypatch):
    at(monkeypatch, DATE)
    signer = signer_of(PASSING)
    first, other = (SignedRequest(signer, Endpoint(INVOKE.format("frost")), body) for body in (b"1", b"2"))
    data = first()
    assert first() is data
    assert other() != data
    at(monkeypatch, "20261126T062015Z")
    assert headers_in(parts(first())[0])["x-amz-date"] == "20261126T062015Z"


def test_other_keys_and_another_day_make_another_signature_at_once(monkeypatch):
    at(monkeypatch, "20261231T235959Z")
    held = [Keys(*PASSING)]
    request = SignedRequest(Signer(Scope("lambda", "eu-central-1"), lambda: held[0]), Endpoint("https://h/"), b"{}")
    for date, keys in (("20261231T235959Z", PASSING), ("20270101T000000Z", PASSING), ("20270101T000000Z", LASTING)):
        at(monkeypatch, date)
        if keys is LASTING:
            held[0] = Keys(*LASTING)
        found = headers_in(parts(request())[0])
        expected = signed_by_botocore("POST", "https://h/", found, b"{}", keys, "lambda", "eu-central-1", date)
        assert {name: found.get(name) for name in expected} == expected
        assert ("x-amz-security-token" in found) == (keys is PASSING)


def test_nothing_shows_a_secret(monkeypatch):
    at(monkeypatch, DATE)
    signer = signer_of(PASSING)
    request = SignedRequest(signer, Endpoint("https://h/"), b"{}")
    request()
    shown = repr([request, signer, signer._keys(), request._template, request._moment])
    assert not any(part in shown for part in PASSING)
