"""Senders in somebody else's folder: only files that set SENDER are any, and one that is broken breaks no other."""

import array
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

import targets
from harness.clock import now_ns
from harness.errors import TrialError
from harness.load import senders
from harness.load.failures import failure_from, told_of, told_of_all
from harness.load.process import LoadProcess
from harness.load.route import Route
from harness.load.senders import SenderFailed, endpoint_problems, sender, sender_names, sender_of
from harness.load.single import Lone
from harness.load.stripes import reserve
from harness.load.wire import Fate, LoadPlan
from harness.measure.forced import Asker, force_cold_starts
from targets.contract import Endpoint
from targets.names import NameTaken
from targets.workloads.echo import WORKLOAD
from tests.http_server import HttpServer

NOW = """
from harness.clock import now_ns
from harness.load.senders.http import Http, write_request

class Now(Http):
    def request(self, endpoint, body):
        return lambda: write_request(endpoint, body, {"x-signed-at": str(now_ns())})

SENDER = Now()
"""
BROKEN = """
from harness.load.senders.http import Http

class Broken(Http):
    def METHOD(self, *given):
        raise KeyError("key")

SENDER = Broken()
"""
SHORT = array.array("d", [0.0, 0.05])
EXIT = BROKEN.replace('KeyError("key")', "SystemExit(0)")
EXIT_AT_SENDING = EXIT.replace("METHOD", "request").replace("raise SystemExit", "return lambda: __import__('sys').exit")
AT_SENDING = BROKEN.replace("METHOD", "request").replace("raise KeyError(", "return lambda: {}.__getitem__(")
TEXT_FOR_BYTES = BROKEN.replace("METHOD", "request").replace("raise KeyError(", "return lambda: str(")


@dataclass
class Plugs:
    """A folder of senders on PYTHONPATH, also of the processes that a test starts."""

    folder: Path

    def write(self, name, text):
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(text)
        senders._files.cache_clear()


@pytest.fixture
def plugs(tmp_path, monkeypatch):
    folder = tmp_path / "harness" / "load" / "senders"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]).strip(":"))
    monkeypatch.setattr(senders, "__path__", [*senders.__path__, str(folder)])
    before = set(sys.modules)
    yield Plugs(folder)
    senders._files.cache_clear()
    for name in {name for name in sys.modules if name.startswith(senders.__name__)} - before:
        del sys.modules[name]


@pytest.fixture
def server():
    found = HttpServer()
    yield found
    found.close()


def send(endpoint, count=3, workers=1):
    process = LoadProcess(workers)
    try:
        plan = LoadPlan("", [endpoint], "", 0.1, timeout_s=10, keep_replies=False)
        sent = process.carry_out(plan, array.array("d", [n / 50 for n in range(count)]), [b"{}"], lambda ended: None)
        sent.replies.close()
        return sent
    finally:
        process.close()


def url(server):
    return f"http://127.0.0.1:{server.port}/"


def test_a_sender_of_ones_own_is_found_and_signs_at_the_moment_of_sending(plugs, server):
    plugs.write("toy_now.py", NOW)
    assert sender_names() == ["aws-invoke", "boto3", "http", "https", "toy-now"]
    sent = send(Endpoint(url(server), sender="toy-now"), 5)
    signed = [int(head.split("x-signed-at: ")[1].split("\r")[0]) for head, _ in server.requests]
    assert len(set(signed)) == 5
    assert (sent.records["started_ns"] <= signed).all() and (signed <= sent.records["sent_ns"]).all()


def test_what_lies_beside_senders_is_none_and_does_plain_http_no_harm(plugs, server):
    plugs.write("helper.py", '"""Shared by others; each of them has a line\n    SENDER = ...\n"""\nSENDERS = 2\n')
    plugs.write("parts/__init__.py", "SENDERS = 1\n")
    plugs.write("signed.py", "import a_library_that_is_absent\n\nSENDER: object = a_library_that_is_absent.Sender()\n")
    (plugs.folder / "latin.py").write_bytes(b"# \xff\n")
    assert sender_names() == ["aws-invoke", "boto3", "http", "https", "signed"]
    assert sender_of(Endpoint(url(server))) is sender("http")
    assert send(Endpoint(url(server))).records["fate"].tolist() == [Fate.ANSWERED] * 3
    (problem,) = endpoint_problems(Endpoint(url(server), sender="signed"))
    assert problem.startswith(f"sender: {plugs.folder / 'signed.py'} cannot be read: ModuleNotFoundError: No module")
    (problem,) = endpoint_problems(Endpoint("gopher://x/"))
    assert problem == "url: 'gopher://x/' is not accepted: begin it with http:// or https://"


def test_a_scheme_is_served_by_the_sender_of_its_name_and_by_no_other(plugs):
    plugs.write("toy.py", NOW)
    assert type(sender_of(Endpoint("toy://x/"))).__name__ == "Now"
    assert sender_of(Endpoint("http://x/")) is sender("http")


def test_two_senders_of_one_name_are_one_error(plugs):
    plugs.write("https.py", NOW)
    with pytest.raises(NameTaken, match=r"sender https is in .* and in .*: rename one of the two files"):
        sender_names()
    (problem,) = endpoint_problems(Endpoint("http://x/"))
    assert problem.startswith("sender https is in ")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BROKEN.replace("METHOD", "problems"), "sender: toy raised KeyError: 'key'"),
        (BROKEN.replace("METHOD", "request"), "sender: toy raised KeyError: 'key'"),
        (BROKEN.replace("METHOD", "tls"), "sender: toy raised KeyError: 'key'"),
        (AT_SENDING, "sender: toy raised KeyError: 'key'"),
        (EXIT_AT_SENDING, "sender: toy raised SystemExit: 0"),
        (EXIT.replace("METHOD", "request"), "sender: toy raised SystemExit: 0"),
        (EXIT.replace("METHOD", "problems"), "sender: toy raised SystemExit: 0"),
        (TEXT_FOR_BYTES, "sender: toy raised TypeError: a bytes-like object is required, not 'str'"),
        ("SENDER = None\n", "sender: toy raised AttributeError: 'NoneType' object has no attribute 'problems'"),
        ("raise OSError('no')\nSENDER = None\n", r"sender: .*toy.py cannot be read: OSError: no"),
    ],
    ids=[
        "problems",
        "request",
        "tls",
        "sending",
        "exit-sending",
        "exit-request",
        "exit-problems",
        "text",
        "none",
        "import",
    ],
)
def test_a_sender_that_raises_ends_the_trial_and_not_the_run(plugs, server, text, said):
    plugs.write("toy.py", text)
    endpoint = Endpoint(url(server), sender="toy")
    with pytest.raises(SenderFailed, match=said):
        Lone(endpoint, [b"{}"]).ask(0, now_ns(), 5)
    for workers in (1, 2):
        with pytest.raises(SenderFailed, match=f"^{said}"):
            send(endpoint, workers=workers)
    (problem,) = forced(endpoint).problems
    assert problem.startswith("no further cold start could be forced after 0: sender: ")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_host_without_an_address_and_a_sender_that_raises_leave_the_load_process_to_the_next(plugs, server, workers):
    plugs.write("toy.py", AT_SENDING)
    process = LoadProcess(workers)
    try:
        for endpoint, said in (
            (Endpoint("http://no-such-host.invalid/"), "^url: its host has no address at this moment: "),
            (Endpoint(url(server), sender="toy"), "^sender: toy raised KeyError: 'key'$"),
        ):
            with pytest.raises(SenderFailed, match=said):
                process.carry_out(LoadPlan("", [endpoint], "", 0.1), SHORT, [b""], lambda ended: None)
        fine = LoadPlan("", [Endpoint(url(server))], "", 0.1)
        sent = process.carry_out(fine, SHORT, [b""], lambda ended: None)
        sent.replies.close()
        assert sent.records["fate"].tolist() == [Fate.ANSWERED] * 2
    finally:
        process.close()


def test_what_is_no_senders_fault_in_any_worker_is_none_of_the_trials():
    theirs, ours = told_of(SenderFailed("theirs")), told_of(TrialError("ours"))
    for reports, kind, said in (
        ([theirs, {}, theirs], SenderFailed, "theirs"),
        ([theirs, ours], TrialError, "the load process failed: ours; theirs"),
        ([{}, told_of(KeyError("x"))], TrialError, "the load process failed: KeyError: 'x'"),
    ):
        failure = failure_from(told_of_all(reports))
        assert (type(failure), str(failure)) == (kind, said)
    assert told_of_all([{}, {}]) == {}


class Deployed:
    """Nothing of it is ever cold, and it is asked all the same."""

    def __init__(self, endpoint):
        self.endpoints = (endpoint,)

    def make_cold(self):
        pass

    wake = make_cold

    def events(self):
        return []


def forced(endpoint):
    asker, can = Asker(list(WORKLOAD.payloads()), 5), targets.target("process-service").capabilities
    sent = force_cold_starts(Deployed(endpoint), can, asker, 1, False, lambda proven: None)
    assert len(sent.records) == 0
    return sent


def test_what_a_sender_refuses_is_refused_before_a_single_request_too():
    for fields, said in (({"method": "HEAD"}, "method: 'HEAD'"), ({"sender": "post"}, "sender: 'post' is not one of")):
        endpoint = Endpoint("http://127.0.0.1:1/", **fields)
        with pytest.raises(SenderFailed, match=said):
            Route.to(endpoint, [b""], True)
        assert said in forced(endpoint).problems[0]


def test_with_two_workers_a_refusal_is_told_at_once_and_by_whoever_sees_it(server, tmp_path):
    process = LoadProcess(2)
    try:
        plan, schedule = (
            LoadPlan(str(tmp_path), [Endpoint(url(server), "HEAD")], "0" * 64, 0.1),
            array.array("d", [0.0]),
        )
        with pytest.raises(SenderFailed, match="method: 'HEAD' is not accepted"):
            process.carry_out(plan, schedule, [b""], lambda ended: None)
        plan.write(schedule, [b""])
        planned = pytest.raises(TrialError, match=r"failed: the schedule on disk is not the one that was planned$")
        with reserve(plan, len(schedule), 2), planned:
            process._send_order(plan, lambda ended: None)
        fine = LoadPlan("", [Endpoint(url(server))], "", 0.1)
        sent = process.carry_out(fine, SHORT, [b""], lambda ended: None)
        sent.replies.close()
        assert sent.records["fate"].tolist() == [Fate.ANSWERED] * 2
    finally:
        process.close()
