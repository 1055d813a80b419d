"""What this process may use of its machine: CPUs and memory within its affinity and every control group above it."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

PROC = Path("/proc")
V1, V2 = "cgroup", "cgroup2"
ESCAPED = re.compile(r"\\([0-7]{3})")
"""How mountinfo writes a blank, a tab, a line's end and a backslash."""
REAL_TIME_FILE = "cpu.rt_runtime_us"


@dataclass(frozen=True)
class Mount:
    """A mounted hierarchy of control groups: `root` is the group that lies at its mount `point`."""

    kind: str
    root: str
    point: Path
    controllers: frozenset[str]


def available_cpus(proc: Path = PROC) -> float:
    """CPUs' worth of time that this process can have: the least of its affinity and the quotas of all its groups."""
    cpus = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    quotas = [quota for folder in own_groups("cpu", proc) if (quota := _quota(folder))]
    return min([cpus, *quotas])


def available_memory_bytes(proc: Path = PROC) -> int:
    """Memory that this process and its children can have: the machine's, or the least limit of all its groups."""
    names = ("memory.max", "memory.limit_in_bytes")
    texts = [_text(folder / name) for folder in own_groups("memory", proc) for name in names]
    total: int = psutil.virtual_memory().total
    return min([total, *(int(text) for text in texts if text.isdigit())])


def group_without_real_time() -> Path | None:
    """The file of our control group that keeps real-time priority from everybody in it, root too; None without one."""
    files = (folder / REAL_TIME_FILE for folder in own_groups("cpu", PROC))
    own = next(filter(_text, files), None)  # no group above it matters: none can give more than it has
    return own if own is not None and _text(own) == "0" else None


def own_groups(controller: str, proc: Path = PROC) -> Iterator[Path]:
    """The control groups that this process is in, those of either version, from its own up to the highest seen here."""
    paths = group_paths(_text(proc / "self/cgroup"))
    for mount in _mounts(proc):
        key = "" if mount.kind == V2 else controller
        if key not in paths or (mount.kind == V1 and controller not in mount.controllers):
            continue
        below = _below(mount.root, paths[key])
        if below is None:
            continue
        folder = mount.point / below
        yield folder
        yield from (parent for parent in folder.parents if parent.is_relative_to(mount.point))


def group_paths(text: str) -> dict[str, str]:
    """Of a /proc/PID/cgroup: the path of the group by controller; "" is version 2. What is no such line is left out."""
    rows = [line.split(":", 2) for line in text.splitlines()]
    groups = [(row[1], row[2]) for row in rows if len(row) == 3 and row[2].startswith("/")]
    return {controller: path for controllers, path in groups for controller in controllers.split(",")}


def _mounts(proc: Path) -> Iterator[Mount]:
    """Lines as proc(5) has them: id parent device root point options... - kind source options."""
    for line in _text(proc / "self/mountinfo").splitlines():
        place, _, filesystem = (part.split(" ") for part in line.partition(" - "))
        if filesystem[0] in (V1, V2) and len(place) > 4 and len(filesystem) > 2:
            root, point = (ESCAPED.sub(lambda found: chr(int(found[1], 8)), name) for name in place[3:5])
            yield Mount(filesystem[0], root, Path(point), frozenset(filesystem[2].split(",")))


def _below(root: str, path: str) -> str | None:
    """Our group's path below a mount's root, None where that does not show it.

    "" where names of another namespace hide the way: what a container sees at the top is its own group, or one above.
    """
    if ".." in (*Path(path).parts, *Path(root).parts):
        return ""
    return str(Path(path).relative_to(root)) if Path(path).is_relative_to(root) else None


def _quota(folder: Path) -> float | None:
    """CPUs that a group is held to; None where it is not, or where there is no such file."""
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    if not quota:
        quota = _text(folder / "cpu.cfs_quota_us").strip()
        period = _text(folder / "cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="surrogateescape").strip()
    except OSError:
        return ""
