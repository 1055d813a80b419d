"""How much of the machine others used meanwhile: the witness without whom nobody says that the machine was busy."""

import os
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from harness.clock import now_ns
from harness.measure.machine import usable_cpus

NS_PER_S = 1_000_000_000
ENGINES = ("dockerd", "containerd")
"""What runs below them are our units, or work for us."""
KERNEL_PID = 2
INIT_PID = 1
MOST_SHARE = 0.10
"""Of all CPU time: beyond it, the machine was not free."""


@dataclass(frozen=True)
class Usage:
    """CPU seconds of one process so far, with those of the children that it has waited for."""

    parent: int
    name: str
    cpu_s: float


Process = tuple[int, float]
"""Its id and when it was made, for ids are used again."""
Look = dict[Process, Usage]


class Others:
    """Looks at all processes when it is made; `share` looks again."""

    def __init__(self) -> None:
        self._begun, self._earlier = now_ns() / NS_PER_S, _look()

    def share(self) -> float:
        """CPU time since then of processes that are neither ours nor the engine's, as a share of what we can have."""
        seconds = now_ns() / NS_PER_S - self._begun
        return foreign_cpu_s(self._earlier, _look(), os.getpid()) / (seconds * usable_cpus())


def foreign_cpu_s(earlier: Look, later: Look, own: int) -> float:
    """What processes used between two looks that are not `own` nor below it, nor the engine's or the kernel's.

    What ended meanwhile is part of what its parent waited for, so its earlier seconds are taken off there.
    """
    by_pid = {process[0]: usage for process, usage in later.items()}
    foreign = {process: usage for process, usage in later.items() if not _is_known(process[0], by_pid, own)}
    total = 0.0
    for process, usage in foreign.items():
        total += usage.cpu_s - (earlier[process].cpu_s if process in earlier else 0.0)
    for process in earlier.keys() - later.keys():
        heir = _heir(process[0], earlier, later)
        if heir in foreign and heir[0] != INIT_PID:
            total -= earlier[process].cpu_s
    return max(0.0, total)


def _is_known(pid: int, by_pid: dict[int, Usage], own: int) -> bool:
    """Whether this process or one above it is ours, the engine or the kernel."""
    return any(
        above in (own, KERNEL_PID) or by_pid[above].name.startswith(ENGINES) for above in _line_above(pid, by_pid)
    )


def _line_above(pid: int, by_pid: dict[int, Usage]) -> Iterator[int]:
    """The process, its parent and so on, as far as they are known."""
    seen: set[int] = set()
    while pid in by_pid and pid not in seen:
        seen.add(pid)
        yield pid
        pid = by_pid[pid].parent


def _heir(pid: int, earlier: Look, later: Look) -> Process | None:
    """The nearest one above a process that has ended, which waited for it."""
    known = {process[0]: process for process in earlier}
    by_pid = {process[0]: usage for process, usage in earlier.items()}
    return next((known[above] for above in _line_above(pid, by_pid) if known[above] in later), None)


def _look() -> Look:
    look: Look = {}
    for process in psutil.process_iter():
        try:
            with process.oneshot():
                times = process.cpu_times()
                waited_s = 0.0 if process.pid == INIT_PID else times.children_user + times.children_system
                usage = Usage(process.ppid(), process.name(), times.user + times.system + waited_s)
                look[process.pid, process.create_time()] = usage
        except psutil.Error:
            continue
    return look
