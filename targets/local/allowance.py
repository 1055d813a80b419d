"""What this process may use of its machine: CPUs and memory within its affinity and every control group above it."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

PROC = Path("/proc")
V1, V2 = "cgroup", "cgroup2"


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


def own_groups(controller: str, proc: Path = PROC) -> Iterator[Path]:
    """The control groups that this process is in, those of either version, from its own up to the highest seen here."""
    paths = _own_paths(proc)
    for mount in _mounts(proc):
        key = "" if mount.kind == V2 else controller
        if key not in paths or (mount.kind == V1 and controller not in mount.controllers):
            continue
        folder = mount.point / _below(mount.root, paths[key])
        yield folder
        yield from (parent for parent in folder.parents if parent.is_relative_to(mount.point))


def _own_paths(proc: Path) -> dict[str, str]:
    """Path of our group by controller; "" is version 2."""
    paths = {}
    for line in _text(proc / "self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


def _mounts(proc: Path) -> Iterator[Mount]:
    """Lines as proc(5) has them: id parent device root point options... - kind source options."""
    for line in _text(proc / "self/mountinfo").splitlines():
        place, _, filesystem = line.partition(" - ")
        if filesystem.split(" ", 1)[0] in (V1, V2):
            _, _, _, root, point, *_ = place.split(" ")
            kind, _, options = filesystem.split(" ", 2)
            yield Mount(kind, root, Path(point), frozenset(options.split(",")))


def _below(root: str, path: str) -> str:
    """Our group's path below a mount's root; "" where that does not show it: a container sees its own group there."""
    is_below = Path(path).is_relative_to(root)
    return str(Path(path).relative_to(root)) if is_below and ".." not in path else ""


def _quota(folder: Path) -> float | None:
    """CPUs that a group is held to; None where it is not, or where there is no such file."""
    quota, _, period = _text(folder / "cpu.max").strip().partition(" ")
    if not quota:
        quota = _text(folder / "cpu.cfs_quota_us").strip()
        period = _text(folder / "cpu.cfs_period_us").strip()
    return int(quota) / int(period) if quota.isdigit() and period.isdigit() and int(period) else None


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
