"""What others take of a machine's time, and what a control group keeps back."""

from dataclasses import dataclass
from pathlib import Path

from targets.local.allowance import PROC, own_groups


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
