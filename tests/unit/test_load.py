"""The load path against a server of our own: whatever that does, every arrival has exactly one record."""

import array
import asyncio
import errno
import itertools
import json
import resource
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pytest

from harness.commands.load.order import LoadOrder
from harness.commands.load.summary import summarise
from harness.errors import TrialError
from harness.load.host_times import HostTimes
from harness.load.limits import cap_problem, prewarm_problem
from harness.load.process import RECORD_TYPE, Arrival, LoadProcess, Sent, read_sent
from harness.load.replies import Body, Reply, Spool
from harness.load.senders import SenderFailed
from harness.load.wire import (
    DEFAULT_CAP,
    RECORD,
    SCHEDULE,
    ErrorTexts,
    Fate,
    LoadPlan,
    fate_of,
    unheard,
)
from loadprofiles.contract import fingerprint
from targets.contract import Endpoint
from tests.http_server import HttpServer

JSON_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Timeline: kept\r\n"


class Server(HttpServer):
    """Replies in every form that there is; counts the bodies that arrived."""

    @property
    def bodies(self):
        return Counter(body for _, body in self.requests)

    async def plain(self, body, writer):
        writer.write(JSON_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def closing(self, body, writer):
        writer.write(JSON_HEAD + b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        raise ConnectionError

    async def chunked(self, body, writer):
        writer.write(JSON_HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for at in range(0, len(body), 3):
            part = body[at : at + 3]
            writer.write(b"%x\r\n" % len(part) + part + b"\r\n")
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async def lengthless(self, body, writer):
        writer.write(JSON_HEAD + b"\r\n" + body)
        raise ConnectionError

    async def bytewise(self, body, writer):
        for byte in JSON_HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async def interim(self, body, writer):
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        await self.plain(body, writer)

    async def hangup(self, body, writer):
        raise ConnectionError

    async def cut(self, body, writer):
        writer.write(JSON_HEAD + b"Content-Length: %d\r\n\r\n" % (len(body) + 1) + body)
        raise ConnectionError

    async def garbage(self, body, writer):
        writer.write(b"SSH-2.0-OpenSSH\r\n")

    async def upgrade(self, body, writer):
        writer.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")

    async def failing(self, body, writer):
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")


@pytest.fixture(scope="module")
def process():
    load = LoadProcess()
    yield load
    load.close()


@pytest.fixture
def server():
    found = Server()
    yield found
    found.close()


sent_by_tests = []


@pytest.fixture(autouse=True)
def close_replies():
    yield
    while sent_by_tests:
        sent_by_tests.pop().replies.close()


def offsets(count, rate=500):
    return array.array("d", [n / rate for n in range(count)])


def bodies(count):
    return [b'{"n": %d}' % n for n in range(count)]


SAME_AS_RECORD = (
    *("connect_ns", "tls_ns", "sent_ns", "first_byte_ns", "first_chunk_ns", "last_chunk_ns", "done_ns"),
    *("chunk_gap_p50_ns", "chunk_gap_p95_ns"),
    *("reply_bytes", "body_bytes", "chunks", "in_flight", "status"),
)


def endpoint(port, path="/", **fields):
    return Endpoint(f"http://127.0.0.1:{port}{path}", **fields)


def whole(replies):
    """Every kept reply by the index of its arrival: the kept header and the whole body."""
    return {index: (reply.header, replies.head(reply.head) + reply.tail) for index, reply in replies}


def send(process, port, path="/", count=50, rate=500, kept_header="x-timeline", **changes):
    """`count` arrivals, each with a body of its own."""
    fields = {"timeout_s": 10, "prewarm": 2, **changes}
    plan = LoadPlan("", [endpoint(port, path, kept_header=kept_header)], "", count / rate, **fields)
    result = process.carry_out(plan, offsets(count, rate), bodies(count), lambda ended: None)
    sent_by_tests.append(result)
    records = result.records
    assert records["index"].tolist() == list(range(count))
    assert (records["scheduled_ns"] - result.begin_ns).tolist() == [int(t * 1e9) for t in offsets(count, rate)]
    assert len(result.errors) == count
    return result


def fates(result):
    return Counter(Fate(fate).name for fate in result.records["fate"].tolist())


def test_the_record_is_the_same_to_both_its_readers():
    assert RECORD_TYPE.itemsize == RECORD.size
    values = tuple(range(1, len(RECORD_TYPE.names)))
    (record,) = np.frombuffer(RECORD.pack(*values), RECORD_TYPE)
    assert tuple(record[name] for name in RECORD_TYPE.names if name != "padding") == values
    assert Fate.UNFINISHED == 0


def test_error_texts_are_numbered_once():
    texts = ErrorTexts()
    assert [texts.number(text) for text in ("a", "b", "a", "", "b")] == [1, 2, 1, 0, 2]
    assert texts.texts == ["", "a", "b"]
    assert texts.number("x" * 5000) == texts.number("x" * ErrorTexts.LONGEST) == 3


def test_error_texts_past_the_limit_share_a_number():
    texts = ErrorTexts()
    numbers = [texts.number(f"error {n}") for n in range(ErrorTexts.MOST + 50)]
    assert len(texts.texts) == ErrorTexts.MOST
    assert set(numbers[ErrorTexts.MOST - 1 :]) == {ErrorTexts.MOST - 1}
    assert texts.number("error 5") == 6
    assert texts.texts[-1] == "another reason: more than 1,000 different ones were seen"
    assert texts.number("of another request") == ErrorTexts.MOST - 1


def test_redirects_to_a_place_of_each_request_use_up_no_numbers():
    texts = ErrorTexts()
    numbers = {texts.number(texts.redirect(f"/session/{n}")) for n in range(2000)}
    assert len(numbers) == ErrorTexts.MOST_PLACES + 1
    assert texts.texts[-1] == "redirects, to more than 20 different places"
    assert texts.redirect("/session/3") == "redirect to /session/3", "a place that is known keeps its name"
    assert texts.texts[texts.number("closed before the reply")] == "closed before the reply"


def written(folder, count=5):
    schedule = offsets(count)
    endpoints = [
        endpoint(1, "/a"),
        Endpoint("https://localhost/b", "PUT", {"x-a": "b"}, insecure=True, request_id_header="id"),
        Endpoint("http://localhost/c", kept_header="x-c", sender_settings=MappingProxyType({"region": "eu-west-1"})),
    ]
    plan = LoadPlan(str(folder), endpoints, fingerprint(schedule), 1.0)
    plan.write(schedule, [b"", b"{}", b"\x00" * 300])
    return plan


def test_a_plan_is_read_as_it_was_written(tmp_path):
    plan = written(tmp_path)
    found = LoadPlan.read(str(tmp_path))
    assert found == plan
    assert found.offsets().tobytes() == offsets(5).tobytes()
    assert found.bodies() == [b"", b"{}", b"\x00" * 300]
    assert found.drain_s > found.timeout_s


def test_without_bodies_there_is_an_empty_one(tmp_path):
    plan = written(tmp_path)
    plan.write(offsets(5), [])
    assert plan.bodies() == [b""]


@pytest.mark.parametrize("change", [lambda data: data[:-8], lambda data: data + data[:8], lambda data: data[::-1]])
def test_a_tampered_schedule_is_refused(tmp_path, change):
    plan = written(tmp_path)
    (tmp_path / SCHEDULE).write_bytes(change((tmp_path / SCHEDULE).read_bytes()))
    with pytest.raises(TrialError, match="not the one that was planned"):
        plan.offsets()


def left(folder, *stripes):
    """Files as two workers leave them; returns the plan and the message that names the workers."""
    for rank, indexes in enumerate(stripes):
        (folder / f"records.{rank}").write_bytes(
            b"".join(RECORD.pack(index, *range(15), 200, index % 2, Fate.ANSWERED, 0, 0) for index in indexes)
        )
        (folder / f"errors.{rank}").write_text(json.dumps(f"error of {rank}") + "\n")
        spool = Spool.create(folder / f"replies.{rank}", folder / f"heads.{rank}")
        for index in indexes:
            spool.keep(index, b"h", b"", False, Body.of(b"%02d" % index))
        spool.close()
    return written(folder), {"begin_ns": 1, "workers": [unheard(rank) for rank in range(len(stripes))]}


def test_stripes_are_joined_in_the_order_of_the_schedule(tmp_path):
    result = read_sent(*left(tmp_path, [0, 2, 4], [1, 3]), 5)
    sent_by_tests.append(result)
    assert result.records["index"].tolist() == [0, 1, 2, 3, 4]
    assert result.errors == ["", "error of 1", "", "error of 1", ""]
    assert whole(result.replies) == {n: (b"h", b"%02d" % n) for n in range(5)}


@pytest.mark.parametrize(
    "stripes", [([0, 2, 4], [1]), ([0, 2, 4], [1, 3, 3]), ([0, 2, 4], [1, 2]), ([0, 2, 4], [1, 5]), ([], [])]
)
def test_a_missing_or_double_arrival_is_refused(tmp_path, stripes):
    with pytest.raises(TrialError, match="coverage is not exact"):
        read_sent(*left(tmp_path, *stripes), 5)


def test_every_arrival_is_sent_once_and_its_reply_kept(process, server):
    result = send(process, server.port, count=300)
    assert fates(result) == {"ANSWERED": 300}
    assert server.bodies == dict.fromkeys(bodies(300), 1)
    assert whole(result.replies) == {n: (b"kept", body) for n, body in enumerate(bodies(300))}
    records = result.records
    stamps = [records[f"{name}_ns"] for name in ("scheduled", "started", "sent", "first_byte", "done")]
    assert all((later >= earlier).all() for earlier, later in itertools.pairwise(stamps))
    assert set(records["status"].tolist()) == {200}
    assert records["reply_bytes"].tolist() == [len(body) for body in bodies(300)]
    assert server.connections - 2 == records["fresh"].sum()
    (worker,) = result.workers
    assert worker["rank"] == 0
    assert worker["cpu_share"] > 0
    assert {"timer", "priority"} <= set(worker)


def test_two_workers_share_a_schedule(server):
    process = LoadProcess(2)
    try:
        for _ in range(2):
            result = send(process, server.port, count=301)
            assert fates(result) == {"ANSWERED": 301}
            assert len(result.replies) == 301
            assert sorted(worker["rank"] for worker in result.workers) == [0, 1]
        assert server.bodies == dict.fromkeys(bodies(301), 2)
        assert fates(send(process, server.port, count=1)) == {"ANSWERED": 1}
    finally:
        process.close()
        process.close()
    assert not process.folder.exists()


@pytest.mark.parametrize("path", ["/chunked", "/lengthless", "/bytewise", "/interim", "/closing"])
def test_every_form_of_a_whole_reply_is_understood(process, server, path):
    result = send(process, server.port, path)
    assert fates(result) == {"ANSWERED": 50}
    assert whole(result.replies) == {n: (b"kept", body) for n, body in enumerate(bodies(50))}
    assert set(result.records["status"].tolist()) == {200}
    assert max(server.bodies.values()) == 1


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/hangup", "closed before the reply"),
        ("/cut", "closed in mid-reply"),
        ("/garbage", "not HTTP/1.1"),
        ("/upgrade", "not HTTP/1.1"),
    ],
)
def test_what_is_not_a_whole_reply_has_failed_and_is_never_sent_again(process, server, path, text):
    result = send(process, server.port, path)
    assert fates(result) == {"FAILED": 50}
    assert all(text in error or "reset" in error for error in result.errors)
    assert any(text in error for error in result.errors)
    assert max(server.bodies.values()) == 1
    assert fates(send(process, server.port)) == {"ANSWERED": 50}


def test_an_error_status_is_an_answer(process, server):
    result = send(process, server.port, "/failing")
    assert fates(result) == {"ANSWERED": 50}
    assert set(result.records["status"].tolist()) == {503}
    assert len(result.replies) == 0


def test_a_hung_request_times_out_and_is_counted(process, server):
    result = send(process, server.port, "/hang", count=20, timeout_s=0.3)
    assert fates(result) == {"TIMED_OUT": 20}
    assert set(result.errors) == {"no reply in time"}
    assert not result.records["first_byte_ns"].any()
    assert result.records["in_flight"].max() == 20
    assert max(server.bodies.values()) == 1


def test_beyond_the_cap_arrivals_are_shed(process, server):
    result = send(process, server.port, "/hang", count=6, timeout_s=0.5, cap=1)
    assert [Fate(fate).name for fate in result.records["fate"].tolist()] == ["TIMED_OUT", *["SHED"] * 5]
    assert not result.records["sent_ns"][1:].any()
    assert server.bodies == {bodies(1)[0]: 1}


def test_a_refused_connection_is_a_failed_row(process):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        result = send(process, unused.getsockname()[1])
    assert fates(result) == {"FAILED": 50}
    assert all("Connection refused" in error for error in result.errors)
    assert not result.records["sent_ns"].any()


def test_a_schedule_may_be_empty(process, server):
    assert len(send(process, server.port, count=0).records) == 0


def test_replies_are_dropped_where_nobody_needs_them(process, server):
    result = send(process, server.port, keep_replies=False, kept_header="")
    assert fates(result) == {"ANSWERED": 50}
    assert len(result.replies) == 0


def test_each_endpoint_has_its_own_header_kept(process, server):
    names = ("x-timeline", "content-type", "")
    plan = LoadPlan("", [endpoint(server.port, kept_header=name) for name in names], "", 0.1)
    result = process.carry_out(plan, offsets(6), [b"{}"], lambda ended: None)
    sent_by_tests.append(result)
    assert [reply.header for _, reply in sorted(result.replies)] == [b"kept", b"application/json", b""] * 2


def test_endpoints_are_taken_in_turn(process, server):
    other = Server()
    try:
        plan = LoadPlan("", [endpoint(server.port), endpoint(other.port)], "", 0.1)
        sent_by_tests.append(process.carry_out(plan, offsets(10), bodies(10), lambda ended: None))
        assert sorted(server.bodies) == bodies(10)[::2]
        assert sorted(other.bodies) == bodies(10)[1::2]
    finally:
        other.close()


def test_a_plan_that_cannot_be_carried_out_is_told_and_the_next_one_goes_on(process, server):
    plan = LoadPlan("", [Endpoint(f"http://{'x' * 70}/")], "", 0.1)
    with pytest.raises(SenderFailed, match=r"^url: its host has no address at this moment: .* is no name of a host"):
        process.carry_out(plan, offsets(3), bodies(3), lambda ended: None)
    assert fates(send(process, server.port)) == {"ANSWERED": 50}


def test_progress_is_told_while_requests_run(process, server):
    told = []
    plan = LoadPlan("", [endpoint(server.port)], "", 1.2)
    sent_by_tests.append(process.carry_out(plan, offsets(12, 10), bodies(12), told.append))
    assert told
    assert told == sorted(told)
    assert max(told) <= 12


limits_of_others = pytest.mark.skipif(
    not hasattr(resource, "prlimit"), reason="limits of another process are set on Linux only"
)


def open_descriptors(process):
    return len(list(Path(f"/proc/{process._process.pid}/fd").iterdir()))


@limits_of_others
def test_without_descriptors_the_generator_is_to_blame_and_no_arrival_is_lost(server):
    """The limit falls while requests hang: arrivals after that were never sent, and say so; what hung has timed out.

    The schedule pauses for 5 s, so that the first report, after which the limit falls, may come late.
    """
    process = LoadProcess()

    def starve(ended):
        before, _ = resource.prlimit(process._process.pid, resource.RLIMIT_NOFILE)
        most = min(before, open_descriptors(process) + 2)
        resource.prlimit(process._process.pid, resource.RLIMIT_NOFILE, (most, most))

    try:
        plan = LoadPlan("", [endpoint(server.port, "/hang")], "", 7.0, timeout_s=2.5, prewarm=0)
        schedule = array.array("d", [n / 20 + (5 if n >= 10 else 0) for n in range(40)])
        sent = process.carry_out(plan, schedule, bodies(1), starve)
        sent_by_tests.append(sent)
    finally:
        process.close()
    assert set(fates(sent)) == {"EXHAUSTED", "TIMED_OUT"}
    never = sent.records["fate"] == Fate.EXHAUSTED
    assert not sent.records["sent_ns"][never].any()
    assert not sent.records["fresh"][never].any()
    assert {error for error, unsent in zip(sent.errors, never, strict=True) if unsent} == {
        "[Errno 24] Too many open files"
    }
    order = LoadOrder("http://x/", "constant", 20, 7.0, 1, 1, None, 2.5)
    summary = summarise(sent, order, HostTimes.read())
    assert summary["shed"] == never.sum()
    assert any(problem.startswith(f"{never.sum()} arrivals were not carried out") for problem in summary["problems"])


@limits_of_others
def test_a_cap_beyond_the_descriptors_is_refused_before_anything_is_sent(server):
    process = LoadProcess()
    try:
        send(process, server.port, count=3)
        resource.prlimit(process._process.pid, resource.RLIMIT_NOFILE, (500, 500))
        with pytest.raises(TrialError, match=r"load.cap: 461 is not accepted: .* 500 descriptors .*ulimit -Hn 501"):
            send(process, server.port, cap=461)
        assert fates(send(process, server.port, count=3, cap=460)) == {"ANSWERED": 3}
    finally:
        process.close()


@limits_of_others
def test_a_load_process_may_open_as_many_descriptors_as_the_hard_limit_allows(server):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    process = LoadProcess()
    try:
        send(process, server.port, count=1, cap=1)
        assert resource.prlimit(process._process.pid, resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        process.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@limits_of_others
def test_prewarming_without_descriptors_leaves_it_to_the_arrivals(server):
    """Counted in this process's own limit: connections that cannot be opened beforehand end nothing."""
    code = (
        "from gevent import monkey; monkey.patch_all()\n"
        "import os, resource\n"
        "from harness.load.client import Client\n"
        "from harness.load.wire import LoadPlan\n"
        "from targets.contract import Endpoint\n"
        f"plan = LoadPlan('', [Endpoint('http://127.0.0.1:{server.port}/')] * 3, '', 1.0, prewarm=8)\n"
        "client = Client(plan, [b'{}'])\n"
        "most = max(map(int, os.listdir('/proc/self/fd'))) + 8\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))\n"
        "client.prewarm()\n"
        "print(0 < sum(map(len, client._idle)) < 24)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("True\n", 0), done.stderr


def test_prewarmed_connections_are_measured_by_the_descriptors():
    assert prewarm_problem(28, 3, 124) is None
    assert prewarm_problem(29, 3, 124).startswith("load.prewarm: 29 is not accepted: at 3 endpoints it takes 87")
    assert prewarm_problem(16, 30, 124) is None, "what nobody asked for gives way"


def test_a_cap_is_measured_by_the_descriptors():
    assert cap_problem(960, 1000) is None
    assert cap_problem(961, 1000).startswith("load.cap: 961 is not accepted")
    assert "enough for 0 requests" in cap_problem(1, 40)
    assert cap_problem(DEFAULT_CAP, 50) is None, "what nobody asked for gives way"


@pytest.mark.parametrize(
    ("number", "fate"),
    [
        (errno.EMFILE, Fate.EXHAUSTED),
        (errno.ENFILE, Fate.EXHAUSTED),
        (errno.EADDRNOTAVAIL, Fate.EXHAUSTED),
        (errno.ECONNREFUSED, Fate.FAILED),
        (errno.ECONNRESET, Fate.FAILED),
    ],
)
def test_whose_fault_an_error_is(number, fate):
    assert fate_of(OSError(number, "x")) is fate


def test_a_load_process_that_says_nothing_is_waited_for_no_longer_than_its_plan_takes(monkeypatch, server):
    monkeypatch.setattr("harness.load.patience.READY_S", 1)
    process = LoadProcess()
    process._process.send_signal(signal.SIGSTOP)
    try:
        with pytest.raises(TrialError, match=r"said nothing for .* s and was killed before it began its schedule"):
            send(process, server.port, count=50, rate=500, timeout_s=1)
        assert process._process.wait(10) == -signal.SIGKILL
    finally:
        process.close()


def test_arrivals_that_were_sent_one_by_one_have_the_same_form():
    fields = dict(zip(SAME_AS_RECORD, range(1, 20), strict=False))
    reply = Reply(b"h", "id", b'"frostline": 1}', streamed=True)
    first = Arrival(0, 10, Fate.ANSWERED, **fields, fresh=True, resent=True, reply=reply, head=b"{")
    sent = Sent.of(5, [first])
    assert sent.records.dtype == RECORD_TYPE
    (record,) = sent.records
    assert {name: int(record[name]) for name in fields} == fields
    names = ("index", "scheduled_ns", "started_ns", "fate", "fresh", "resent")
    assert [int(record[name]) for name in names] == [0, 10, 0, 1, 1, 1]
    second = Arrival(1, 20, Fate.ANSWERED, reply=Reply(b"h"), head=b"other")
    both = sent.join(Sent.of(5, [second, Arrival(2, 30, Fate.FAILED, error="reset")]))
    assert both.records["index"].tolist() == [0, 1, 2]
    assert (both.errors, both.begin_ns) == (["", "", "reset"], 5)
    assert dict(both.replies) == {0: reply, 1: Reply(b"h", head=1)}
    assert [both.replies.head(number) for number in (0, 1)] == [b"{", b"other"]


def test_a_load_process_that_ended_is_a_trial_error(server):
    process = LoadProcess()
    process._process.kill()
    process._process.wait()
    with pytest.raises(TrialError, match="ended"):
        send(process, server.port)
    process.close()
    assert not process.folder.exists()


COUNTS = ("good", "failed", "timed_out", "shed", "unfinished")


def command(*arguments):
    """`frostline load` in a process of its own: (exit code, its JSON)."""
    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli import main; main()", "load", *arguments, "--format", "json"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_summary_of_frostline_load(server, tmp_path):
    body = tmp_path / "body.json"
    body.write_bytes(b'{"a": 1}')
    code, told = command(
        f"http://127.0.0.1:{server.port}/plain?x=1",
        *("--rate", "100", "--seconds", "0.5", "--seed", "9", "--body", str(body)),
    )
    assert told["schema"] == "frostline/load/1"
    assert (told["scheduled"], told["good"]) == (50, 50)
    assert sum(told[name] for name in COUNTS) == 50
    assert server.bodies == {b'{"a": 1}': 50}
    for name in ("latency_ms", "service_ms", "lag_ms"):
        assert list(told[name]) == ["p50", "p95", "p99", "max"]
        assert told[name]["p50"] <= told[name]["max"]
        assert told[name]["p95"] is told[name]["p99"] is None, "50 requests are too few for them, as in a table"
    assert told["latency_ms"]["p50"] >= told["service_ms"]["p50"]
    assert told["errors"] == {}
    assert code == (1 if told["problems"] else 0)


def test_failures_are_infinitely_late_in_the_summary(process, server):
    order = LoadOrder("http://x/", "constant", 500, 0.1, 1, 1, None, 10)
    told = summarise(send(process, server.port, "/failing"), order, HostTimes.read())
    assert (told["scheduled"], told["good"], told["failed"]) == (50, 0, 50)
    assert set(told["latency_ms"].values()) == {None}
    assert set(told["service_ms"].values()) == {None}
    assert told["lag_ms"]["p50"] is not None
    json.dumps(told, allow_nan=False)
