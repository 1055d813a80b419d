"""What a container uses, as the kernel counts it: cgroup v1 and cgroup v2."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from targets.local.allowance import group_paths

MB = 2**20
CGROUP_ROOT = Path("/sys/fs/cgroup")


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


def out_of_memory(limit_mb: int, own_peak_bytes: int | None) -> str:
    """What a row says of a unit that was killed for it. The peak is of the unit's own memory: the kernel takes page
    cache back before it kills."""
    peak = "unseen" if own_peak_bytes is None else f"{own_peak_bytes / MB:.0f} MB of its own"
    return f"out of memory at {limit_mb} MB, peak {peak}"


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
            own_memory_bytes=sum_of(table(memory / "memory.stat"), "total_rss", "total_shmem"),
            cpu_ns=_number(cpuacct / "cpuacct.usage"),
            throttled_ns=table(cpu / "cpu.stat").get("throttled_time"),
            oom_killed=table(memory / "memory.oom_control").get("oom_kill", 0) > 0,
        )

    def _v2(self) -> Usage:
        folder = self.folders[""]
        cpu = table(folder / "cpu.stat")
        throttled_us, cpu_us = cpu.get("throttled_usec"), cpu.get("usage_usec")
        return Usage(
            memory_bytes=_number(folder / "memory.current"),
            memory_peak_bytes=_number(folder / "memory.peak"),
            own_memory_bytes=sum_of(table(folder / "memory.stat"), "anon", "shmem"),
            cpu_ns=None if cpu_us is None else cpu_us * 1000,
            throttled_ns=None if throttled_us is None else throttled_us * 1000,
            oom_killed=table(folder / "memory.events").get("oom_kill", 0) > 0,
        )


def _combine_known(combine: Callable[[Iterable[int]], int], *figures: int | None) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return combine(known) if known else None


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def table(path: Path) -> dict[str, int]:
    """The numbers of a file of rows, by the name that each begins with; none when it cannot be read."""
    try:
        rows = [line.split() for line in path.read_text().splitlines()]
    except OSError:
        return {}
    return {row[0]: int(row[1]) for row in rows if len(row) >= 2 and row[1].isdigit()}


def sum_of(rows: dict[str, int], *names: str) -> int | None:
    """None where one of them is missing."""
    return sum(rows[name] for name in names) if all(name in rows for name in names) else None
