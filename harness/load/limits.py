"""What one load process and one schedule can bear: refused before anything is drawn, read or started."""

from collections.abc import Sequence
from dataclasses import replace

from harness.load.wire import DEFAULT_CAP, LoadPlan

RESERVED = 40
"""Descriptors that a load process needs beside its connections: Locust's master has 17, a worker's files are 4."""
MOST_DEFAULT_PREWARM = 16
"""So many connections are opened beforehand where nobody asked for more: they give way where they do not fit."""

MOST_HANDS = 256
"""Threads for the requests of one endpoint whose sender carries them out itself: more are not in flight, but shed."""

MOST_ARRIVALS = 10_000_000
"""In one schedule. Each takes about 400 bytes, in the load process and in whoever reads what came of it."""

MOST_BODIES_BYTES = 2**30
"""Of all request bodies together: every worker holds them in memory, ready to be sent."""


def arrivals_problem(rate: float, seconds: float, field: str = "rate x seconds") -> str | None:
    """Why a schedule of about so many requests is not drawn, and the fix; `field` is what the user calls the two."""
    count = rate * seconds
    if count <= MOST_ARRIVALS:
        return None
    return (
        f"{field}: {count:,.0f} requests are not accepted: a schedule holds at most {MOST_ARRIVALS:,}: lower one of "
        "the two, or split it into several"
    )


def bodies_problem(sizes: Sequence[int], field: str = "bodies") -> str | None:
    """Why request bodies of these sizes are not sent, and the fix; `field` is what the user calls them."""
    if sum(sizes) <= MOST_BODIES_BYTES:
        return None
    return (
        f"{field}: {sum(sizes):,} bytes are not accepted: together at most {MOST_BODIES_BYTES:,}, for they are held in "
        "memory: send less"
    )


def most_in_flight(descriptors: int) -> int:
    """Requests that a process with so many descriptors can have under way."""
    return max(0, descriptors - RESERVED)


def cap_problem(cap: int, descriptors: int) -> str | None:
    """Why a process that may have so many descriptors cannot have `cap` requests in flight, and the fix.

    The default gives way instead: an arrival beyond what fits is shed, which makes its trial INVALID with the number.
    """
    most = most_in_flight(descriptors)
    if cap <= most or cap == DEFAULT_CAP:
        return None
    allowed = f"a process may have {descriptors} descriptors here, enough for {most} requests in flight"
    return f"load.cap: {cap} is not accepted: {allowed}: lower it, or raise the limit (ulimit -Hn {cap + RESERVED})"


def prewarm_problem(prewarm: int, endpoints: int, descriptors: int) -> str | None:
    """Why a process that may have so many descriptors cannot open so many connections beforehand, and the fix."""
    needed, most = prewarm * endpoints, most_in_flight(descriptors)
    if needed <= most or prewarm <= MOST_DEFAULT_PREWARM:
        return None
    return (
        f"load.prewarm: {prewarm} is not accepted: at {endpoints} endpoints it takes {needed} connections, and a "
        f"process may have {descriptors} descriptors here, enough for {most}: lower it, or raise the limit "
        f"(ulimit -Hn {needed + RESERVED})"
    )


def load_problems(cap: int, prewarm: int, endpoints: int, descriptors: int) -> list[str]:
    """Everything about a load that does not fit a process that may have so many descriptors."""
    if not most_in_flight(descriptors):
        return [
            f"descriptors: a process may have {descriptors} here, and a load process needs {RESERVED} beside its "
            f"connections: raise the limit (ulimit -Hn {RESERVED + DEFAULT_CAP})"
        ]
    problems = [cap_problem(cap, descriptors), prewarm_problem(prewarm, endpoints, descriptors)]
    return [problem for problem in problems if problem]


def fitted(plan: LoadPlan, descriptors: int) -> LoadPlan:
    """The plan as a process that may have so many descriptors carries it out: what nobody asked for gives way."""
    most = most_in_flight(descriptors)
    return replace(plan, cap=min(plan.cap, most), prewarm=min(plan.prewarm, most // len(plan.endpoints)))
