"""A unit of processes is its whole tree: it is counted, and it ends, with whatever the model has started."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from targets.local import own_children
from targets.local.proc import descendants
from targets.local.processes import CODE
from targets.local.serving_process import ServingProcess
from targets.local.tree_meter import Memory, TreeMeter

MB = 2**20
HELD_MB = 60
LIMIT_S = 20.0

UNIT = f"""
import os, subprocess, sys, threading, time
from targets.serving.leash import hold
hold(int(os.environ["FROSTLINE_LEASH_FD"]))
kind = os.environ["KIND"]
CHILD = '''
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
block = bytearray(b"x" * ({HELD_MB} * 2**20))
open(os.path.join(sys.argv[1], str(os.getpid())), "w").close()
time.sleep(60)
'''
HELD = os.environ["HELD"]
command = [sys.executable, "-c", CHILD, HELD]
def tell(pid):
    open(os.path.join(HELD, str(pid)), "w").close()
if kind == "child":
    subprocess.Popen(command)
elif kind == "session":
    subprocess.Popen(command, start_new_session=True)
elif kind == "session without its environment":
    subprocess.Popen(command, start_new_session=True, env={{}})
elif kind in ("daemon", "daemon without its environment"):
    env = None if kind == "daemon" else {{}}
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execve(sys.executable, command, os.environ if env is None else env)
        os._exit(0)
    os.wait()
elif kind == "fork":
    if os.fork() == 0:
        block = bytearray(b"x" * ({HELD_MB} * 2**20))
        tell(os.getpid())
        time.sleep(60)
elif kind == "grandchildren":
    inner = "import subprocess, sys; subprocess.Popen(" + repr(command) + ").wait()"
    subprocess.Popen([sys.executable, "-c", inner])
elif kind == "shared":
    block = bytearray(b"x" * ({HELD_MB} * 2**20))
    for _ in range(3):
        if os.fork() == 0:
            tell(os.getpid())
            time.sleep(60)
            os._exit(0)
elif kind == "zombies":
    for _ in range(30):
        if os.fork() == 0:
            os._exit(0)
    tell(0)
elif kind == "busy":
    subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < 0.5: pass"])
    tell(0)
if "ENDS" in os.environ:
    while not os.path.exists(os.environ["ENDS"]):
        time.sleep(0.01)
    os._exit(3)
time.sleep(60)
"""
CLEAN = ["session without its environment", "daemon without its environment"]
KINDS = ["child", "session", "daemon", *CLEAN, "fork", "grandchildren"]


@pytest.fixture
def unit(tmp_path):
    """Starts a unit of one kind; returns it and the numbers of its first `count` children, once they hold memory."""
    (tmp_path / "unit_of_a_test.py").write_text(UNIT)
    started, seen = [], []

    def start(kind, count=1, **environment):
        held = tmp_path / f"held-{len(started)}"
        held.mkdir()
        path = os.pathsep.join([str(tmp_path), str(CODE)])
        connection = socket.create_server(("127.0.0.1", 0))
        own = {"PYTHONPATH": path, "KIND": kind, "HELD": str(held), **environment}
        process = ServingProcess("unit_of_a_test", own, connection, lambda line: None)
        started.append(process)
        assert until(lambda: len(list(held.iterdir())) == count), "its children hold memory"
        pids = [int(path.name) for path in held.iterdir()]
        seen.extend(psutil.Process(pid) for pid in pids if pid)
        return process, pids

    yield start
    for process in started:
        process.kill()
    for process in seen:
        if is_alive(process.pid):
            process.kill()


def is_alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def until(holds):
    deadline = time.monotonic() + LIMIT_S
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.01)
    return holds()


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_unit_has_started_is_counted_and_ends_with_it(unit, kind):
    process, (child,) = unit(kind)
    usage = TreeMeter(process.pid).usage()
    assert usage.own_memory_bytes > HELD_MB * MB
    assert usage.memory_peak_bytes >= usage.memory_bytes > HELD_MB * MB
    process.kill()
    assert not is_alive(child), "nothing of it lives when it was killed"
    assert process.status == -signal.SIGKILL
    assert TreeMeter(process.pid).usage().memory_bytes is None


@pytest.mark.parametrize("kind", [kind for kind in KINDS if sys.platform == "linux" or kind not in CLEAN])
def test_a_unit_whose_main_process_ends_by_itself_leaves_nothing(unit, kind, tmp_path):
    process, (child,) = unit(kind, ENDS=str(tmp_path / "end"))
    (tmp_path / "end").touch()
    assert until(lambda: process.status is not None) and process.status == 3
    assert not is_alive(child), "its status is told once nothing of it lives"


@pytest.mark.skipif(sys.platform != "linux", reason="another kernel gives orphans to nobody but init")
@pytest.mark.parametrize("signalled", [signal.SIGKILL, signal.SIGABRT])
def test_what_a_killed_main_process_leaves_is_found_below_its_starter_and_no_other_child_is_touched(unit, signalled):
    other, (childs_of_other,) = unit("session without its environment")
    process, (child,) = unit("daemon without its environment")
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={})
    apart = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    started = own_children.start([sys.executable, "-c", "import time; time.sleep(60)"], env={})
    try:
        os.kill(process.pid, signalled)
        assert until(lambda: process.status is not None) and process.status == -signalled
        assert not psutil.pid_exists(child), "it was ended, and collected"
        assert all(is_alive(pid) for pid in (other.pid, childs_of_other, bystander.pid, apart.pid, started.pid))
    finally:
        for each in (bystander, apart, started):
            each.kill()
            each.wait()


@pytest.mark.skipif(sys.platform != "linux", reason="another kernel gives orphans to nobody but init")
def test_crashes_leave_no_thread_and_no_descriptor(unit, tmp_path):
    def held():
        return threading.active_count(), len(list(Path("/proc/self/fd").iterdir()))

    def crash(number):
        process, _ = unit("session without its environment", ENDS=str(tmp_path / f"end-{number}"))
        (tmp_path / f"end-{number}").touch()
        assert until(lambda: process.status is not None)
        process.kill()
        process.last_words.text(LIMIT_S)

    crash("first")
    before = held()
    for number in range(5):
        crash(number)
    assert until(lambda: held() <= before), (before, held())


def test_zombies_below_a_unit_are_not_measured_again_and_again(unit, monkeypatch):
    process, _ = unit("zombies", count=1)
    below = lambda: [psutil.Process(pid).status() for pid in descendants(process.pid)]  # noqa: E731
    assert until(lambda: below() == [psutil.STATUS_ZOMBIE] * 30)
    asked = []
    monkeypatch.setattr("targets.local.tree_meter._share", asked.append)
    monkeypatch.setattr("targets.local.tree_meter._mapped", lambda pid: asked.append(pid) or Memory(MB, MB))
    assert process.usage().cpu_ns is not None and asked == [process.pid]


def test_memory_that_several_processes_map_counts_once(unit):
    process, children = unit("shared", count=3)
    usage = TreeMeter(process.pid).usage()
    assert len(set(children)) == 3
    assert HELD_MB * MB < usage.own_memory_bytes < 1.5 * HELD_MB * MB
    assert HELD_MB * MB < usage.memory_bytes < 1.7 * HELD_MB * MB


def test_the_time_of_a_child_that_has_ended_is_the_units(unit):
    process, _ = unit("busy")
    assert TreeMeter(process.pid).usage().cpu_ns >= 0.5e9


def test_a_peak_that_a_look_saw_and_cpu_time_never_go_back(unit):
    process, (child,) = unit("child")
    earlier = process.usage()
    psutil.Process(child).kill()
    assert until(lambda: not is_alive(child))
    later = process.usage()
    assert later.own_memory_bytes < HELD_MB * MB < earlier.own_memory_bytes
    assert later.memory_peak_bytes >= earlier.memory_peak_bytes > HELD_MB * MB
    assert later.cpu_ns >= earlier.cpu_ns


def test_a_port_that_a_child_holds_is_free_when_the_unit_has_ended(unit, tmp_path):
    process, _ = unit("fork", ENDS=str(tmp_path / "end"))
    (port,) = [each.laddr.port for each in psutil.Process(process.pid).net_connections() if each.status == "LISTEN"]
    (tmp_path / "end").touch()
    assert until(lambda: process.status is not None)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_it_can_be_killed_from_two_threads_and_after_its_end(unit):
    process, (child,) = unit("daemon")
    threads = [threading.Thread(target=process.kill) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    process.kill()
    assert process.is_gone() and not is_alive(child)


def test_a_unit_of_which_something_could_not_be_ended_is_not_gone(unit, monkeypatch):
    def refuse(main, mark):
        raise TimeoutError("processes 7 are left")

    process, _ = unit("zombies")
    monkeypatch.setattr("targets.local.process_tree.kill_rest", refuse)
    with pytest.raises(TimeoutError, match="processes 7 are left"):
        process.kill()
    assert process.status == -signal.SIGKILL and not process.is_gone()
    process._left = None  # for the end of this test


@pytest.mark.skipif(sys.platform != "linux", reason="another kernel signals the group in its own way")
def test_a_unit_dies_with_whoever_started_it_and_so_does_its_group(unit):
    process, (child,) = unit("child")
    process._leash.close()
    assert until(lambda: process.status is not None and not is_alive(child))


def test_a_start_that_is_interrupted_ends_what_it_had_started(tmp_path, monkeypatch):
    """In a thread of its own: a start that waits for its own listener never ends."""
    (tmp_path / "unit_of_a_test.py").write_text(UNIT)
    begun, raised = [], []

    def interrupt(pid):
        begun.append(pid)
        time.sleep(0.2)  # the listener waits for its first line by now
        raise KeyboardInterrupt

    def start():
        path = os.pathsep.join([str(tmp_path), str(CODE)])
        own = {"PYTHONPATH": path, "KIND": "none", "HELD": str(tmp_path)}
        try:
            ServingProcess("unit_of_a_test", own, socket.create_server(("127.0.0.1", 0)), lambda line: None)
        except KeyboardInterrupt as error:
            raised.append(error)

    monkeypatch.setattr("targets.local.serving_process.TreeMeter", interrupt)
    thread = threading.Thread(target=start, daemon=True)
    thread.start()
    thread.join(LIMIT_S)
    assert raised, "the start has ended"
    raised.clear()
    assert until(lambda: not is_alive(begun[0])), "its leash was let go of"
