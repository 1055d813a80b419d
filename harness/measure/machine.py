"""What machine a run was made on, and what others take of it: hardware, kernel, stolen time, throttling."""

import hashlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from harness.record.facts import MachineFacts
from targets.clock import clock_id
from targets.local.allowance import PROC, available_cpus, available_memory_bytes, own_groups


def machine_facts() -> MachineFacts:
    """Hardware as far as this process may use it, and kernel.

    The host's name is hashed: it tells machines apart without naming them.
    """
    return {
        "cpu": _cpu_model(),
        "cpus": usable_cpus(),
        "memory_mb": available_memory_bytes() // 2**20,
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "host": hashlib.sha256(platform.node().encode()).hexdigest()[:12],
        "clock": clock_id(),
        "page_size": os.sysconf("SC_PAGE_SIZE"),
        "load_average": os.getloadavg()[0],
    }


def usable_cpus() -> float:
    """CPUs' worth of time that this process can have; an int where it is whole."""
    cpus = available_cpus()
    return int(cpus) if cpus.is_integer() else cpus


@dataclass(frozen=True)
class HostTimes:
    """The machine's CPU time so far, from /proc/stat in ticks; None where there is no such file."""

    stolen: int | None
    total: int | None
    throttled_periods: int | None
    """Of our own control group and those above: a throttled generator cannot keep a schedule."""

    @classmethod
    def read(cls, proc: Path = PROC) -> "HostTimes":
        """Read the counters."""
        throttled = _throttled_periods(proc)
        lines = _lines(proc / "stat")
        if not lines:
            return cls(None, None, throttled)
        ticks = [int(field) for field in lines[0].split()[1:9]]
        return cls(ticks[7], sum(ticks), throttled)

    def steal_share(self, earlier: "HostTimes") -> float | None:
        """Share of the machine's time since `earlier` that the hypervisor gave to others."""
        if self.total is None or earlier.total is None or self.stolen is None or earlier.stolen is None:
            return None
        return (self.stolen - earlier.stolen) / max(1, self.total - earlier.total)

    def was_throttled_since(self, earlier: "HostTimes") -> bool:
        """Whether our own control group ran into its CPU limit."""
        return (self.throttled_periods or 0) > (earlier.throttled_periods or 0)


def _throttled_periods(proc: Path) -> int | None:
    """How often the groups that this process is in, its own and those above, were throttled; None where untold."""
    rows = [row.split() for folder in own_groups("cpu", proc) for row in _lines(folder / "cpu.stat")]
    counts = [int(row[1]) for row in rows if len(row) == 2 and row[0] == "nr_throttled"]
    return sum(counts) if counts else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def _cpu_model() -> str:
    named = platform.processor() or platform.machine()
    lines = _lines(PROC / "cpuinfo")
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), named)
