"""Who measures on a machine does so alone, and a run that ended, however it ended, keeps nobody waiting."""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness.errors import MissingError
from harness.experiment.question import parse_experiment
from harness.measure import alone as module
from harness.measure.alone import LOCK_VARIABLE, UNLOCKABLE, alone
from harness.measure.fitting import RunnableExperiment, fit_to_machine
from harness.measure.run import start_run

FIELDS = {"name": "alone", "question": "?", "workloads": ["echo"], "targets": ["process-lambda"], "profiles": []}
NOBODY = 65534
HOLD = """
import subprocess, sys
from harness.measure.alone import alone
with alone("r1"):
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    print(child.pid, flush=True)
    input()
"""


@pytest.fixture
def lock(tmp_path, monkeypatch):
    place = tmp_path / "lock" / "frostline.lock"
    place.parent.mkdir()
    monkeypatch.setenv(LOCK_VARIABLE, str(place))
    return place


@contextmanager
def held_by_another():
    """Another process that measures, and has a child which outlives it."""
    process = subprocess.Popen([sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    child = int(process.stdout.readline())
    try:
        yield process
    finally:
        process.kill()
        process.communicate()
        os.kill(child, signal.SIGKILL)


def test_a_second_one_is_refused_and_told_who_measures(lock):
    with held_by_another() as other, pytest.raises(MissingError) as refused, alone():
        pytest.fail("it was let in")
    assert f"run r1, process {other.pid} measures on this machine already: wait for it" in str(refused.value)


WAIT = """
import sys
from harness.errors import FrostlineError
from harness.measure.alone import alone
try:
    with alone(sys.argv[1], tell=lambda line: print(line, flush=True)):
        print("mine", flush=True)
        input()
except FrostlineError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@contextmanager
def waiting(run, script=WAIT):
    """Another process that waits its turn, once it has said for whom."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, run], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield process, process.stdout.readline()
    finally:
        process.kill()
        process.communicate()


def test_who_waits_says_once_for_whom_and_since_when_and_then_has_its_turn(lock):
    with held_by_another() as first, waiting("r2") as (second, told), waiting("r3") as (third, also_told):
        for line in (told, also_told):
            assert line.startswith(f"waiting: run r1, process {first.pid} measures on this machine since 20")
            assert line.rstrip().endswith(" UTC; Ctrl-C ends the wait")
        first.kill()
        first.wait()
        turns = select.select([second.stdout, third.stdout], [], [], 60)[0]
        assert len(turns) == 1, "one at a time"
        now, later = (second, third) if turns == [second.stdout] else (third, second)
        assert now.stdout.readline() == "mine\n"
        assert lock.read_text().splitlines()[1] in ("r2", "r3")
        assert select.select([later.stdout], [], [], 0.2)[0] == []
        now.communicate("\n", timeout=60)
        assert later.stdout.readline() == "mine\n"
        assert later.communicate("\n", timeout=60)[0] == ""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A folder of a user's own on the path of processes that a test starts, with a workload and what it imports."""
    root = tmp_path / "mine"
    (root / "targets" / "workloads").mkdir(parents=True)
    (root / "imaging.py").write_text("SIZE = 1\n")
    (root / "targets" / "workloads" / "toy.py").write_text("import imaging\n\nWORKLOAD = imaging\n")
    (root / "targets" / "workloads" / "toy_notes.txt").write_text("x")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")]))
    return root


@pytest.mark.parametrize(
    ("name", "change", "refused"),
    [
        ("targets/workloads/toy.py", "import imaging\n\nWORKLOAD = None\n", True),
        ("imaging.py", "SIZE = 2\n", True),
        ("imaging.py", None, True),
        ("targets/workloads/toy_more.py", "", True),
        ("imaging.py", "SIZE = 1\n", False),
        ("targets/workloads/toy_notes.txt", "y", False),
    ],
    ids=["workload", "what-it-imports", "gone", "new", "written-as-it-was", "no-code"],
)
def test_who_waited_while_code_was_changed_measures_nothing_and_is_told_which(lock, mine, name, change, refused):
    script = "import targets.workloads.toy\n" + WAIT
    with held_by_another() as holder, waiting("r2", script) as (process, told):
        assert told.startswith("waiting: ")
        (mine / name).unlink() if change is None else (mine / name).write_text(change)
        holder.kill()
        holder.wait()
        said = process.communicate("\n", timeout=60)[0]
        assert said == (f"changed while it waited: {mine / name}: run again\n" if refused else "mine\n")
        assert process.returncode == (2 if refused else 0)
    with alone():
        pass


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "term"])
def test_a_signal_ends_the_wait_and_the_holder_keeps_the_machine(lock, number):
    with held_by_another() as holder, waiting("r2") as (process, _):
        process.send_signal(number)
        assert process.communicate(timeout=60)[0].startswith("interrupted while waiting for the machine")
        assert process.returncode == 130
        with pytest.raises(MissingError, match=f"run r1, process {holder.pid} measures"), alone():
            pass


def test_who_need_not_wait_says_nothing(lock):
    with alone("r1", tell=pytest.fail):
        assert lock.read_text().splitlines()[1] == "r1"


def test_a_lock_that_is_swept_away_while_one_waits_is_taken_where_it_is_now(lock):
    with held_by_another() as holder, waiting("r2") as (process, _):
        lock.unlink()
        lock.touch()
        holder.kill()
        holder.wait()
        assert process.stdout.readline() == "mine\n"
        with pytest.raises(MissingError, match="run r2"), alone():
            pass


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["run", "nothing-of-this-name"], "neither a file nor one of"),
        (["run", "quickstart", "--rounds", "0"], "rounds: 0"),
        (["run", "--resume", "nothing"], "run 'nothing' is not in"),
        (["capacity", "nothing", "process-lambda"], "nothing"),
        (["selftest", "--target", "nothing"], "nothing"),
    ],
    ids=["name", "rounds", "resume", "capacity", "selftest"],
)
def test_what_cannot_be_done_is_refused_before_anybody_waits(lock, tmp_path, monkeypatch, words, part):
    monkeypatch.chdir(tmp_path)
    with held_by_another():
        done = subprocess.run(
            [sys.executable, "-c", "from harness.cli import main; main()", *words, "--wait"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 2
    assert part in done.stderr
    assert "waiting" not in done.stdout + done.stderr


def test_a_refused_run_writes_nothing(lock, tmp_path):
    runnable, results = (
        RunnableExperiment(parse_experiment(FIELDS, "test"), ["process-lambda"], []),
        tmp_path / "results",
    )
    results.mkdir()
    with held_by_another(), pytest.raises(MissingError, match="measures on this machine already"):
        start_run(runnable, results, None)  # type: ignore[arg-type]
    assert list(results.iterdir()) == []


def test_a_killed_run_lets_go_although_its_child_lives_on(lock):
    with held_by_another() as other:
        other.kill()
        other.wait()
        with alone():
            pass


def test_one_process_may_hold_it_several_times_over(lock):
    with alone():
        for run in ("r1", "r2"):
            with alone(run):
                assert lock.read_text().splitlines()[1] == run
        assert lock.read_text().splitlines()[0].startswith(f"{os.getpid()}/")
        with pytest.raises(ZeroDivisionError), alone("r3"):
            raise ZeroDivisionError
        assert lock.read_text()
    assert lock.read_text() == ""
    with held_by_another():
        pass


@pytest.fixture
def shared_lock(monkeypatch):
    """A lock that every user reaches and only its owner may write, in a folder like /tmp."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o1777)
    place = folder / "frostline.lock"
    place.write_text("")
    place.chmod(0o444)
    monkeypatch.setenv(LOCK_VARIABLE, str(place))
    yield place
    shutil.rmtree(folder)


def test_the_file_of_another_user_serves_as_well(shared_lock):
    if as_root := os.geteuid() == 0:
        os.seteuid(NOBODY)
    try:
        with alone("r2"):
            assert shared_lock.read_text() == "", "only its owner can sign it"
        with held_by_root() if as_root else held_by_another(), pytest.raises(MissingError, match="already"), alone():
            pass
    finally:
        if as_root:
            os.seteuid(0)


@contextmanager
def held_by_root():
    os.seteuid(0)
    with held_by_another() as other:
        os.seteuid(NOBODY)
        yield other
        os.seteuid(0)


def test_an_old_signature_names_nobody(lock):
    lock.write_text(f"1/0/{'b' * 32}\nlong ago\n")
    lock.chmod(0o444)
    with held_by_another() as other:
        lock.write_text(f"1/0/{'b' * 32}\nlong ago\n")
        with pytest.raises(MissingError) as refused, alone():
            pass
        assert str(refused.value).startswith("another process measures")
        assert str(other.pid) not in str(refused.value)


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/null")])
def test_what_is_no_file_is_neither_waited_for_nor_followed(lock, make):
    make(lock)
    with pytest.raises(MissingError, match=f"cannot be locked .*{LOCK_VARIABLE}"), alone():
        pass


def test_a_link_to_quite_another_file_is_never_written_through(lock, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("keep me")
    os.link(precious, lock)
    with alone("r1"):
        pass
    assert precious.read_text() == "keep me"


def test_a_system_without_locks_is_said(lock, monkeypatch):
    monkeypatch.setattr(module, "fcntl", None)
    with alone("r1"):
        assert not lock.exists()
    experiment = parse_experiment({**FIELDS, "profiles": [{"constant": {"rate": 1, "seconds": 1}}]}, "test")
    assert fit_to_machine(experiment).notices[0] == UNLOCKABLE
