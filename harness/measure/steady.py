"""What a function's pool would be after enough of a trial's traffic: the pure rules, told of arrivals. No clock."""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from harness.experiment.profiles import draw_history
from loadprofiles import LoadProfile
from targets.rules.lambda_pool import Decision, LambdaPool, PoolLimits

HISTORY_S = 3600.0
"""Of modelled time: no more than the hour before the trial, unless that is too little."""
LEAST_LIVES, MOST_LIVES = 3, 10
"""A history lasts for so many lives, of a unit that is started, asked once and kept: what is gone leaves no trace."""
MOST_ARRIVALS = 200_000
"""Of a history, on average: one that would hold more is shorter, for it is gone through before each trial."""
NS = 1_000_000_000


@dataclass(frozen=True)
class SteadyPool:
    """The units that such traffic leaves."""

    idle_s: list[float]
    """For how long each has been idle, in real seconds, the shortest first; negative: is busy for so much longer."""
    history_s: float
    """Real seconds of traffic that led up to it."""
    cut_from_s: float | None = None
    """How long it should have been at least, where that is too many arrivals; None where it was as long."""


def steady_pool(
    load: LoadProfile, seed: int, limits: PoolLimits, warm_s: Sequence[float], start_s: float
) -> SteadyPool:
    """`warm_s` is what requests take, in turn; one that starts a unit takes `start_s`. UsageError as draw_history."""
    life_s = limits.keep_alive_ns / NS + start_s + max(warm_s)
    wanted_s = max(LEAST_LIVES * life_s, min(HISTORY_S / load.time_compression, MOST_LIVES * life_s))
    seconds = min(wanted_s, MOST_ARRIVALS / load.rate)
    pool = LambdaPool(limits)
    idle_since_ns: dict[int, int] = {}
    ends: list[tuple[int, int]] = []
    """(when it ends, unit) of requests under way; a heap."""

    def put_back_until(now_ns: int) -> None:
        while ends and ends[0][0] <= now_ns:
            end_ns, unit = heapq.heappop(ends)
            pool.put_back(unit, end_ns)
            idle_since_ns[unit] = end_ns

    for offset_s, taken_s in zip(draw_history(load, seed, seconds), itertools.cycle(warm_s), strict=False):
        now_ns = round(offset_s * NS)
        put_back_until(now_ns)
        taken = pool.take(now_ns)
        if taken.unit is not None:
            busy_s = start_s if taken.decision == Decision.START else taken_s
            heapq.heappush(ends, (now_ns + round(busy_s * NS), taken.unit))
    end_ns = round(seconds * NS)
    put_back_until(end_ns)
    pool.expire(end_ns)
    since_ns = [*(idle_since_ns[unit] for unit in pool.idle if unit in idle_since_ns), *(end for end, _ in ends)]
    cut_from_s = LEAST_LIVES * life_s if seconds < LEAST_LIVES * life_s else None
    return SteadyPool(sorted((end_ns - moment_ns) / NS for moment_ns in since_ns), seconds, cut_from_s)
