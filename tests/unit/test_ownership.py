"""Whose a container or process is: told by pid, start time and boot together."""

import os
import subprocess
import sys
from dataclasses import replace

import pytest

from targets.local.process_lambda import _is_gone
from targets.ownership import (
    EXPIRES_LABEL,
    OWNER_LABEL,
    OWNER_VARIABLE,
    RUN_LABEL,
    RUN_VARIABLE,
    Owner,
    labels,
    start_time,
    variables,
)


def owner_of_child():
    """What a child process calls itself, and the child, which waits for its input to end."""
    code = "import sys; from targets.ownership import Owner; print(Owner.current(), flush=True); sys.stdin.read()"
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=os.curdir
    )
    return Owner.parse(child.stdout.readline().strip()), child


def test_this_process_is_alive():
    owner = Owner.current()
    assert owner.pid == os.getpid()
    assert owner.alive


def test_it_survives_being_written_and_read():
    assert Owner.parse(str(Owner.current())) == Owner.current()


def test_a_child_is_alive_until_it_ends_even_before_it_is_reaped():
    owner, child = owner_of_child()
    with child.stdin, child.stdout:
        assert owner.pid == child.pid
        assert owner.alive
        child.stdin.close()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert not owner.alive
        child.wait()
        assert not owner.alive


@pytest.mark.parametrize(
    "change", [{"boot": "another boot"}, {"started": "1"}, {"pid": 2**31 - 1}, {"pid": 9_999_999_999}]
)
def test_another_boot_start_or_process_is_not_alive(change):
    assert not replace(Owner.current(), **change).alive


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "1/2", "1/2/3/4", "x/2/3", "-1/2/3", "²/2/3", "٣/2/3", "1//3", "9" * 5000 + "/2/3", "1/2/3\n"],
)
def test_garbage_is_no_owner(text):
    assert Owner.parse(text) is None


def test_marks_name_the_run_and_its_owner():
    owner = Owner.current()
    assert variables("run-1", owner) == {RUN_VARIABLE: "run-1", OWNER_VARIABLE: str(owner)}
    found = labels("run-1", owner)
    assert (found[RUN_LABEL], found[OWNER_LABEL]) == ("run-1", str(owner))
    assert found[EXPIRES_LABEL].isdigit()


def test_a_sandbox_is_gone_once_another_process_has_its_pid():
    own = {
        "at_ns": 1,
        "kind": "started",
        "unit": "0001",
        "pid": os.getpid(),
        "process_started": start_time(os.getpid()),
    }
    assert not _is_gone(own)
    assert _is_gone({**own, "process_started": "1"})
    owner, child = owner_of_child()
    dead = {**own, "pid": owner.pid, "process_started": owner.started}
    assert not _is_gone(dead)
    child.kill()
    child.communicate()
    assert _is_gone(dead)
