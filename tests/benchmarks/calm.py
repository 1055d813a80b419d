"""Whether the machine was free for a benchmark: a bound that fails on a busy one says nothing, so it is tried again."""

from collections.abc import Callable

from harness.load.host_times import HostTimes
from harness.selftest.others import MOST_SHARE, Others

TRIES = 3
BUSY_EXIT = 4
"""Nothing is said, for the machine was too busy; 1 is a bound that does not hold."""
MOST_STOLEN = 0.05


def settled(measure: Callable[[], list[str]]) -> int:
    """The exit code after `measure`, which returns the bounds that do not hold; repeated while the machine is busy."""
    for number in range(1, TRIES + 1):
        others, begun = Others(), HostTimes.read()
        problems = measure()
        disturbed = disturbances(others.share(), HostTimes.read().steal_share(begun))
        if not problems:
            print("\nall bounds hold")
            return 0
        print("\n" + "\n".join(problems))
        if not disturbed:
            return 1
        print(f"the machine was busy with something else ({number} of {TRIES} times): {'; '.join(disturbed)}")
    print("the machine was too busy: nothing is said")
    return BUSY_EXIT


def disturbances(others: float, stolen: float | None) -> list[str]:
    """What kept the machine from measuring, over the whole measurement: others' use of it, and time stolen."""
    told = [f"{100 * others:.0f} % of it was used by others"] if others > MOST_SHARE else []
    if stolen is not None and stolen > MOST_STOLEN:
        told.append(f"{100 * stolen:.0f} % of its time was stolen")
    return told


def worst(codes: list[int]) -> int:
    """Of several benchmarks: a bound that does not hold weighs more than a busy machine."""
    return max(codes, key=lambda code: (code not in (0, BUSY_EXIT), code), default=0)
