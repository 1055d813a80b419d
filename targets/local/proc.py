"""What the kernel says of processes and their children."""

from contextlib import suppress
from pathlib import Path

import psutil

HAS_PROC = Path("/proc/self/environ").exists()


def descendants(pid: int) -> list[int]:
    """Every process below this one, parents first; zombies are among them."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        below = [child for child in children(waiting.pop()) if child not in found]
        found += below
        waiting += below
    return found


def children(pid: int) -> list[int]:
    """Those that it started and those that it was given; zombies are among them."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except OSError:  # a kernel that does not list them, or a thread that ended meanwhile
        with suppress(psutil.Error):
            return [child.pid for child in psutil.Process(pid).children()]
    return []


def is_alive(process: psutil.Process) -> bool:
    """Whether that very process runs; a zombie has ended."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
