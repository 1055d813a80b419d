"""Whose a container or process is: marks by which `clean` finds what a killed run left and spares living runs."""

import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

from targets.clock import clock_id, wall_time

RUN_LABEL = "frostline.run"
OWNER_LABEL = "frostline.owner"
EXPIRES_LABEL = "frostline.expires"
IMAGE_LABEL = "frostline.image"
BACKING_LABEL = "frostline.backing"
"""Of what is no unit, but a server that units need (targets.backing): its name."""
RUN_VARIABLE = "FROSTLINE_RUN"
OWNER_VARIABLE = "FROSTLINE_OWNER"
LIFETIME_S = 24 * 3600
WRITTEN_OWNER = re.compile(r"([0-9]{1,10})/([^/\s]+)/([^/\s]+)")
OWNER_FILE = "owner"
"""In a work folder: whose it is."""


@dataclass(frozen=True)
class Owner:
    """The process that answers for a run: alive only while pid, start time and boot all match."""

    pid: int
    started: str
    boot: str

    @classmethod
    def current(cls) -> "Owner":
        """The calling process."""
        return cls(os.getpid(), start_time(os.getpid()), clock_id() or "unknown")

    @classmethod
    def parse(cls, text: str) -> "Owner | None":
        """Read str(owner) back; None when it is something else."""
        match = WRITTEN_OWNER.fullmatch(text)
        return cls(int(match[1]), match[2], match[3]) if match else None

    def __str__(self) -> str:
        return f"{self.pid}/{self.started}/{self.boot}"

    @property
    def alive(self) -> bool:
        """Whether that very process still runs on this boot."""
        if self.boot != (clock_id() or "unknown"):
            return False
        try:
            return start_time(self.pid) == self.started
        except (psutil.Error, OSError):
            return False


def start_time(pid: int) -> str:
    """When the process started, in a form that a stepped wall clock does not change where /proc exists."""
    stat = Path(f"/proc/{pid}/stat")
    if stat.exists():
        state, *fields = stat.read_text().rpartition(")")[2].split()
        started = fields[18]  # ticks since boot: field 22 of proc_pid_stat(5)
    else:
        process = psutil.Process(pid)
        state, started = process.status()[0].upper(), f"{process.create_time():.2f}"
    if state == "Z":
        raise psutil.NoSuchProcess(pid)
    return started


def work_folder(kind: str) -> Path:
    """A new folder frostline-<kind>-* among the temporary ones, which says whose it is."""
    folder = Path(tempfile.mkdtemp(prefix=f"frostline-{kind}-"))
    (folder / OWNER_FILE).write_text(str(Owner.current()))
    return folder


def labels(run_id: str, owner: Owner) -> dict[str, str]:
    """What every container of a run carries."""
    return {RUN_LABEL: run_id, OWNER_LABEL: str(owner), EXPIRES_LABEL: str(int(wall_time() + LIFETIME_S))}


def variables(run_id: str, owner: Owner) -> dict[str, str]:
    """What every process of a run carries in its environment."""
    return {RUN_VARIABLE: run_id, OWNER_VARIABLE: str(owner)}
