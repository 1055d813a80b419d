"""What machine a run was made on, and what others take of it: hardware, kernel, stolen time, throttling."""

import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.record.facts import MachineFacts
from targets.clock import clock_id


def machine_facts() -> MachineFacts:
    """Hardware and kernel. The host's name is hashed: it tells machines apart without naming them."""
    return {
        "cpu": _cpu_model(),
        "cpus": usable_cpus(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "host": hashlib.sha256(platform.node().encode()).hexdigest()[:12],
        "clock": clock_id(),
        "page_size": os.sysconf("SC_PAGE_SIZE"),
        "load_average": os.getloadavg()[0],
    }


def usable_cpus() -> int:
    """CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class HostTimes:
    """The machine's CPU time so far, from /proc/stat in ticks; None where there is no such file."""

    stolen: int | None
    total: int | None
    throttled_periods: int | None
    """Of our own control group: a throttled generator cannot keep a schedule."""

    @classmethod
    def read(cls) -> "HostTimes":
        """Read the counters."""
        try:
            ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        except (OSError, ValueError):
            return cls(None, None, _throttled_periods())
        return cls(ticks[7], sum(ticks), _throttled_periods())

    def steal_share(self, earlier: "HostTimes") -> float | None:
        """Share of the machine's time since `earlier` that the hypervisor gave to others."""
        if self.total is None or earlier.total is None or self.stolen is None or earlier.stolen is None:
            return None
        return (self.stolen - earlier.stolen) / max(1, self.total - earlier.total)

    def was_throttled_since(self, earlier: "HostTimes") -> bool:
        """Whether our own control group ran into its CPU limit."""
        return (self.throttled_periods or 0) > (earlier.throttled_periods or 0)


def _throttled_periods() -> int | None:
    """How often the cgroup that this process is in (v2 or v1) was throttled."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "cpu", "cpu,cpuacct"):
            folder = Path("/sys/fs/cgroup") / controllers / path.lstrip("/")
            try:
                table = dict(row.split() for row in (folder / "cpu.stat").read_text().splitlines())
            except (OSError, ValueError):
                continue
            if "nr_throttled" in table:
                return int(table["nr_throttled"])
    return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
