"""One request at a time: what it takes without anybody else's, whether a search need begin, and where."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import scipy

from harness.analysis.stats import CONFIDENCE, Floats, percentile
from harness.capacity.judging import Arrivals
from harness.capacity.order import MOST_RATE, MOST_STEP_S, SLACK, CapacityOrder
from harness.errors import UsageError
from harness.record.capacity import Lone
from harness.record.estimate import round_digits
from harness.record.figures import milliseconds

GAP = 1.5
"""Times the objective, and then times the slowest seen: so far apart requests are sent, so that they do not meet."""
LEAST_GAP_S, MOST_GAP_S = 0.02, 1.0
"""Before anybody knows how long one takes."""
MOST_S = 60.0
"""So long requests are sent one at a time, unless three take longer."""
LEAST_REQUESTS = 3
TRIES = 2
REACH = 16.0
"""The lowest and the highest rate are so many times below and above what one request alone points at."""


@dataclass(frozen=True)
class Sent:
    """Requests at even gaps: those that met no other, and what the slowest took, of those beforehand as well."""

    arrivals: Arrivals
    slowest_ms: float
    run: str
    problems: list[str]
    """Why they are INVALID."""


@dataclass(frozen=True)
class Range:
    """Where the search begins, and between which rates it stays; requests per second."""

    guess: float
    lowest: float
    most: float


def measure_lone(order: CapacityOrder, send: Callable[[float, int], Sent]) -> Lone:
    """What one request alone takes.

    `send` is told a gap in seconds and a number of requests, and again, with a wider gap, where most met another.
    """
    gap_s, lone = min(MOST_GAP_S, max(LEAST_GAP_S, GAP * order.latency_ms / 1000)), None
    latencies, problems = np.empty(0), list[str]()
    for _ in range(TRIES):
        count = max(LEAST_REQUESTS, min(order.needed, math.floor(MOST_S / gap_s)))
        sent = send(gap_s, count)
        latencies = np.append(latencies, sent.arrivals.lone().latency_ms)
        problems += sent.problems
        lone = _lone_of(order, latencies, problems, sent.run)
        if 2 * len(latencies) > count or is_out_of_reach(order, lone):
            break
        gap_s = GAP * max(gap_s, sent.slowest_ms / 1000)
    assert lone is not None
    return lone


def _lone_of(order: CapacityOrder, latencies: Floats, problems: list[str], run: str) -> Lone:
    good = latencies[np.isfinite(latencies)]
    reached = math.inf if problems else percentile(latencies, order.percentile / 100)
    return Lone(
        requests=len(latencies),
        late=int(np.sum(latencies > order.latency_ms)),
        percentile_ms=round_digits(reached) if math.isfinite(reached) else None,
        middle_ms=round_digits(float(np.median(good))) if len(good) else None,
        problem=problems[0][:2000] if problems else None,
        run=run,
    )


def is_out_of_reach(order: CapacityOrder, lone: Lone) -> bool:
    """Whether more of the requests are late than chance would have of a latency that holds the objective; then no rate
    holds it, for at any rate requests wait for each other as well (one-sided binomial test)."""
    if lone.problem or not lone.late:
        return False
    miss = 1 - order.percentile / 100
    return float(scipy.special.bdtrc(lone.late - 1, lone.requests, miss)) <= (1 - CONFIDENCE) / 2


def words(order: CapacityOrder, lone: Lone) -> str:
    """What one request alone takes."""
    of = f"p{order.percentile:g} of {lone.requests}"
    if lone.problem:
        return f"one request at a time was INVALID ({lone.problem}) and only says where to begin"
    if lone.percentile_ms is None:
        return f"one request alone has no good answer within {order.latency_ms:g} ms: {of} falls among failures"
    return f"one request alone takes {milliseconds(lone.percentile_ms).main} ms ({of})"


def range_of(order: CapacityOrder, lone: Lone) -> Range:
    """From 1 / (what one takes), times the requests that are served at a time. UsageError where no step could hold
    what the percentile needs."""
    pointed = MOST_RATE if lone.middle_ms is None else order.slots * 1000 / lone.middle_ms
    most = min(MOST_RATE, REACH * pointed) if order.most_rate is None else order.most_rate
    if min(pointed, most) < order.least_rate:
        minutes = SLACK * order.needed / pointed / 60
        raise UsageError(
            [
                f"--percentile: {order.percentile:g} is not accepted: it needs {order.needed} requests in a step, at "
                f"about {pointed:.3g} a second {minutes:.0f} minutes, and {MOST_STEP_S / 60:g} are the most: lower it"
            ]
        )
    guess = min(pointed, most)
    return Range(guess, max(order.least_rate, guess / REACH), most)
