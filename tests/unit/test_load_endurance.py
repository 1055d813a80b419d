"""The load process in want, stopped and killed: each arrival is on record once, and never the service is to blame."""

import array
import asyncio
import errno
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress

import psutil
import pytest

from harness.errors import TrialError
from harness.load.failures import end_of, fix_of, lack_of
from harness.load.process import LoadProcess
from harness.load.stripes import reserve, unkept
from harness.load.wire import Fate, LoadPlan
from harness.measure.generator import validity_problems
from targets.contract import Endpoint
from tests.http_server import HttpServer

linux = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process are set on Linux only")
FRESH = "from harness.cli import main; main()"


@pytest.fixture
def server():
    found = HttpServer()
    yield found
    found.close()


class Large(HttpServer):
    """Its replies are large, and end in a second."""

    SIZE = 32 * 2**20

    async def large(self, body, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % self.SIZE)
        writer.write(bytes(self.SIZE - 1))
        await asyncio.sleep(1)
        writer.write(b"x")


@pytest.fixture
def large():
    found = Large()
    yield found
    found.close()


@pytest.fixture
def hands():
    """What is done to a load process while its schedule runs: `hands(seconds, action)`; awaited at the end.

    With a server they count from the first request that it has seen: a busy machine is slow to begin.
    """
    timers = []

    def act(server, seconds, action):
        deadline = time.monotonic() + 30
        while not server.requests and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(seconds)
        action()

    def later(seconds, action, after=None):
        timer = threading.Timer(seconds, action)
        if after is not None:
            timer = threading.Thread(target=act, args=(after, seconds, action))
        timers.append(timer)
        timer.start()

    yield later
    for timer in timers:
        timer.join(30)


@pytest.fixture
def loads():
    started = []

    def start(workers=1):
        started.append(LoadProcess(workers))
        return started[-1]

    yield start
    for load in started:
        load.close()


def send(load, port, path="/", count=200, rate=100, **fields):
    plan = LoadPlan("", [Endpoint(f"http://127.0.0.1:{port}{path}", "POST")], "", count / rate, **fields)
    offsets = array.array("d", [n / rate for n in range(count)])
    sent = load.carry_out(plan, offsets, [b'{"n": %d}' % n for n in range(count)], lambda ended: None)
    sent.replies.close()
    assert sent.records["index"].tolist() == list(range(count))
    assert (sent.records["scheduled_ns"] - sent.begin_ns).tolist() == [int(offset * 1e9) for offset in offsets]
    return sent


def fates(sent):
    return Counter(Fate(fate).name for fate in sent.records["fate"].tolist())


def problems(sent):
    return sent.problems + validity_problems(sent, sent.records["status"] == 200, None, False)


def workers_of(load):
    return psutil.Process(load._process.pid).children()


def stop_for(processes, seconds):
    for each in processes:
        each.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    for each in processes:
        with suppress(psutil.NoSuchProcess):
            each.send_signal(signal.SIGCONT)


def ready(load, server, workers=1):
    """The team of a load process that has done a schedule, so that it is there."""
    assert fates(send(load, server.port, count=20)) == {"ANSWERED": 20}
    server.requests.clear()
    return workers_of(load) if workers > 1 else [psutil.Process(load._process.pid)]


def test_workers_that_are_stopped_longer_than_heartbeats_bear_send_all_and_are_late(loads, server, hands):
    load = loads(2)
    team = ready(load, server, 2)
    hands(1.3, lambda: stop_for(team, 6))
    sent = send(load, server.port, count=300, timeout_s=30)
    assert fates(sent) == {"ANSWERED": 300}
    assert sorted(Counter(body for _, body in server.requests).values()) == [1] * 300
    assert any("the generator was late" in problem for problem in problems(sent))
    assert [worker["lost"] for worker in sent.workers] == ["", ""]
    assert fates(send(load, server.port, count=20)) == {"ANSWERED": 20}, "the same team goes on"


@pytest.mark.parametrize("workers", [1, 2], ids=["alone", "a-team"])
def test_a_stop_longer_than_the_schedule_and_its_drain_loses_no_arrival(loads, server, hands, workers):
    load = loads(workers)
    team = ready(load, server, workers)
    hands(0.8, lambda: stop_for(team, 9))
    sent = send(load, server.port, count=100, timeout_s=0.5)
    assert set(fates(sent)) <= {"ANSWERED", "TIMED_OUT"}
    assert not (sent.records["started_ns"] == 0).any()
    assert sorted(set(Counter(body for _, body in server.requests).values())) == [1]
    assert any("the generator was late" in problem for problem in problems(sent))


def test_a_master_that_is_stopped_loses_nothing(loads, server, hands):
    load = loads(2)
    ready(load, server, 2)
    master = psutil.Process(load._process.pid)
    hands(0.8, lambda: stop_for([master], 5))
    assert fates(send(load, server.port, count=200)) == {"ANSWERED": 200}


@pytest.mark.parametrize("workers", [1, 2], ids=["alone", "a-team"])
def test_one_that_is_stopped_for_good_loses_nobody_s_figures_and_leaves_no_process(loads, server, hands, workers):
    load = loads(workers)
    victim = ready(load, server, workers)[0]
    hands(0.3, lambda: victim.send_signal(signal.SIGSTOP), after=server)
    sent = send(load, server.port, count=100, rate=50, timeout_s=0.5, keep_replies=False)
    counted = fates(sent)
    assert set(counted) == {"ANSWERED", "UNFINISHED"}
    (line,) = sent.problems
    assert "did nothing for 15 s after all of its requests were due to have ended, and was killed" in line
    assert f"of {counted['UNFINISHED']} of its {100 // workers} requests no end is known" in line
    assert [worker["lost"] == "" for worker in sent.workers].count(True) == workers - 1
    psutil.wait_procs([victim], timeout=10)
    assert not victim.is_running() or victim.status() == psutil.STATUS_ZOMBIE
    assert fates(send(load, server.port, count=20)) == {"ANSWERED": 20}, "the next schedule has a new process"


def test_closing_ends_workers_that_are_stopped(loads, server):
    load = loads(2)
    team = ready(load, server, 2)
    team[0].send_signal(signal.SIGSTOP)
    load.close()
    psutil.wait_procs(team, timeout=10)
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in team)


def test_a_worker_that_is_killed_is_one_line_and_what_the_others_and_itself_saw_is_kept(loads, server, hands):
    load = loads(2)
    victim = ready(load, server, 2)[0]
    hands(0.3, victim.kill, after=server)
    sent = send(load, server.port, count=300)
    counted = fates(sent)
    assert set(counted) == {"ANSWERED", "UNFINISHED"}
    assert counted["ANSWERED"] >= 150, "all of the other one's"
    (line,) = sent.problems
    assert "of 2 was killed (signal 9, SIGKILL, by hand or for want of memory) in the midst of its schedule" in line
    assert f"of {counted['UNFINISHED']} of its 150 requests no end is known" in line
    again = send(load, server.port, count=20)
    assert (fates(again), again.problems) == ({"ANSWERED": 20}, []), "the next schedule has a new team"


@pytest.mark.parametrize("keeps", [True, False], ids=["replies-kept", "replies-dropped"])
def test_a_load_process_that_is_killed_leaves_what_it_saw(loads, server, hands, keeps):
    load = loads()
    (it,) = ready(load, server)
    hands(1.5, it.kill)
    sent = send(load, server.port, count=300, keep_replies=keeps)
    counted = fates(sent)
    assert set(counted) <= {"ANSWERED", "UNFINISHED"}
    assert counted["ANSWERED"] > 0 if not keeps else counted["UNFINISHED"] > 0
    assert sent.workers[0]["lost"]
    assert "the load process was killed (signal 9, SIGKILL" in sent.problems[0]
    assert fates(send(load, server.port, count=20)) == {"ANSWERED": 20}, "the next schedule has a new process"


def test_a_killed_master_takes_its_workers_along_and_leaves_what_they_saw(loads, server, hands):
    load = loads(2)
    team = ready(load, server, 2)
    hands(1.5, lambda: psutil.Process(load._process.pid).kill())
    sent = send(load, server.port, count=300, keep_replies=False)
    assert fates(sent)["ANSWERED"] > 0
    assert len(sent.problems) == 2
    psutil.wait_procs(team, timeout=10)
    assert not any(worker.is_running() and worker.status() != psutil.STATUS_ZOMBIE for worker in team)


def test_a_load_process_that_dies_before_it_begins_is_one_sentence(loads, server, monkeypatch):
    load = loads()
    ready(load, server)
    os.kill(load._process.pid, signal.SIGSTOP)
    threading.Timer(0.5, lambda: os.kill(load._process.pid, signal.SIGKILL)).start()
    with pytest.raises(TrialError, match=r"the load process was killed \(signal 9, .*\) before it began its schedule"):
        send(load, server.port)


def limit(pid, what, most):
    resource.prlimit(pid, what, (most, most))


@linux
def test_with_every_descriptor_in_a_kept_connection_all_figures_are_kept(loads, server, hands):
    """The limit falls to what is open now: nothing can be opened any more, neither a connection nor a file."""
    load = loads()
    (it,) = ready(load, server)
    hands(1.0, lambda: limit(it.pid, resource.RLIMIT_NOFILE, it.num_fds()))
    sent = send(load, server.port, count=300, rate=150)
    assert fates(sent)["ANSWERED"] >= 100
    assert set(fates(sent)) <= {"ANSWERED", "EXHAUSTED"}
    assert sent.workers[0]["lost"] == ""


@linux
@pytest.mark.parametrize("workers", [1, 2], ids=["alone", "a-team"])
def test_a_full_disk_makes_it_invalid_and_leaves_the_records(loads, server, hands, workers):
    load = loads(workers)
    team = ready(load, server, workers)
    hands(0.3, lambda: [limit(it.pid, resource.RLIMIT_FSIZE, 10) for it in team], after=server)
    sent = send(load, server.port, count=200)
    assert set(fates(sent)) <= {"ANSWERED", "UNFINISHED"}, "a reply that could not be kept is no failure of the service"
    assert not (sent.records["sent_ns"] == 0).any()
    (line,) = sent.problems
    assert "replies could not be kept: File too large" in line
    assert "raise the limit of a file's size (ulimit -f)" in line
    assert (sent.records["status"] == 200).all(), "what was seen is kept"
    assert unkept(sent.records).sum() == fates(sent)["UNFINISHED"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=["disk", "quota"])
def test_a_full_disk_is_told_with_the_folder_that_was_written_to(number):
    assert "(in /mnt/x): free disk space" in lack_of(OSError(number, "x"), "/mnt/x")


def test_records_that_find_no_memory_say_memory_and_not_disk(monkeypatch, tmp_path):
    def full(descriptor, at, size):
        raise OSError(errno.ENOSPC, "x")

    if not hasattr(os, "memfd_create"):
        pytest.skip("records are on disk here")
    monkeypatch.setattr(os, "posix_fallocate", full)
    plan = LoadPlan(str(tmp_path), [Endpoint("http://x/", "GET")], "", 1)
    told = r"^10 requests take 1,280 bytes of records: MemoryError: free memory"
    with pytest.raises(TrialError, match=told), reserve(plan, 10, 1):
        pass


@linux
def test_without_memory_the_generator_is_to_blame(loads, large, hands):
    """Replies of 32 MB, many at once, and an address space that ends."""
    load = loads()
    (it,) = ready(load, large)
    hands(0.9, lambda: limit(it.pid, resource.RLIMIT_AS, it.memory_info().vms + 3 * Large.SIZE))
    sent = send(load, large.port, "/large", count=60, rate=20, timeout_s=8)
    counted, told = fates(sent), problems(sent)
    assert set(counted) <= {"ANSWERED", "EXHAUSTED", "UNFINISHED"}
    assert counted["ANSWERED"] < 60
    assert counted["EXHAUSTED"] > 0
    assert any("free memory, raise its limit" in line for line in told)


def command(port, *arguments, setting="", environment=None):
    """`frostline load` under a shell's limits: exit code, its JSON or None, and what it said."""
    line = [sys.executable, "-c", FRESH, "load", f"http://127.0.0.1:{port}/", *arguments, "--format", "json"]
    done = subprocess.run(
        ["bash", "-c", f'{setting} exec "$@"', "bash", *line],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


@linux
def test_a_low_soft_limit_of_descriptors_is_raised(server):
    _, told, _ = command(server.port, "--rate", "50", "--seconds", "0.5", setting="ulimit -Sn 64;")
    assert (told["good"], told["failed"], told["shed"]) == (25, 0, 0)


@linux
def test_a_low_hard_limit_of_descriptors_is_enough_for_a_little_and_names_itself_beyond(server):
    _, told, _ = command(server.port, "--rate", "50", "--seconds", "0.5", setting="ulimit -n 64;")
    assert (told["good"], told["failed"], told["shed"]) == (25, 0, 0)
    busy = f"{server.port}/hang?"
    arguments = ("--rate", "100", "--seconds", "0.5", "--timeout-s", "1")
    code, told, _ = command(busy, *arguments, setting="ulimit -n 64;")
    assert code == 1
    assert told["timed_out"] == 24
    assert told["shed"] == 26
    (line,) = [problem for problem in told["problems"] if "shed" in problem]
    assert "cap of 24: 64 descriptors allow no more: raise their limit (ulimit -n, and -Hn)" in line


@linux
def test_a_limit_too_low_to_begin_is_one_sentence(server):
    code, told, said = command(server.port, "--rate", "50", "--seconds", "0.5", setting="ulimit -n 30;")
    assert (code, told) == (1, None)
    assert "descriptors: a process may have 30 here, and a load process needs 40" in said
    assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(24, "x"), "ulimit -n"),
        (OSError(99, "x"), "ip_local_port_range"),
        (OSError(12, "x"), "free memory"),
        (MemoryError(), "free memory"),
        (OSError(28, "x"), "TMPDIR"),
        (OSError(11, "x"), "ulimit -u"),
    ],
    ids=["descriptors", "ports", "memory", "python-memory", "disk", "processes"],
)
def test_every_lack_has_a_fix(error, words):
    assert words in lack_of(error)


def test_a_fix_is_found_by_what_an_error_said():
    assert "ulimit -n" in fix_of("[Errno 24] Too many open files")
    assert "port_range" in fix_of("[Errno 99] connect to 127.0.0.1:80: Cannot assign requested address")
    assert "memory" in fix_of("MemoryError")


def test_how_a_process_ended_is_said_in_words():
    assert end_of(3) == "ended with status 3"
    assert end_of(-15) == "was killed (signal 15, SIGTERM)"
