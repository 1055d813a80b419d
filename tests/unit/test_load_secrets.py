"""What must not be seen: passwords, keys and tokens stand in no output, no error and no list of processes."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.commands.load.headers import read_headers, take_credentials
from harness.commands.load.order import LoadOrder
from harness.commands.load.secrets import secret_arguments, secrets_of, without_secrets
from harness.errors import UsageError
from harness.load.senders.contract import as_shown
from tests.http_server import HttpServer

COMMAND = [sys.executable, "-c", "from harness.cli import main; main()", "load"]
SECRET = "pa55word"


class Server(HttpServer):
    """Says what it was told, as servers that are being debugged do."""

    async def echo(self, body, writer):
        said = self.requests[-1][0].encode()
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: %d\r\n\r\n" % len(said) + said)

    async def elsewhere(self, body, writer):
        place = b"http://eve:pa55word@other/?token=pa55word"
        writer.write(b"HTTP/1.1 302 Found\r\nLocation: " + place + b"\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture(scope="module")
def server():
    server = Server()
    yield server
    server.close()


def load(*arguments):
    command = [*COMMAND, *arguments, "--rate", "20", "--seconds", "0.2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def order(url, **fields):
    return LoadOrder(url, "constant", 1, 1, 1, 1, None, 1, **fields)


def header_of(server, name):
    head = server.requests[-1][0]
    return next((line.partition(": ")[2] for line in head.split("\r\n") if line.lower().startswith(name + ":")), None)


@pytest.mark.parametrize(
    ("userinfo", "sent"),
    [("bob:pa55word", b"bob:pa55word"), ("b%40b:p%3A%2Fw", b"b@b:p:/w"), ("bob", b"bob:"), ("bob:a@b", b"bob:a@b")],
)
def test_a_name_and_password_in_the_url_are_sent_as_basic(server, userinfo, sent):
    code, told = load(f"http://{userinfo}@127.0.0.1:{server.port}/", "--format", "json")
    assert code in (0, 1)
    assert header_of(server, "authorization") == "Basic " + base64.b64encode(sent).decode()
    assert header_of(server, "host") == f"127.0.0.1:{server.port}"
    assert json.loads(told)["url"] == f"http://127.0.0.1:{server.port}/"


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("path", ["echo", "elsewhere", "plain"])
def test_no_secret_is_in_any_output_whatever_the_server_says(server, tmp_path, path, format):
    file = tmp_path / "headers"
    file.write_text(f"X-Token: file-{SECRET}\n\n")
    url = f"http://bob:{SECRET}@127.0.0.1:{server.port}/{path}?api_key={SECRET}&debug"
    headers = ("--header", f"X-Key: {SECRET}", "--header", f"@{file}")
    _, told = load(url, *headers, "--expect-json", "a", "--format", format)
    assert header_of(server, "x-token") == f"file-{SECRET}"
    assert header_of(server, "x-key") == SECRET
    for form in (SECRET, base64.b64encode(f"bob:{SECRET}".encode()).decode()):
        assert form not in told


@pytest.mark.parametrize(
    "url",
    [
        "http://bob:pa55word@no-such-host.invalid/",
        "http://bob:pa55/word@localhost/",
        "http://bob:pa55?word@localhost/",
        "http://bo%3Ab:pa55word@localhost/",
        "ftp://bob:pa55word@localhost/",
        "http://bob:pa55word@localhost:99999/",
        "http://localhost:99999/?key=pa55word",
        "http://localhost/ ?key=pa55word",
        "bob:pa55word@localhost",
    ],
)
def test_no_refusal_holds_a_secret(url):
    with pytest.raises(UsageError) as refused:
        order(url).check()
    assert "pa55" not in str(refused.value)
    assert "word" not in str(refused.value).replace("password", "")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("pa55word",), "--header number 1: is not accepted: write NAME:VALUE"),
        (("Bearer pa55word: x",), "--header number 1: is not accepted: write NAME:VALUE"),
        (("X: 1", "x: pa55word"), "--header number 2: x is there already: give it once"),
        (("@/no/such/file",), "--header: '@/no/such/file' cannot be read (it is no file): name a file of"),
        (("@/tmp",), "--header: '@/tmp' cannot be read (it is no file): name a file of"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused_without_its_value(given, said):
    _, (problem,) = read_headers(given)
    assert problem.startswith(said)
    assert "pa55" not in problem


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        (("X-Key: pa55word\u2744",), "--header: the value of X-Key is not accepted"),
        (("Content-Length: 5",), "--header: 'Content-Length' is not accepted"),
    ],
)
def test_headers_of_the_order_are_held_against_what_can_be_sent(headers, said):
    with pytest.raises(UsageError) as refused:
        order("http://localhost/", headers=headers).check()
    assert str(refused.value).startswith(said)
    assert "pa55" not in str(refused.value)


def test_a_password_beside_a_header_of_its_own_is_refused():
    with pytest.raises(UsageError, match="a header Authorization cannot both be sent"):
        order("http://bob:x@localhost/", headers=("authorization: y",)).check()


def test_a_method_is_sent_as_it_is_given(server):
    load(f"http://127.0.0.1:{server.port}/", "--method", "DELETE")
    assert server.requests[-1][0].startswith("DELETE / HTTP/1.1\r\n")
    code, told = load(f"http://127.0.0.1:{server.port}/", "--method", "HEAD")
    assert code == 2
    assert told.startswith("frostline: --method: 'HEAD' is not accepted")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("http://h/p", "http://h/p"),
        ("http://a:b@h/p?x=1&y=&z&w=2#f", "http://h/p?x=***&y=&***&w=***"),
        ("http://h/?m=a@b.c", "http://h/?m=***"),
        ("/login?next=/x", "/login?next=***"),
        ("", ""),
    ],
)
def test_a_url_is_shown_without_what_may_be_secret(url, shown):
    assert as_shown(url) == shown


def test_a_url_without_credentials_is_left_as_it_is():
    for url in ("http://h/?m=a@b", "http://h", "h@x", "http:///a@b"):
        assert take_credentials(url) == (url, "")
    assert take_credentials("http://@h/") == ("http://h/", "")


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep a process's arguments out of its reach")
def test_the_list_of_processes_shows_no_secret_and_nobody_else_can_read_the_plan(server, tmp_path):
    url = f"http://bob:{SECRET}@127.0.0.1:{server.port}/hang?key={SECRET}"
    command = [*COMMAND, url, "--header", f"X-Key: {SECRET}", "--timeout-s", "20", "--seconds", "1", "--workers", "2"]
    asked = len(server.requests)
    running = subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)})
    try:
        for _ in range(600):
            if len(server.requests) > asked:
                break
            with pytest.raises(subprocess.TimeoutExpired):
                running.wait(0.1)
        assert len(server.requests) > asked
        for arguments in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                assert SECRET.encode() not in arguments.read_bytes(), arguments
            except OSError:
                continue  # it has ended
        (folder,) = tmp_path.glob("frostline-load-*")
        assert folder.stat().st_mode & 0o077 == 0
        (plan,) = folder.rglob("plan.json")
        assert SECRET in plan.read_text(), "otherwise this test would prove nothing"
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


QUERY_OR_HEADER = {
    "raw-query": ("/?key=a%2Fb%2BSECRET", {}, "a%2Fb%2BSECRET"),
    "decoded-query": ("/?key=a%2Fb%2BSECRET", {}, "a/b+SECRET"),
    "lower-case-escapes": ("/?key=a%2Fb%2BSECRET", {}, "a%2fb%2bSECRET"),
    "encoded-query": ("/?key=a/bSECRET", {}, "a%2FbSECRET"),
    "bare-query": ("/?SECRETKEY", {}, "SECRETKEY"),
    "second-of-a-query": ("/?a=1;key=SECRETKEY", {}, "SECRETKEY"),
    "cookie-part": ("/", {"Cookie": "a=b; sid=SECRET"}, "SECRET"),
    "digest-part": ("/", {"Authorization": 'Digest nonce="nnnn", response="SECRET"'}, "SECRET"),
    "json": ("/", {"X-Key": "s/ecret"}, "s\\/ecret"),
    "html": ("/", {"X-Key": "se<ret"}, "se&lt;ret"),
}


@pytest.mark.parametrize(("path", "headers", "said"), QUERY_OR_HEADER.values(), ids=QUERY_OR_HEADER)
def test_a_secret_is_masked_in_every_form_in_which_a_server_may_send_it_back(path, headers, said):
    secrets = secrets_of(f"http://localhost{path}", headers)
    assert without_secrets(f"redirect to /login/{said}/x", secrets) == "redirect to /login/***/x"


def test_a_short_password_is_masked_where_it_is_a_part_of_a_url():
    secrets = secrets_of("http://localhost/", {"Authorization": "Basic " + base64.b64encode(b"bob:abc").decode()})
    assert without_secrets("by the abc at /abcd", secrets) == "by the abc at /abcd"
    assert without_secrets("status 302 Found (redirect to /pw/abc)", secrets).endswith("/pw/***)")


def test_no_beginning_of_a_secret_stands_where_a_text_was_cut():
    secrets = secrets_of("http://localhost/", {"X-Key": "hunter2hunter3hunter4"})
    assert without_secrets("to /hunter2hun", secrets, is_cut=True) == "to /***"
    assert without_secrets("to /hunter2hun", secrets) == "to /hunter2hun"


@pytest.mark.parametrize(
    ("arguments", "hidden"),
    [
        (["http://a/", "--rate", "1"], []),
        (["http://b:c@a/"], ["http://b:c@a/"]),
        (["HTTPS://a/?key", "--header", "X: y"], ["HTTPS://a/?key", "X: y"]),
        (["http://a/", "--header=X: y", "--header", "oops"], ["--header=X: y", "oops"]),
        (["b:c@a"], ["b:c@a"]),
    ],
    ids=["nothing", "password", "query", "headers", "no-url"],
)
def test_what_may_be_a_secret_is_told_by_its_look_before_anything_is_read(arguments, hidden):
    assert secret_arguments(["frostline", "load", *arguments]) == hidden
    assert secret_arguments(["frostline", "show", *arguments]) == []


def test_arguments_are_hidden_before_the_commands_are_even_imported():
    probe = (
        "import sys; sys.modules['harness.commands.app'] = None\ntry: import harness.cli\nexcept ImportError: pass\n"
    )
    probe += "print(open('/proc/self/cmdline').read())"
    if not Path("/proc/self/cmdline").exists():
        pytest.skip("only Linux can hide them")
    command = [sys.executable, "-c", probe, "load", f"http://bob:{SECRET}@localhost/", "--header", f"X: {SECRET}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert "load" in done.stdout
    assert SECRET not in done.stdout
