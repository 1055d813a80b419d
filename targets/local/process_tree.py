"""The processes of one unit: its main one and all that came of it, in whatever session, with or without a parent.

While the main process lives they are below it, as it adopts them (targets.serving.leash). When it has ended, its
orphans are children of the process that started it (targets.local.own_children). Where the kernel gives orphans to
init alone (macOS), or that process is dead as well, or the unit ended before it held its leash, they are known by a
mark in their environment and by its session: one that has left both behind cannot be found.
"""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from targets.clock import now_ns, sleep
from targets.local import own_children
from targets.local.proc import HAS_PROC, descendants, is_alive

MARK_VARIABLE = "FROSTLINE_TREE"
"""In the environment of every process of a unit; no two units, and no two starts of one, have the same."""
ADOPTS = sys.platform == "linux"
END_LIMIT_S = 10.0
POLL_S = 0.002


def marked(mark: str) -> list[psutil.Process]:
    """The living processes of this machine that carry a unit's mark."""
    return list(_living(pid for pid in psutil.pids() if _carries(pid, mark)))


def _carries(pid: int, mark: str) -> bool:
    try:
        if HAS_PROC:
            place = Path(f"/proc/{pid}")
            is_ours = place.stat().st_uid == os.geteuid()
            return is_ours and f"{MARK_VARIABLE}={mark}".encode() in (place / "environ").read_bytes().split(b"\0")
        return bool(psutil.Process(pid).environ().get(MARK_VARIABLE) == mark)
    except (psutil.Error, OSError):  # another user's, the kernel's, or ended
        return False


def _living(pids: Iterable[int]) -> Iterator[psutil.Process]:
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if is_alive(process):
                yield process


def kill(main: psutil.Process) -> None:
    """End the main process and all below it. TimeoutError when the kernel keeps one of them."""
    halted = _halt(main)
    _kill_while(lambda: [process for process in halted if is_alive(process)])


def kill_rest(main: psutil.Process, mark: str) -> None:
    """End what lives of a unit whose main process has ended. TimeoutError when the kernel keeps one of them.

    Called in the process that started it, which must not have collected it yet, so that its number is nobody else's.
    """
    known = ADOPTS and own_children.is_known_by_limit(main)
    _kill_while(lambda: _with_all_below(own_children.orphans(main)) if known else _rest(main, mark))


def _kill_while(find: Callable[[], list[psutil.Process]]) -> None:
    deadline = now_ns() + int(END_LIMIT_S * 1e9)
    doomed: list[psutil.Process] = []
    while doomed := [process for process in doomed if is_alive(process)] or find():  # what is ending shows no mark
        for process in doomed:
            with suppress(psutil.Error):
                process.kill()
        if now_ns() > deadline:
            left = ", ".join(str(process.pid) for process in doomed)
            raise TimeoutError(f"processes {left} are left {END_LIMIT_S:.0f} s after they were killed")
        sleep(POLL_S)


def _halt(main: psutil.Process) -> list[psutil.Process]:
    """The main process and all below it, stopped: what is stopped starts no other meanwhile."""
    halted = {main.pid: main}
    fresh = [main]
    while fresh:
        for process in fresh:
            with suppress(psutil.Error):
                process.suspend()
        fresh = list(_living(pid for pid in descendants(main.pid) if pid not in halted))
        halted |= {process.pid: process for process in fresh}
    return list(halted.values())


def _with_all_below(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [each for process in processes for each in _halt(process)]


def _rest(main: psutil.Process, mark: str) -> list[psutil.Process]:
    others = (pid for pid in psutil.pids() if pid != main.pid)
    return list(_living(pid for pid in others if _session(pid) == main.pid or _carries(pid, mark)))


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None
