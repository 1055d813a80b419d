"""A service of replicas over a month of arrivals: one queue in the order of arrival before all slots that are ready.

Compiled between the ticks of the platform's rule, which is asked as it stands (targets/rules/). At one moment ends come
first, then replicas that become ready, then arrivals, then the tick. Everything is in whole nanoseconds.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import ArrayLike, NDArray

from harness.forecast.compiled import compiled
from harness.forecast.spans import (
    HOUR_NS,
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
from harness.interruption import plainly
from targets.rules.contract import Rule, Seen

STARTING, READY, GOING = 0, 1, 2
FREE_KEPT = 4096
"""Slots that were taken are cut off the list of free ones when they are more than this."""


@dataclass(frozen=True)
class ServiceMonth:
    """What became of each request, in the order of arrival, and of the replicas."""

    counted: slice
    """The requests that count, in each array: those from `from_s` on."""
    latency_s: NDArray[np.float64]
    """From arrival to answer; inf where it was not begun within an hour after the end."""
    queue_s: NDArray[np.float64]
    """From arrival until a slot took it, starts that it waited for included; inf as above."""
    cold: NDArray[np.bool_]
    """Requests that arrived while no replica was ready, and waited for one to start."""
    starts: int
    """Replicas that were started from `from_s` on; those of the begin are none."""
    peak: int
    """Most replicas that existed at once, starting and draining ones included."""
    replica_s_by_hour: NDArray[np.float64]
    """Seconds that replicas existed, starting and draining included, in each hour since `from_s`."""


def run_service(
    arrivals_s: ArrayLike,
    service_s: ArrayLike,
    rule: Rule,
    slots: int,
    start_s: ArrayLike,
    drain_s: float,
    end_s: float,
    *,
    from_s: float = 0.0,
) -> ServiceMonth:
    """Send arrivals, ascending seconds from 0 to `end_s`, at replicas that each serve so many at once, under a rule.

    `service_s` is one for each arrival; the starts take `start_s` in turn, over and over. A replica that is to go takes
    nothing more and exists until `drain_s` after its last answer; the newest goes first, those that start before those
    that serve. ValueError names what cannot be.
    """
    end_ns, from_ns = moment_ns("end_s", end_s), moment_ns("from_s", from_s)
    arrivals, service = arrival_ns(arrivals_s, end_ns), whole_ns("service_s", service_s)
    starting, drain = whole_ns("start_s", start_s), moment_ns("drain_s", drain_s)
    of_length("service_s", service, len(arrivals))
    if slots < 1:
        raise ValueError(f"slots: {slots} is not accepted: 1 or more")
    if not len(starting) and not math.isinf(rule.tick_s):
        raise ValueError("start_s: empty: a rule that starts replicas needs how long a start takes")
    begun_ns, cold = np.full(len(arrivals), -1, np.int64), np.zeros(len(arrivals), np.bool_)
    tick = NEVER if math.isinf(rule.tick_s) else moment_ns("tick_s", rule.tick_s)
    told, wanted, span = np.zeros(8), np.zeros(2, np.int64), np.zeros(2, np.int64)
    scaler, spans = rule.scaler(), []
    moments = (starting, slots, rule.first, bool(rule.wakes), tick, drain, end_ns)
    with plainly():
        for is_tick in _serve(arrivals, service, *moments, begun_ns, cold, told, wanted, span):
            if is_tick:
                wanted[0] = scaler.decide(_seen(told.tolist()))
                wanted[1] = scaler.rests
            else:
                spans.append(span.tolist())
    begun, ended = np.array(spans, np.int64).reshape(-1, 2).T
    first, started = int(np.searchsorted(np.asarray(arrivals_s), from_s)), begun[rule.first :]
    return ServiceMonth(
        slice(first, len(arrivals)),
        np.where(begun_ns < 0, np.inf, (begun_ns - arrivals + service) / NS),
        np.where(begun_ns < 0, np.inf, (begun_ns - arrivals) / NS),
        cold,
        int(((started >= from_ns) & (started <= end_ns)).sum()),
        most_at_once(begun, ended, from_ns, end_ns),
        seconds_by_hour(begun, ended, from_ns, end_ns),
    )


def _seen(figures: list[float]) -> Seen:
    now, concurrency, requests, utilisation, *counts = figures
    queued, serving, ready, starting = map(int, counts)
    return Seen(now, concurrency, int(requests), utilisation, queued, serving, ready, starting)


@compiled
def _serve(
    arrivals: Nanoseconds,
    service: Nanoseconds,
    start: Nanoseconds,
    slots: int,
    first: int,
    wakes: bool,
    tick: int,
    drain: int,
    end: int,
    begun_at: Nanoseconds,
    cold: NDArray[np.bool_],
    told: NDArray[np.float64],
    wanted: Nanoseconds,
    span: Nanoseconds,
) -> Iterator[bool]:
    """Fill in when a slot takes each request, and whether it met no replica.

    Yields True at each tick, with `told` as `Seen` has it, and goes on with `wanted`: replicas, and whether the scaler
    rests. Then yields False for each replica in the order of asking, with the `span` in which it exists.
    """
    count = len(arrivals)
    begun, ended = [0 for _ in range(first)], [NEVER for _ in range(first)]
    state, holds = [READY for _ in range(first)], [0 for _ in range(first)]
    alive = list(range(first))  # those that do not go, in the order of asking
    free = list(range(first)) * slots  # the longest free slot first, by replica
    taken = 0  # of `free`
    coming = [(0, 0) for _ in range(0)]  # (when it is ready, replica)
    busy = [(0, 0) for _ in range(0)]  # (when it is answered, replica)
    now, next_tick, ready, serving = 0, tick, first, 0
    arrived = arrived_before = queue_head = answered = 0
    system_ns = serving_ns = ready_ns = 0.0
    while True:
        moment = min(next_tick, int(arrivals[arrived]) if arrived < count else NEVER)
        if len(busy) > 0:
            moment = min(moment, busy[0][0])
        if len(coming) > 0:
            moment = min(moment, coming[0][0])
        if moment > (end + HOUR_NS if queue_head < count else end):
            break
        passed = moment - now
        system_ns += (arrived - answered) * passed
        serving_ns += serving * passed
        ready_ns += ready * passed
        now = moment
        if len(busy) > 0 and busy[0][0] == now:
            number = heappop(busy)[1]
            answered += 1
            holds[number] -= 1
            if state[number] == READY:
                serving -= 1
                free.append(number)
            elif holds[number] == 0:
                ended[number] = now + drain
        elif len(coming) > 0 and coming[0][0] == now:
            number = heappop(coming)[1]
            if state[number] == STARTING:
                state[number] = READY
                ready += 1
                for _ in range(slots):
                    free.append(number)
        elif arrived < count and arrivals[arrived] == now:
            cold[arrived] = ready == 0
            arrived += 1
            if wakes and len(alive) == 0:
                _ask(now, int(start[(len(begun) - first) % len(start)]), begun, ended, state, holds, alive, coming)
        else:
            told[0], told[1], told[2] = now / NS, system_ns / tick, arrived - arrived_before
            told[3] = serving_ns / (ready_ns * slots) if ready_ns > 0 else 0.0
            told[4], told[5] = arrived - queue_head, len(busy)
            told[6], told[7] = ready, len(alive) - ready
            yield True
            system_ns = serving_ns = ready_ns = 0.0
            arrived_before = arrived
            target = int(wanted[0])
            if wakes and arrived > queue_head:  # who waits is not left alone
                target = max(target, 1)
            while len(alive) < target:
                _ask(now, int(start[(len(begun) - first) % len(start)]), begun, ended, state, holds, alive, coming)
            while len(alive) > target:
                number = _newest(alive, state)
                if state[number] == READY:
                    ready, serving = ready - 1, serving - holds[number]
                if holds[number] == 0:
                    ended[number] = now + drain if state[number] == READY else now
                state[number] = GOING
            next_tick += tick
            if wanted[1] and answered == arrived and ready == len(alive):
                until = int(arrivals[arrived]) if arrived < count else end + 1
                next_tick = max(next_tick, (until - 1) // tick * tick)
        while queue_head < arrived and serving < ready * slots:
            number = free[taken]
            taken += 1
            if state[number] == READY:
                begun_at[queue_head] = now
                heappush(busy, (now + int(service[queue_head]), number))
                queue_head += 1
                serving += 1
                holds[number] += 1
        if taken > FREE_KEPT and taken * 2 > len(free):
            free = free[taken:]
            taken = 0
    for number in range(len(begun)):
        span[0], span[1] = begun[number], ended[number]
        yield False


def _ask(
    now: int,
    start: int,
    begun: list[int],
    ended: list[int],
    state: list[int],
    holds: list[int],
    alive: list[int],
    coming: list[tuple[int, int]],
) -> None:
    """One more replica, which is ready after its start."""
    heappush(coming, (now + start, len(begun)))
    alive.append(len(begun))
    begun.append(now)
    ended.append(NEVER)
    state.append(STARTING)
    holds.append(0)


def _newest(alive: list[int], state: list[int]) -> int:
    """Take out the replica that goes first: the last of those that start, or else of those that serve."""
    at = len(alive) - 1
    while at > 0 and state[alive[at]] != STARTING:
        at -= 1
    return alive.pop(at if state[alive[at]] == STARTING else len(alive) - 1)
