"""Whether the machine was free for a benchmark: a bound that fails on a busy one says nothing, so it is tried again."""

import time
from collections.abc import Callable
from pathlib import Path

TRIES = 3
BUSY_EXIT = 4
"""Nothing is said, for the machine was too busy; 1 is a bound that does not hold."""
PROBE_S = 2.0
MOST_BUSY = 0.10
"""Share of all CPU time that others may take while nothing of ours runs."""
MOST_STOLEN = 0.05


def settled(measure: Callable[[], list[str]]) -> int:
    """The exit code after `measure`, which returns the bounds that do not hold; repeated while the machine is busy."""
    for number in range(1, TRIES + 1):
        before, begun = busy_share(), cpu_times()
        problems = measure()
        disturbed = disturbances(before, begun)
        if not problems:
            print("\nall bounds hold")
            return 0
        print("\n" + "\n".join(problems))
        if not disturbed:
            return 1
        print(f"the machine was busy with something else ({number} of {TRIES} times): {'; '.join(disturbed)}")
    print("the machine was too busy: nothing is said")
    return BUSY_EXIT


def disturbances(before: float, begun: tuple[int, int, int]) -> list[str]:
    """What kept the machine from measuring: others' use of it before and after, and time stolen meanwhile."""
    total, _, stolen = (now - then for now, then in zip(cpu_times(), begun, strict=True))
    after = busy_share()
    found = [
        f"{100 * share:.0f} % of it was used by others {when}"
        for when, share in (("before", before), ("afterwards", after))
        if share > MOST_BUSY
    ]
    if total and stolen / total > MOST_STOLEN:
        found.append(f"{100 * stolen / total:.0f} % of its time was stolen")
    return found


def busy_share() -> float:
    """Share of the machine's CPU time that is used while we sleep."""
    total, idle, _ = cpu_times()
    time.sleep(PROBE_S)
    later, idle_later, _ = cpu_times()
    return 1 - (idle_later - idle) / max(1, later - total)


def cpu_times() -> tuple[int, int, int]:
    """Ticks of all CPUs so far: in all, idle, stolen."""
    ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(ticks), ticks[3] + ticks[4], ticks[7]
