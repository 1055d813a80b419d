"""A function's pool over a month of arrivals: what targets/rules/lambda_pool.py decides, compiled.

Everything is in whole nanoseconds, so that a tie is decided as there; a test holds both together, decision by decision.
"""

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.forecast.compiled import compiled
from harness.forecast.spans import (
    LONGEST_S,
    NEVER,
    NS,
    Nanoseconds,
    arrival_ns,
    moment_ns,
    most_at_once,
    of_length,
    seconds_by_hour,
    whole_ns,
)
from targets.rules.lambda_pool import START_WINDOW_NS, Decision, PoolLimits

WINDOW_NS = START_WINDOW_NS
REUSE, START = int(Decision.REUSE), int(Decision.START)
THROTTLE_CONCURRENCY, THROTTLE_STARTS = int(Decision.THROTTLE_CONCURRENCY), int(Decision.THROTTLE_STARTS)


@dataclass(frozen=True)
class PoolMonth:
    """What became of each request, in the order of arrival, and of the units. Sums are of requests that count.

    What a request is billed is the caller's to take by `cold`: a part of a cold start may be free.
    """

    counted: slice
    """The requests that count, in each array: those from `from_s` on."""
    latency_s: NDArray[np.float64]
    """From arrival to answer; inf where throttled."""
    decision: NDArray[np.int8]
    """A `Decision`."""
    unit: NDArray[np.int32]
    """The unit's number; -1 where throttled."""
    provisioned: NDArray[np.bool_]
    """Whether the request ran on a provisioned unit."""
    peak_busy: int
    """Most units that held a request at once."""
    peak_size: int
    """Most units that existed at once, provisioned ones included."""
    unit_s_by_hour: NDArray[np.float64]
    """Seconds that units existed, busy or idle, in each hour since `from_s`."""

    @property
    def cold(self) -> NDArray[np.bool_]:
        """Requests that started a unit and waited for it."""
        return np.equal(self.decision, START)

    @property
    def throttled(self) -> NDArray[np.bool_]:
        """Requests that were turned away."""
        return np.greater_equal(self.decision, THROTTLE_CONCURRENCY)


def run_pool(
    arrivals_s: ArrayLike,
    warm_s: ArrayLike,
    cold_s: ArrayLike,
    dies: ArrayLike,
    limits: PoolLimits,
    end_s: float,
    *,
    from_s: float = 0.0,
    idle_ages_s: ArrayLike = (),
) -> PoolMonth:
    """Send arrivals, ascending seconds from 0 to `end_s`, at a pool that is empty but for units idle for `idle_ages_s`,
    a negative one of which is busy for so much longer.

    Per arrival: how long it takes on a unit that is warm, how long with a start before it, and whether its unit is lost
    as it ends. ValueError names what cannot be.
    """
    end_ns, from_ns = moment_ns("end_s", end_s), moment_ns("from_s", from_s)
    arrivals, warm, cold = arrival_ns(arrivals_s, end_ns), whole_ns("warm_s", warm_s), whole_ns("cold_s", cold_s)
    lost, ages = np.array(dies, np.bool_, order="C"), whole_ns("idle_ages_s", idle_ages_s, -LONGEST_S)
    ages = np.concatenate([ages[ages >= 0], ages[ages < 0]])  # numbered as the rule numbers them
    for name, values in (("warm_s", warm), ("cold_s", cold), ("dies", lost)):
        of_length(name, values, len(arrivals))
    if limits.provisioned + len(ages) > limits.concurrency_limit:
        raise ValueError(f"idle_ages_s: {len(ages)} units are more than concurrency_limit allows")
    decision, unit = np.zeros(len(arrivals), np.int8), np.full(len(arrivals), -1, np.int32)
    provisioned, first = np.zeros(len(arrivals), np.bool_), int(np.searchsorted(np.asarray(arrivals_s), from_s))
    keep_alive = min(limits.keep_alive_ns, NEVER)
    rules = (keep_alive, limits.concurrency_limit, limits.starts_per_10_s, limits.provisioned)
    begun, ended, peak_busy = _decide(
        arrivals, warm, cold, lost, -ages, *rules, end_ns, first, decision, unit, provisioned
    )
    took = np.where(decision == START, cold, warm) / NS
    return PoolMonth(
        slice(first, len(arrivals)),
        np.where(unit >= 0, took, np.inf),
        decision,
        unit,
        provisioned,
        peak_busy,
        most_at_once(begun, ended, from_ns, end_ns),
        seconds_by_hour(begun, ended, from_ns, end_ns),
    )


@compiled
def _decide(
    arrivals: Nanoseconds,
    warm: Nanoseconds,
    cold: Nanoseconds,
    dies: NDArray[np.bool_],
    idle_since: Nanoseconds,
    keep_alive: int,
    concurrency_limit: int,
    starts_limit: int,
    provisioned: int,
    end: int,
    first: int,
    decision: NDArray[np.int8],
    unit: NDArray[np.int32],
    on_provisioned: NDArray[np.bool_],
) -> tuple[Nanoseconds, Nanoseconds, int]:
    """Fill in the last three for each arrival; returns when each unit begins and ends, and the most that were busy."""
    begun = [0 for _ in range(provisioned + len(idle_since))]
    ended = [end for _ in range(provisioned + len(idle_since))]
    free = list(range(provisioned))
    order = np.argsort(idle_since, kind="mergesort")
    idle = [(int(idle_since[at]), int(provisioned + at)) for at in order if idle_since[at] <= 0]
    longest = 0  # where in `idle` the first is that has not expired
    # (when it ends, request); of those that are busy from the begin, -1 - the unit's number stands for the request
    busy = [(int(idle_since[at]), -1 - int(provisioned + at)) for at in order if idle_since[at] > 0]
    busy.sort()  # a heap
    starts = np.zeros(min(starts_limit, len(arrivals)), np.int64)  # a ring of the latest
    started = peak = 0
    for at in range(len(arrivals) + 1):
        now = int(arrivals[at]) if at < len(arrivals) else end
        while len(busy) > 0 and busy[0][0] <= now:
            done, request = heappop(busy)
            if request < 0:
                idle.append((done, -1 - request))
                continue
            _answer(done, int(unit[request]), dies[request], on_provisioned[request], end, begun, ended, free, idle)
        while longest < len(idle) and now - idle[longest][0] >= keep_alive:
            ended[idle[longest][1]] = idle[longest][0] + keep_alive
            longest += 1
        if at == len(arrivals):
            break
        took = int(warm[at])
        if len(free) > 0:
            number = free.pop()
            on_provisioned[at] = True
        elif longest < len(idle):
            number = idle.pop()[1]
        elif len(busy) >= concurrency_limit:
            decision[at] = THROTTLE_CONCURRENCY
            continue
        elif started >= starts_limit and (starts_limit == 0 or now - starts[started % starts_limit] < WINDOW_NS):
            decision[at] = THROTTLE_STARTS
            continue
        else:
            decision[at], took, number = START, int(cold[at]), len(begun)
            begun.append(now)
            ended.append(end)
            starts[started % starts_limit] = now
            started += 1
        unit[at] = number
        heappush(busy, (now + took, at))
        if at >= first:
            peak = max(peak, len(busy))
    return np.array(begun, np.int64), np.array(ended, np.int64), peak


def _answer(
    now: int,
    unit: int,
    dies: bool,
    provisioned: bool,
    end: int,
    begun: list[int],
    ended: list[int],
    free: list[int],
    idle: list[tuple[int, int]],
) -> None:
    """A unit's request has ended, and so has the unit where it dies."""
    if dies:
        ended[unit] = now
        if provisioned:  # another is in its place at once
            free.append(len(begun))
            begun.append(now)
            ended.append(end)
    elif provisioned:
        free.append(unit)
    else:
        idle.append((now, unit))
