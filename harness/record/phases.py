"""Parts of a start: those that the bench tells, each in its place, and between them whatever a workload names."""

import re
from collections.abc import Iterable, Sequence

BOOT = "boot"
BEFORE = ("queue", "image", "create", "start", BOOT)
"""What happens before the workload's code runs, in order."""
FIRST_INFERENCE, UNACCOUNTED = "first_inference", "unaccounted"
AFTER = (FIRST_INFERENCE, UNACCOUNTED)
"""What comes after it; the sum of all parts is the wall time from scheduled to the end."""
RESERVED = frozenset({*BEFORE, *AFTER})
MOST_OWN = 20
"""Parts of a workload's own that are kept apart; further ones are unaccounted."""
PHASE_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def order_phases(names: Iterable[str]) -> list[str]:
    """Each once: the platform's in order, a workload's own as they first appear, the first inference, the rest."""
    once = list(dict.fromkeys(names))
    own = [name for name in once if name not in RESERVED]
    return [*(name for name in BEFORE if name in once), *own, *(name for name in AFTER if name in once)]


def init_phases(names: Iterable[str]) -> list[str]:
    """Those that are initialisation: the boot and whatever a workload names. Nothing that comes before or after."""
    return [name for name in names if name == BOOT or name not in RESERVED]


def phase_problems(names: Sequence[str]) -> list[str]:
    """Why this is no list of phases, a line per reason; empty when it is one."""
    own = [name for name in names if name not in RESERVED]
    problems = [f"{name!a:.60} is no name of a phase: a-z, 0-9, _" for name in own if not PHASE_NAME.fullmatch(name)]
    if len(own) > MOST_OWN:
        problems.append(f"{len(own)} phases of a workload's own: at most {MOST_OWN} are kept")
    if names and UNACCOUNTED not in names:
        problems.append(f"there are phases without {UNACCOUNTED}, so they do not add up to a start")
    if not problems and list(names) != order_phases(names):
        problems.append(f"not in order, or one is there twice: write {', '.join(order_phases(names))}")
    return problems
