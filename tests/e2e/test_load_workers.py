"""Load workers on other machines: here each in a network namespace of its own, beside a host that is the run's."""

import array
import json
import os
import platform
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
import zmq

from harness.errors import TrialError
from harness.load.failures import WorkersLost
from harness.load.far.process import Listening
from harness.load.far.token import VARIABLE, keys
from harness.load.process import LoadProcess
from harness.load.senders import SenderFailed
from harness.load.wire import Fate, LoadPlan
from harness.measure.generator import validity_problems
from targets.contract import Endpoint
from tests.certificates import make_certificate
from tests.http_server import HttpServer

REQUIRED = "FROSTLINE_REQUIRE_NETNS"
ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
AHEAD_S = 5_000
"""How far the clock of the one worker with a time namespace is off."""


class Witness(HttpServer):
    """Knows when each body came, by the clock of this machine."""

    def __init__(self, host):
        self.came_ns = {}
        super().__init__(host)

    async def plain(self, body, writer):
        self.came_ns[body] = time.monotonic_ns()
        await super().plain(body, writer)


class Site:
    """A run's machine with an address that others can reach, and two others."""

    def __init__(self):
        self.name = f"fl{secrets.token_hex(3)}"
        self.net = f"198.18.{secrets.randbelow(256)}"
        self.host = f"{self.net}.1"
        self.spaces = [f"{self.name}-{number}" for number in range(2)]

    def build(self):
        for number, space in enumerate(self.spaces):
            ip("netns", "add", space)
            here, there = f"{self.name}h{number}", f"{self.name}n{number}"
            ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", space)
            ip("addr", "add", f"{self.net}.{4 * number + 1}/30", "dev", here)
            ip("link", "set", here, "up")
            ip("-n", space, "addr", "add", f"{self.net}.{4 * number + 2}/30", "dev", there)
            ip("-n", space, "link", "set", there, "up")
            ip("-n", space, "link", "set", "lo", "up")
            ip("-n", space, "route", "add", "default", "via", f"{self.net}.{4 * number + 1}")

    def cut(self, number):
        ip("link", "set", f"{self.name}h{number}", "down")

    def mend(self, number):
        ip("link", "set", f"{self.name}h{number}", "up")

    def remove(self):
        for space in self.spaces:
            with suppress(subprocess.CalledProcessError):
                ip("netns", "del", space)


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True, capture_output=True, timeout=20)


def why_no_site():
    if os.geteuid() != 0 or not shutil.which("ip") or not shutil.which("unshare"):
        return "network namespaces need root, iproute2 and util-linux"
    probe = f"fl{secrets.token_hex(3)}"
    try:
        ip("netns", "add", probe)
        ip("netns", "del", probe)
    except (subprocess.SubprocessError, OSError) as error:
        return f"no network namespace can be made: {error}"
    return None


@pytest.fixture(scope="module")
def site():
    if why := why_no_site():
        if os.environ.get(REQUIRED) == "1":
            pytest.fail(f"{REQUIRED}=1, but {why}", pytrace=False)
        pytest.skip(why)
    found = Site()
    try:
        found.build()
        yield found
    finally:
        found.remove()


@pytest.fixture
def server(site):
    found = Witness(site.host)
    yield found
    found.close()


class Far:
    """A run that waits, and the workers that are started for it."""

    def __init__(self, host, workers=2, within_s=60.0):
        self.token, self.told, self.processes = secrets.token_hex(32), [], []
        self.host, self.port = host, free_port(host)
        self.load = Listening(host, self.port, within_s, self.token, self.told.append).open(workers, {})

    def start(self, *before, token=None, environment=None, to=None):
        command = [*before, str(BIN / "frostline"), "load-worker", "--join", to or f"{self.host}:{self.port}"]
        variables = {**os.environ, VARIABLE: token or self.token, **(environment or {})}
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.processes.append(subprocess.Popen(command, env=variables, start_new_session=True, **options))
        return self.processes[-1]

    def close(self):
        self.load.close()
        for process in self.processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)
            process.stdout.close()


def free_port(host):
    with socket.socket() as found:
        found.bind((host, 0))
        return found.getsockname()[1]


@contextmanager
def run_at(host, workers=2, within_s=60.0):
    far = Far(host, workers, within_s)
    try:
        yield far
    finally:
        far.close()


def inside(space):
    return ["ip", "netns", "exec", space]


def send(far, server, count=400, rate=100, **fields):
    plan = LoadPlan("", [Endpoint(f"http://{fields.pop('host', far.host)}:{server.port}/")], "", count / rate, **fields)
    offsets = array.array("d", [n / rate for n in range(count)])
    bodies = [b'{"n": %d}' % n for n in range(count)]
    sent = far.load.carry_out(plan, offsets, bodies, lambda ended: None)
    kept = [index for index, _ in sent.replies]
    sent.replies.close()
    assert sent.records["index"].tolist() == list(range(count))
    assert (sent.records["scheduled_ns"] - sent.begin_ns).tolist() == [int(offset * 1e9) for offset in offsets]
    return sent, kept


def fates(records):
    return Counter(Fate(fate).name for fate in records["fate"].tolist())


def after(server, count, action):
    """Do something as soon as so many requests have come."""

    def wait():
        deadline = time.monotonic() + 60
        while len(server.requests) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_two_machines_share_a_schedule_exactly_whatever_their_clocks_show(site, server):
    """One worker's clock is hours ahead: its stamps come back on the run's clock, within the bound that it tells."""
    with run_at(site.host) as far:
        far.start(*inside(site.spaces[0]))
        far.start(*inside(site.spaces[1]), "unshare", "--time", "--monotonic", str(AHEAD_S))
        far.load.muster()
        for _ in range(2):
            server.requests.clear()
            sent, kept = send(far, server)
            assert Counter(body for _, body in server.requests) == {b'{"n": %d}' % n: 1 for n in range(400)}
            assert fates(sent.records) == {"ANSWERED": 400} and sorted(kept) == list(range(400))
            assert sent.problems == []
            assert sorted(round(clock(worker)["ahead_ns"] / 1e9) for worker in sent.workers) == [0, AHEAD_S]
            for worker in sent.workers:
                stripe, bound_ns = sent.records[worker["rank"] :: 2], clock(worker)["bound_ns"]
                came_ns = np.array([server.came_ns[b'{"n": %d}' % n] for n in stripe["index"]])
                assert (stripe["started_ns"] - bound_ns <= came_ns).all()
                assert (came_ns <= stripe["first_byte_ns"] + bound_ns).all()
                assert worker["far"]["machine"] and worker["lost"] == ""
    assert [process.returncode for process in far.processes] == [0, 0]
    assert far.told[0].startswith(f"waiting for workers at {site.host}:{far.port}: 2")


def clock(worker):
    return worker["far"]["clock"]


@pytest.mark.lasting
@pytest.mark.parametrize("way", ["killed", "cut off"])
def test_a_worker_that_is_lost_makes_it_invalid_and_what_the_other_measured_is_kept(site, server, way):
    with run_at(site.host) as far:
        far.start(*inside(site.spaces[0]))
        other = far.start(*inside(site.spaces[1]))
        far.load.muster()
        end = (lambda: os.killpg(other.pid, signal.SIGKILL)) if way == "killed" else (lambda: site.cut(1))
        thread = after(server, 50, end)
        try:
            sent, kept = send(far, server, count=300, timeout_s=20.0)
        finally:
            thread.join()
        (lost,) = [worker for worker in sent.workers if worker["lost"]]
        (found,) = [problem for problem in sent.problems if "in the midst of its schedule" in problem]
        assert found.startswith(f"worker {lost['rank'] + 1} of 2 was not heard for 10 s")
        assert "of 150 of its 150 requests" in found
        assert validity_problems(sent, sent.records["status"] == 200, None, False)
        there = 1 - lost["rank"]
        assert fates(sent.records[there::2]) == {"ANSWERED": 150}
        assert fates(sent.records[lost["rank"] :: 2]) == {"UNFINISHED": 150}
        assert sorted(kept) == list(range(there, 300, 2))
        with pytest.raises(WorkersLost, match="1 of 2 are there"):
            send(far, server)
        if way == "killed":  # another one takes its place, in the same run
            far.start(*inside(site.spaces[1]))
            far.load.muster()
            assert fates(send(far, server, count=50)[0].records) == {"ANSWERED": 50}
        else:
            assert other.wait(40) == 1 and "was not heard" in other.stdout.read()
            site.mend(1)


@pytest.mark.lasting
def test_an_address_that_each_machine_has_of_its_own_is_not_asked_from_elsewhere(site, server):
    with run_at(site.host, workers=1) as far:
        far.start(*inside(site.spaces[0]))
        far.load.muster()
        with pytest.raises(SenderFailed, match=r"http://127\.0\.0\.1.* would ask itself"):
            send(far, server, host="127.0.0.1")
        assert fates(send(far, server, count=20)[0].records) == {"ANSWERED": 20}


@pytest.mark.lasting
def test_a_plan_that_one_machine_cannot_carry_out_is_refused_with_its_name_and_the_next_one_is_sent(
    site, server, tmp_path
):
    """Certificates that lie on the run's machine, and not on one of the others."""
    certificate, _ = make_certificate(tmp_path)
    hidden = ["unshare", "--mount", "sh", "-c", f'mount -t tmpfs none {tmp_path} && exec "$@"', "sh"]
    with run_at(site.host) as far:
        far.start(*inside(site.spaces[0]))
        far.start(*inside(site.spaces[1]), *hidden)
        far.load.muster()
        endpoint = Endpoint(f"https://{site.host}:{server.port}/", ca_file=str(certificate))
        for _ in range(2):
            with pytest.raises(SenderFailed, match=rf"ca_file: .*No such file.*\(on {platform.node()}\)"):
                far.load.carry_out(LoadPlan("", [endpoint], "", 1.0), array.array("d", [0.0]), [b""], print)
            assert fates(send(far, server, count=40)[0].records) == {"ANSWERED": 40}


@pytest.fixture
def near():
    """On this machine alone."""
    found = Witness("127.0.0.1")
    yield found
    found.close()


@pytest.mark.lasting
def test_the_command_tells_what_two_workers_measured_and_never_the_token(near, tmp_path):
    """Over loopback; headers travel to a proven worker, and appear nowhere."""
    port, token = free_port("127.0.0.1"), secrets.token_hex(32)
    (tmp_path / "token").write_text(token)
    header = tmp_path / "header"
    header.write_text("X-Key: a-secret-of-the-user\n")
    join = [str(BIN / "frostline"), "load-worker", "--join", f"127.0.0.1:{port}"]
    asked = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    workers = [subprocess.Popen([*join, "--token-file", str(tmp_path / "token")], **asked) for _ in range(2)]
    command = ["load", f"http://127.0.0.1:{near.port}/", "--rate", "50", "--seconds", "4", "--workers", "2"]
    further = ["--listen", str(port), "--format", "json", "--header", f"@{header}"]
    load = subprocess.Popen([str(BIN / "frostline"), *command, *further], env={**os.environ, VARIABLE: token}, **asked)
    arguments = set()
    while load.poll() is None:
        arguments |= {" ".join(argument) for argument in map(command_line, family(load.pid, *(w.pid for w in workers)))}
        time.sleep(0.1)
    told = [process.communicate(timeout=60) for process in (load, *workers)]
    summary = json.loads(told[0][0])
    assert summary["scheduled"] == summary["good"] == 200 and len(summary["clocks"]) == 2
    assert all("a-secret-of-the-user" in head for head, _ in near.requests)
    assert any("harness.load join 127.0.0.1" in text for text in arguments)
    for text in (*arguments, *(text for pair in told for text in pair)):
        assert token not in text and "a-secret-of-the-user" not in text
    assert "joined the run" in told[1][1] and "the run is over" in told[1][1]
    assert [worker.returncode for worker in workers] == [0, 0]


def family(*pids):
    for pid in pids:
        with suppress(psutil.Error):
            yield from (psutil.Process(pid), *psutil.Process(pid).children(recursive=True))


def command_line(process):
    with suppress(psutil.Error):
        return process.cmdline()
    return []


def test_nobody_without_the_token_gets_in_or_brings_the_run_down(near):
    with run_at("127.0.0.1", workers=1) as far:
        wrong = far.start(token="w" * 64)
        assert wrong.wait(60) == 2
        assert "takes no worker with this token" in (said := wrong.stdout.read()) and "w" * 64 not in said
        shout(far.port)
        whisper(far.port, sealed_by=None)
        whisper(far.port, sealed_by="w" * 64)
        whisper(far.port, sealed_by=far.token)  # who has the token, and says nothing that can be understood
        far.start()
        far.load.muster()
        assert fates(send(far, near, count=50)[0].records) == {"ANSWERED": 50}
        whisper(far.port, sealed_by=far.token)
        assert fates(send(far, near, count=50)[0].records) == {"ANSWERED": 50}
        assert "refused: somebody who does not hold this run's token" in far.told


def shout(port):
    """Bytes that are no ZeroMQ, and some that begin as it does."""
    for data in (b"GET / HTTP/1.1\r\n\r\n" * 500, bytes(10_000), b"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03" * 100):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as found:
            found.sendall(data)


def whisper(port, sealed_by):
    """Messages of every wrong kind, from somebody who holds this token or does without."""
    context = zmq.Context()
    found = context.socket(zmq.DEALER)
    found.linger, found.identity = 500, b"stranger"
    if sealed_by:
        found.curve_serverkey, _ = keys(sealed_by, "master")
        found.curve_publickey, found.curve_secretkey = keys(sealed_by, "worker")
    found.connect(f"tcp://127.0.0.1:{port}")
    name = b"\xa8stranger"
    hook = b"\x93\xa5stats\x81\xac__datetime__\x01" + name
    pickled = b"\x93\xa5stats\xc4\x1c\x80\x04\x95\x11\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x8c\x06system\x93." + name
    ready = b"\x93\xacclient_ready\xa12" + name
    beat = b"\x93\xa9heartbeat\xc0" + name
    hello = b"\x93\xaffrostline_hello\xc0" + name
    forged = b"\x93\xacfrostline_go\x80\xa5other"
    for message in (b"", b"\xc1", b"\x93", hook, pickled, ready, beat, hello, forged, bytes(2**20)):
        found.send(message)
        found.send_multipart([message, message])
    time.sleep(1)
    found.close()
    context.term()


@pytest.mark.lasting
def test_a_worker_of_another_source_is_refused_in_plain_words_on_both_sides(tmp_path, near):
    (tmp_path / "harness/load/senders").mkdir(parents=True)
    (tmp_path / "harness/load/senders/own_sender.py").write_text("SENDER = None\n")
    with run_at("127.0.0.1", workers=1, within_s=2.0) as far:
        other = far.start(environment={"PYTHONPATH": f"{tmp_path}:{ROOT}"})
        assert other.wait(60) == 3
        assert "has another Frostline: its source is" in other.stdout.read()
        with pytest.raises(TrialError, match="0 of 1 were there"):
            far.load.muster()
        assert any(line.startswith("refused: the worker on") and "another Frostline" in line for line in far.told)


@pytest.mark.lasting
def test_workers_that_do_not_come_are_waited_for_as_long_as_was_said():
    with run_at("127.0.0.1", within_s=2.0) as far, pytest.raises(TrialError, match="0 of 2 were there within 2 s"):
        far.load.muster()


@pytest.mark.lasting
def test_an_address_that_cannot_be_had_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        load = Listening("127.0.0.1", port, 5.0, "t" * 32, print).open(1, {})
        try:
            with pytest.raises(TrialError, match="cannot be listened on"):
                load.muster()
        finally:
            load.close()


@pytest.mark.parametrize("is_far", [True, False])
def test_nothing_listens_beyond_loopback_by_default(is_far, near):
    """Of a run whose workers are of this machine, and of one that was told a port alone."""
    with run_at("127.0.0.1", workers=1) as far:
        load = far.load if is_far else LoadProcess(2)
        try:
            if is_far:
                far.start()
                load.muster()
            else:
                plan = LoadPlan("", [Endpoint(f"http://127.0.0.1:{near.port}/")], "", 1.0)
                load.carry_out(plan, array.array("d", [0.0, 0.1]), [b""], lambda ended: None).replies.close()
            listening = [
                connection.laddr.ip
                for process in family(load._process.pid)
                for connection in process.net_connections("tcp")
                if connection.status == psutil.CONN_LISTEN
            ]
            assert listening and set(listening) == {"127.0.0.1"}
        finally:
            load.close()


def test_a_run_has_its_traffic_sent_by_workers_that_join(bench):
    """Over loopback, where its unit listens: the records are those of any run, with what is known of the clocks."""
    port, token = free_port("127.0.0.1"), secrets.token_hex(32)
    profile = {"constant": {"rate": 20, "seconds": 3}}
    experiment = bench.experiment(workloads=["echo"], targets=["process-service"], profiles=[profile], rounds=2)
    command = [str(BIN / "frostline"), "load-worker", "--join", f"127.0.0.1:{port}"]
    workers = [subprocess.Popen(command, env={**os.environ, VARIABLE: token}) for _ in range(2)]
    try:
        ended = bench.measure(experiment, "--load-workers", "2", "--load-listen", str(port), **{VARIABLE: token})
        assert ended.code == 0, ended
        assert [worker.wait(60) for worker in workers] == [0, 0]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    (folder,) = bench.folders()
    assert folder.manifest.experiment["load"]["workers"] == 2
    for record in folder.trials():
        assert record.valid and record.generator.workers == 2 and record.generator.clock_bound_ns > 0
        assert folder.find_damage(record) == []
    assert "worker 2 of 2 has joined" in ended.out and token not in ended.out + ended.err
    assert not [path for path in bench.folder.rglob("*") if path.is_file() and token.encode() in path.read_bytes()]
