"""A proxy that the environment names: what is said of it where a client beside us would use it."""

import os
from types import SimpleNamespace

import pytest
from rich.console import Console

from harness.commands.lambda_up import LambdaOrder, _tell
from harness.commands.proxies import exception_line, proxy_variable
from harness.load.route import is_loopback
from targets.contract import Endpoint

PROXY = "http://proxy.example:3128"


@pytest.fixture
def environment(monkeypatch):
    """Only what the test sets."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name == "REQUEST_METHOD":
            monkeypatch.delenv(name)
    return lambda **variables: [monkeypatch.setenv(name, value) for name, value in variables.items()]


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "Http_Proxy"])
def test_a_proxy_applies_however_its_name_is_spelled(environment, name):
    environment(**{name: PROXY})
    assert proxy_variable("http", "127.0.0.1") == name
    assert exception_line() == "export NO_PROXY=127.0.0.1,localhost"


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"HTTPS_PROXY": PROXY},
        {"FTP_PROXY": PROXY},
        {"HTTP_PROXY": ""},
        {"http_proxy": "", "HTTP_PROXY": PROXY},
        {"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.1"},
        {"HTTP_PROXY": PROXY, "no_proxy": "localhost, 127.0.0.1"},
        {"HTTP_PROXY": PROXY, "NO_PROXY": "*"},
    ],
    ids=["none", "https", "ftp", "empty", "emptied", "excepted", "excepted-small", "all-excepted"],
)
def test_no_proxy_applies(environment, variables):
    environment(**variables)
    assert proxy_variable("http", "127.0.0.1") == ""


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"NO_PROXY": "corp.example"}, "export NO_PROXY=corp.example,127.0.0.1,localhost"),
        ({"no_proxy": "corp.example,localhost"}, "export no_proxy=corp.example,localhost,127.0.0.1"),
        ({"NO_PROXY": "a", "no_proxy": "b"}, "export no_proxy=b,127.0.0.1,localhost"),
        ({"NO_PROXY": "a b;rm"}, "export NO_PROXY='a b;rm,127.0.0.1,localhost'"),
    ],
)
def test_exceptions_that_are_there_are_kept(environment, variables, line):
    environment(HTTP_PROXY=PROXY, **variables)
    assert proxy_variable("http", "127.0.0.1") == "HTTP_PROXY"
    assert exception_line() == line


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.8.9.1", "::1", "api.localhost", "localhost.", "A.LOCALHOST"]
)
def test_this_machine_is_known_by_its_own_names(host):
    assert is_loopback(host)
    assert not is_loopback("192.0.2.1")
    assert not is_loopback("example.com")


def told_by_lambda_up(capsys):
    endpoint = Endpoint("http://127.0.0.1:9000/2015-03-31/functions/echo/invocations")
    deployment = SimpleNamespace(endpoints=[endpoint], describe=dict)
    order = LambdaOrder("echo", 9000, 1769, {}, None, "")
    _tell(deployment, order, SimpleNamespace(name="process-lambda"), Console(width=300))
    return capsys.readouterr().out.splitlines()


def test_lambda_up_names_the_exception_before_its_example(environment, capsys):
    environment()
    assert not any("PROXY" in line for line in told_by_lambda_up(capsys))
    environment(HTTP_PROXY=PROXY)
    lines = told_by_lambda_up(capsys)
    (at,) = [number for number, line in enumerate(lines) if "export NO_PROXY=127.0.0.1,localhost" in line]
    assert "boto3.client" in lines[at + 1]
    assert "HTTP_PROXY" in lines[at]
    assert not any("proxy.example" in line for line in lines), "its address may hold a password"
