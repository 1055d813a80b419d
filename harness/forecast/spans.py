"""Whole nanoseconds, and the spans of time in which units exist."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

NS = 1_000_000_000
HOUR_NS = 3600 * NS
NEVER = 2**62
LONGEST_S = 1e9
"""32 years: any sum of a few such times is exact in 64 bits of nanoseconds."""

Nanoseconds = NDArray[np.int64]


def whole_ns(name: str, seconds: ArrayLike, least_s: float = 0.0) -> Nanoseconds:
    """Seconds as whole nanoseconds, so that moments that are equal stay so. ValueError where one is no such time."""
    given = np.ascontiguousarray(seconds, dtype=np.float64)
    if given.size and not (given.min() >= least_s and given.max() <= LONGEST_S):  # also where one is NaN
        wrong = given[~((given >= least_s) & (given <= LONGEST_S))].flat[0]
        raise ValueError(f"{name}: {wrong} is not accepted: from {least_s:g} to {LONGEST_S:g} s")
    return np.rint(given * NS).astype(np.int64)


def moment_ns(name: str, seconds: float) -> int:
    """One such time."""
    return int(whole_ns(name, [seconds])[0])


def arrival_ns(arrivals_s: ArrayLike, end_ns: int) -> Nanoseconds:
    """Arrivals, ascending from 0 and none after the end. ValueError where they are not."""
    arrivals = whole_ns("arrivals_s", arrivals_s)
    if arrivals.size and (np.diff(arrivals) < 0).any():
        raise ValueError("arrivals_s: not ascending: sort them")
    if arrivals.size and arrivals[-1] > end_ns:
        raise ValueError(f"arrivals_s: {arrivals[-1] / NS:g} is not accepted: at most end_s, which is {end_ns / NS:g}")
    return arrivals


def of_length(name: str, values: NDArray[Any], length: int) -> None:
    """ValueError where there is not one for each arrival."""
    if values.shape != (length,):
        raise ValueError(f"{name}: of shape {values.shape}: one for each of {length} arrivals")


def seconds_by_hour(begun: Nanoseconds, ended: Nanoseconds, from_ns: int, end_ns: int) -> NDArray[np.float64]:
    """Unit-seconds in each hour since `from_ns`, over all spans; the last hour may be cut by the end."""
    hours = -((from_ns - end_ns) // HOUR_NS)
    since, until = (np.clip(moments, from_ns, end_ns) - from_ns for moments in (begun, np.maximum(begun, ended)))
    after: NDArray[np.float64] = _seconds_after(since, hours) - _seconds_after(until, hours)
    return after


def most_at_once(begun: Nanoseconds, ended: Nanoseconds, from_ns: int, end_ns: int) -> int:
    """The most spans that hold the same moment; one that ends as another begins is not with it."""
    there = (ended > np.maximum(begun, from_ns)) & (begun < end_ns)
    since, until = np.maximum(begun[there], from_ns), ended[there]
    steps = np.repeat(np.array([1, -1]), len(since))
    order = np.lexsort((steps, np.concatenate([since, until])))
    return int(np.cumsum(steps[order]).max(initial=0))


def _seconds_after(moments: Nanoseconds, hours: int) -> NDArray[np.float64]:
    """Of each hour, the seconds that lie after each moment, in sum."""
    hour = moments // HOUR_NS
    rest = np.bincount(hour, weights=((hour + 1) * HOUR_NS - moments) / NS, minlength=hours + 1)
    count = np.bincount(hour, minlength=hours + 1)
    whole: NDArray[np.float64] = rest + (np.cumsum(count) - count) * (HOUR_NS / NS)
    return whole[:hours]
