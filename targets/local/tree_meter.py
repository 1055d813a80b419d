"""What a process and all below it use together, as /proc tells it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from targets.clock import now_ns
from targets.local.proc import descendants
from targets.local.resources import Usage, sum_of, table

PROC = Path("/proc")
NS_PER_S = 1_000_000_000
WALKS_APART = 50
"""Between two walks over all pages, in times what one took."""


class TreeMeter:
    """What a process and all below it use together; it keeps what only an earlier look could know.

    A page that several of them map counts once. To tell how much that is, the kernel walks all their pages (4 ms for
    300 MB): it is asked when one comes or goes, and else for a fiftieth of the time.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._pids: list[int] = []
        self._repeated: Memory | None = Memory(0, 0)
        """What the sum over the processes counts more than once; None where the kernel does not tell."""
        self._next_walk_ns = 0
        self._peak_bytes = self._cpu_ns = 0

    def usage(self) -> Usage:
        """Now; all None when the main process has ended. The peak is the kernel's, or the most that a look saw."""
        pids, cpu_ns = _times([self._pid, *descendants(self._pid)])
        main = _mapped(self._pid)
        if main is None or cpu_ns is None:
            return Usage()
        memory = main if len(pids) == 1 else self._together(pids)
        self._cpu_ns = max(self._cpu_ns, cpu_ns)  # one that is reaped between two reads is missing from both
        if memory is None:
            return Usage(cpu_ns=self._cpu_ns)
        high = _kilobytes(table(PROC / str(self._pid) / "status"), "VmHWM:")
        self._peak_bytes = max(self._peak_bytes, memory.resident, high or 0)
        return Usage(memory.resident, self._peak_bytes, memory.own, self._cpu_ns)

    def _together(self, pids: list[int]) -> "Memory | None":
        mapped = [memory for pid in pids if (memory := _mapped(pid))]
        if pids != self._pids or now_ns() > self._next_walk_ns:
            begun_ns = now_ns()
            shares = [memory for pid in pids if (memory := _share(pid))]
            self._repeated = Memory.total(mapped).less(Memory.total(shares)) if len(shares) == len(mapped) else None
            self._next_walk_ns = now_ns() + WALKS_APART * (now_ns() - begun_ns)
            self._pids = pids
        return self._repeated and Memory.total(mapped).less(self._repeated)


@dataclass(frozen=True)
class Memory:
    """In bytes, as one process or several map it."""

    resident: int
    own: int | None
    """Anonymous and shared; None where the kernel does not tell it apart."""

    @classmethod
    def total(cls, memories: "Iterable[Memory]") -> "Memory":
        """Of all of them, where a page of two counts twice."""
        listed = list(memories)
        owns = [memory.own for memory in listed if memory.own is not None]
        return cls(sum(memory.resident for memory in listed), sum(owns) if len(owns) == len(listed) else None)

    def less(self, other: "Memory") -> "Memory":
        """What is left, which is never below 0: the two may be of two moments."""
        own = None if self.own is None or other.own is None else max(0, self.own - other.own)
        return Memory(max(0, self.resident - other.resident), own)


def _mapped(pid: int) -> Memory | None:
    """What one process maps; None when it has ended."""
    try:
        resident = psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return None
    return (
        Memory(resident, _kilobytes(table(PROC / str(pid) / "status"), "RssAnon:", "RssShmem:")) if resident else None
    )


def _share(pid: int) -> Memory | None:
    """What one process maps, where a page that n processes map counts as an nth; None when it cannot be read."""
    rows = table(PROC / str(pid) / "smaps_rollup")
    resident = _kilobytes(rows, "Pss:")
    return None if resident is None else Memory(resident, _kilobytes(rows, "Pss_Anon:", "Pss_Shmem:"))


def _times(pids: Iterable[int]) -> tuple[list[int], int | None]:
    """Those that live, and the CPU time of them, of zombies, and of the dead that they have waited for; None when the
    first has ended.

    A zombie maps nothing. It stays as long as its parent does not wait for it, which a unit's main process, as the
    first one of a container, does not do for what it has adopted: nobody but the model knows whom it will wait for.
    """
    living: list[int] = []
    total_s = None
    for pid in pids:
        try:
            process = psutil.Process(pid)
            times, status = process.cpu_times(), process.status()
        except psutil.Error:
            if total_s is None:
                break
            continue
        living += [pid] if status != psutil.STATUS_ZOMBIE else []
        total_s = (total_s or 0.0) + times.user + times.system + times.children_user + times.children_system
    return living, None if total_s is None else int(total_s * NS_PER_S)


def _kilobytes(rows: dict[str, int], *names: str) -> int | None:
    total = sum_of(rows, *names)
    return None if total is None else total * 1024
