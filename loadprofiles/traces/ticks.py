"""The grid that a file's moments lie on, and chance within it: a coarse clock hides when requests really came."""

import hashlib

import numpy as np

from loadprofiles.traces.trace import Floats

COARSE_S = (86_400, 3600, 1800, 900, 600, 300, 120, 60, 30, 20, 15, 10, 6, 5, 4, 3, 2, 1)
FINE_S = (0.5, 0.1, 0.05, 0.01)
CLOSE_S = 2e-6
"""Twice what a float64 of seconds loses within a century."""
ODD_SHARE = 1e-3
"""Of the moments that may lie off the grid: a damaged row does not hide it."""
LOOKED_AT = 200_000
CHANCE = 1e-6
"""A grid is believed where moments as fine as the file writes them would meet it by chance less often."""
FEWEST_FINE = 100


def chance(seed: int, purpose: str) -> np.random.Generator:
    """A stream of its own for each purpose: drawing more for one changes nothing of the others."""
    digest = hashlib.sha256(f"{seed}/replay/{purpose}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16])))


def tick_of(moments: Floats, written_s: float | None = None) -> float:
    """Length in seconds of the ticks in which these ascending moments were counted; 0 where their own values stand.

    A tick of a second or more counts where one of them holds several arrivals, a shorter one where they hold two on
    average. `written_s`: what the format's own unit resolves, None where only the numbers tell.
    """
    if len(moments) < 2 or not np.any(np.diff(moments) < CLOSE_S):
        return 0.0
    sample = moments[np.linspace(0, len(moments) - 1, min(len(moments), LOOKED_AT)).astype(np.int64)]
    distinct = len(np.unique(np.round(moments / CLOSE_S))) - 1
    written = written_s or next((unit for unit in (1.0, 0.1, 0.01, 1e-3) if _is_grid(sample, unit)), CLOSE_S)
    for tick in COARSE_S:
        if _is_grid(sample, tick) and (tick <= written or (written / tick) ** distinct < CHANCE):
            return float(tick)
    if len(moments) < max(FEWEST_FINE, 2 * (distinct + 1)):
        return 0.0
    return next((tick for tick in FINE_S if _is_grid(sample, tick)), 0.0)


def _is_grid(moments: Floats, tick: float) -> bool:
    away = np.abs(moments - np.round(moments / tick) * tick)
    return bool(np.mean(away > CLOSE_S) <= ODD_SHARE)


def spread(offsets: Floats, tick_s: float, period_s: float, seed: int) -> Floats:
    """Ascending offsets, each put uniformly somewhere within its tick; the same ones where there is no coarse tick."""
    if not tick_s:
        return offsets
    moved = offsets + chance(seed, "spread").random(len(offsets)) * tick_s
    moved[moved >= period_s] -= period_s
    moved.sort()
    return moved
