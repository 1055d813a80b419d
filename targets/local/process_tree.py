"""The processes of one unit: its main one and all that came of it, in whatever session, with or without a parent.

While the main process lives they are below it, as it adopts them (targets.serving.leash). When it has ended, they are
known by a mark in their environment, and by its session.
"""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from targets.clock import now_ns, sleep

MARK_VARIABLE = "FROSTLINE_TREE"
"""In the environment of every process of a unit; no two units, and no two starts of one, have the same."""
END_LIMIT_S = 10.0
POLL_S = 0.002


def descendants(pid: int) -> list[int]:
    """Every process below this one, parents first; zombies are among them."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = [child for child in _children(waiting.pop()) if child not in found]
        found += below
        waiting += below
    return found


def _children(pid: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:  # a kernel that does not list them, or a thread that ended meanwhile
        with suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
    return []


def marked(mark: str) -> list[psutil.Process]:
    """The living processes of this machine that carry a unit's mark."""
    return list(_living(pid for pid in psutil.pids() if _carries(pid, mark)))


def _carries(pid: int, mark: str) -> bool:
    try:
        if Path("/proc/self/environ").exists():
            return f"{MARK_VARIABLE}={mark}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        return bool(psutil.Process(pid).environ().get(MARK_VARIABLE) == mark)
    except (psutil.Error, OSError):  # another user's, the kernel's, or ended
        return False


def _living(pids: Iterable[int]) -> Iterator[psutil.Process]:
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            if is_alive(process):
                yield process


def is_alive(process: psutil.Process) -> bool:
    """Whether that very process runs; a zombie has ended."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def kill(main: psutil.Process) -> None:
    """End the main process and all below it. TimeoutError when the kernel keeps one of them."""
    halted = _halt(main)
    _kill_while(lambda: [process for process in halted if is_alive(process)])


def kill_rest(main: psutil.Process, mark: str) -> None:
    """End what lives of a unit whose main process has ended. TimeoutError when the kernel keeps one of them.

    The main one must not have been collected by its parent yet, so that its number is nobody else's.
    """
    _kill_while(lambda: _rest(main, mark))


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


def _rest(main: psutil.Process, mark: str) -> list[psutil.Process]:
    others = (pid for pid in psutil.pids() if pid != main.pid)
    return list(_living(pid for pid in others if _session(pid) == main.pid or _carries(pid, mark)))


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except OSError:
        return None
