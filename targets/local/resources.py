"""What a container or a process uses, as the kernel counts it: cgroup v1, cgroup v2 and /proc."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from targets.clock import now_ns
from targets.local.allowance import group_paths
from targets.local.process_tree import descendants

PROC = Path("/proc")
CGROUP_ROOT = Path("/sys/fs/cgroup")
NS_PER_S = 1_000_000_000
WALKS_APART = 50
"""Between two walks over all pages, in times what one took."""


@dataclass(frozen=True)
class Usage:
    """Figures of one unit; what cannot be read is None. Peaks include the page cache, own memory does not."""

    memory_bytes: int | None = None
    memory_peak_bytes: int | None = None
    own_memory_bytes: int | None = None
    cpu_ns: int | None = None
    throttled_ns: int | None = None
    oom_killed: bool = False

    def after(self, earlier: "Usage") -> "Usage":
        """A unit's whole use where it was restarted in between: the kernel counted anew, so times add up."""
        return Usage(
            memory_bytes=self.memory_bytes,
            memory_peak_bytes=_combine_known(max, earlier.memory_peak_bytes, self.memory_peak_bytes),
            own_memory_bytes=_combine_known(max, earlier.own_memory_bytes, self.own_memory_bytes),
            cpu_ns=_combine_known(sum, earlier.cpu_ns, self.cpu_ns),
            throttled_ns=_combine_known(sum, earlier.throttled_ns, self.throttled_ns),
            oom_killed=earlier.oom_killed or self.oom_killed,
        )


class Cgroup:
    """The control group of a container, found through its main process. FileNotFoundError when that has ended."""

    def __init__(self, pid: int, root: Path = CGROUP_ROOT, proc: Path = Path("/proc")) -> None:
        self.folders: dict[str, Path] = {}
        for controller, path in group_paths((proc / str(pid) / "cgroup").read_text()).items():
            self.folders[controller] = root / controller / path.lstrip("/")
        self.unified = "" in self.folders and "memory" not in self.folders
        if self.folders.get("memory", self.folders.get("")) in (root / "memory", root):
            # A process that is ending is already back in the root group: its figures are the whole machine's.
            raise FileNotFoundError(f"process {pid} is in no control group of its own")

    @classmethod
    def find(cls, pid: int | None) -> "Cgroup | None":
        """The same, but None where it cannot be seen: an ended container, an engine in a virtual machine."""
        try:
            return cls(pid) if pid else None
        except OSError:
            return None

    def usage(self) -> Usage:
        """Read now; every figure is None once the container has ended."""
        return self._v2() if self.unified else self._v1()

    def _v1(self) -> Usage:
        memory, cpuacct, cpu = (self.folders.get(name, Path("/")) for name in ("memory", "cpuacct", "cpu"))
        return Usage(
            memory_bytes=_number(memory / "memory.usage_in_bytes"),
            memory_peak_bytes=_number(memory / "memory.max_usage_in_bytes"),
            own_memory_bytes=_sum(_table(memory / "memory.stat"), "total_rss", "total_shmem"),
            cpu_ns=_number(cpuacct / "cpuacct.usage"),
            throttled_ns=_table(cpu / "cpu.stat").get("throttled_time"),
            oom_killed=_table(memory / "memory.oom_control").get("oom_kill", 0) > 0,
        )

    def _v2(self) -> Usage:
        folder = self.folders[""]
        cpu = _table(folder / "cpu.stat")
        throttled_us, cpu_us = cpu.get("throttled_usec"), cpu.get("usage_usec")
        return Usage(
            memory_bytes=_number(folder / "memory.current"),
            memory_peak_bytes=_number(folder / "memory.peak"),
            own_memory_bytes=_sum(_table(folder / "memory.stat"), "anon", "shmem"),
            cpu_ns=None if cpu_us is None else cpu_us * 1000,
            throttled_ns=None if throttled_us is None else throttled_us * 1000,
            oom_killed=_table(folder / "memory.events").get("oom_kill", 0) > 0,
        )


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
        pids = [self._pid, *descendants(self._pid)]
        main, cpu_ns = _mapped(self._pid), _cpu_ns(pids)
        if main is None or cpu_ns is None:
            return Usage()
        memory = main if len(pids) == 1 else self._together(pids)
        self._cpu_ns = max(self._cpu_ns, cpu_ns)  # one that is reaped between two reads is missing from both
        if memory is None:
            return Usage(cpu_ns=self._cpu_ns)
        high = _kilobytes(_table(PROC / str(self._pid) / "status"), "VmHWM:")
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


def process_usage(pid: int) -> Usage:
    """A process and all below it, by one look: memory, high-water mark, CPU time with that of the dead; None when it
    has ended."""
    return TreeMeter(pid).usage()


def _mapped(pid: int) -> Memory | None:
    """What one process maps; None when it has ended."""
    try:
        resident = psutil.Process(pid).memory_info().rss
    except psutil.Error:
        return None
    return (
        Memory(resident, _kilobytes(_table(PROC / str(pid) / "status"), "RssAnon:", "RssShmem:")) if resident else None
    )


def _share(pid: int) -> Memory | None:
    """What one process maps, where a page that n processes map counts as an nth; None when it cannot be read."""
    table = _table(PROC / str(pid) / "smaps_rollup")
    resident = _kilobytes(table, "Pss:")
    return None if resident is None else Memory(resident, _kilobytes(table, "Pss_Anon:", "Pss_Shmem:"))


def _cpu_ns(pids: Iterable[int]) -> int | None:
    """Of those that live and of the dead that they have waited for; None when the first has ended."""
    total_s = None
    for pid in pids:
        try:
            times = psutil.Process(pid).cpu_times()
        except psutil.Error:
            if total_s is None:
                return None
            continue
        total_s = (total_s or 0.0) + times.user + times.system + times.children_user + times.children_system
    return None if total_s is None else int(total_s * NS_PER_S)


def _combine_known(combine: Callable[[Iterable[int]], int], *figures: int | None) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return combine(known) if known else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _table(path: Path) -> dict[str, int]:
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {row[0]: int(row[1]) for row in rows if len(row) >= 2 and row[1].isdigit()}


def _sum(table: dict[str, int], *names: str) -> int | None:
    return sum(table[name] for name in names) if all(name in table for name in names) else None


def _kilobytes(table: dict[str, int], *names: str) -> int | None:
    total = _sum(table, *names)
    return None if total is None else total * 1024
