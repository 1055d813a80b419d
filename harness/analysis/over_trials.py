"""Percentiles and shares of all requests with intervals that take the trial as the unit. Pure functions.

A percentile is what all requests of all trials show together. Its interval holds every value that a t test over trials
of the share of requests beyond it does not refute (Francisco and Fuller, "Quantile Estimation with a Complex Survey
Design", Annals of Statistics 19, 1991, with a trial for their cluster): no density, no shape, unequal trials are right,
and a failure lies beyond everything. `python -m tests.benchmarks.coverage` shows how often it holds the population's.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
import scipy
from numpy.typing import NDArray

from harness.analysis.stats import (
    AMONG_FAILURES,
    CONFIDENCE,
    ONE_TRIAL,
    Floats,
    SampleNeed,
    TrialValues,
    find_shortfalls,
    finite,
    floor,
)
from harness.record.estimate import Estimate

Counts = NDArray[np.integer]
"""Of each trial."""
METHOD = "t over trials of the share beyond"
SHARE_METHOD = "t over trials, logit scale"
FAR_OUT = 0.99
"""From this percentile on, trials differ so much that it asks for more than others."""
FAR_OUT_ROUNDS, FAR_OUT_BEYOND = 20, 10
"""So many rounds, and so many requests beyond the percentile."""
INFINITE = 0x7F800000
"""The place of infinity among the float32 numbers."""
LEAST_SPREAD = 0.3
"""Of the variance that independent requests would have; less is chance (below the 2.5 % point of 10 trials)."""
UNEVEN = "a few of the trials make most of it"
LEAST_WORTH = 6.5
"""So many trials of equal size must the trials be worth, and the tail that they make, or half of the trials where these
are few: bursts in some of them do not say how often there are any. Found by simulation."""


def need_over_trials(p: float, confidence: float = CONFIDENCE) -> SampleNeed:
    """What a percentile of all requests asks for: `floor` of them, and of one that is far out more, in more rounds."""
    if p < FAR_OUT:
        return SampleNeed(1, floor(p, confidence), None)
    return SampleNeed(1, math.ceil(round(FAR_OUT_BEYOND / (1 - p), 6)), FAR_OUT_ROUNDS)


def percentile_over_trials(
    trials: Sequence[TrialValues], p: float, confidence: float = CONFIDENCE, noun: str = "requests"
) -> Estimate:
    """Percentile `p` of all values by nearest rank, and every value that the trials do not refute; n counts trials.

    Withheld below `need_over_trials`, where it falls among failures, and where too few trials make it.
    """
    filled = [trial for trial in trials if len(trial)]
    n = len(filled)
    short = find_shortfalls([len(trial) for trial in filled], need_over_trials(p, confidence), noun)
    if short:
        why = f"p{100 * p:g} needs {', and '.join(words for _, words in short)}"
        return Estimate(None, n=n, need=short[0][0], why=why, method=METHOD)
    sizes = np.array([len(trial) for trial in filled])
    total = int(sizes.sum())
    # Rounded, since 0.05 x 100 is a little above 5 in floating point.
    value = least_with(filled, math.floor(round((1 - p) * total, 6)))
    if not math.isfinite(value):
        return Estimate(None, n=n, why=AMONG_FAILURES, method=METHOD)
    if n == 1:
        return Estimate(value, n=1, need=2, why=ONE_TRIAL, method=METHOD)
    hits = beyond(filled, value)
    if few := too_few(hits, sizes):
        return Estimate(None, n=n, need=few[0], why=f"p{100 * p:g}: {few[1]}", method=METHOD)
    low, high = ends(filled, sizes, p, value, confidence)
    among_failures = None if math.isfinite(high) else f"upper end {AMONG_FAILURES}"
    return Estimate(value, finite(low), finite(high), n, why=among_failures, method=METHOD)


def ends(
    trials: Sequence[TrialValues], sizes: Counts, p: float, value: float, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Both ends of the interval of percentile `p`, which is `value`.

    Nothing lies below the lowest value and above the highest, which `floor` requests do not show by chance.
    """
    own, total = beyond(trials, value), int(sizes.sum())

    def refuted(hits: Counts) -> bool:
        off = abs(hits.sum() / total - (1 - p))
        return bool(off > half_width(own, sizes, 1 - p, confidence, there=hits) + 1e-9)

    def from_low(x: float) -> bool:
        return x >= value or ((hits := beyond(trials, x)).sum() < total and not refuted(hits))

    def from_high(x: float) -> bool:
        return x >= value and ((hits := beyond(trials, x)).sum() == 0 or refuted(hits))

    return least_where(from_low), least_where(from_high)


def share_over_trials(
    hits: Sequence[int], sizes: Sequence[int], confidence: float = CONFIDENCE, noun: str = "requests"
) -> Estimate:
    """Hits of all over the sizes of all, with a t interval over trials of its logit; n is the sum of the sizes.

    Without a hit the upper end is that of the share of *trials* with any (the rule of three on trials), since hits come
    in bursts. Where too few trials have them there is a value and no interval.
    """
    filled = [(hit, size) for hit, size in zip(hits, sizes, strict=True) if size]
    if not filled:
        return Estimate(None, need=1, why=f"no {noun}", method=SHARE_METHOD)
    (found, whole), total = np.array(filled).T, sum(size for _, size in filled)
    value = float(found.sum() / total)
    if len(filled) == 1:
        return Estimate(value, n=total, need=2, why=ONE_TRIAL, method=SHARE_METHOD)
    if value in (0.0, 1.0):
        far = (1 - confidence) ** (1 / len(filled))
        return Estimate(value, value and far, value or 1 - far, total, method="rule of three on trials")
    rarer = found if value <= 0.5 else whole - found
    if few := too_few(rarer, whole):
        return Estimate(value, n=total, need=few[0], why=f"no interval: {few[1]}", method=SHARE_METHOD)
    half = float(half_width(rarer, whole, value, confidence)) / (value * (1 - value))
    centre = float(scipy.special.logit(value))
    low, high = (float(scipy.special.expit(centre + end)) for end in (-half, half))
    return Estimate(value, low, high, total, method=SHARE_METHOD)


def half_width(
    hits: Counts, sizes: Counts, share: float | Floats, confidence: float = CONFIDENCE, there: Counts | None = None
) -> Floats:
    """Half the t interval of the hits' share in the sizes; the last axis is of trials. `share` bounds it from below.

    Its degrees of freedom are those that the trials are worth, by their sizes and by their hits, whichever is less. The
    variance is that of these hits or of those `there`, at another value, whichever is larger.
    """
    n, mean = hits.shape[-1], sizes.mean(axis=-1)
    least = LEAST_SPREAD * share * (1 - share) * mean
    spread = variance(hits, sizes) if there is None else np.maximum(variance(hits, sizes), variance(there, sizes))
    freedom = np.minimum(worth(sizes), tail_worth(hits, sizes)) - 1
    t = scipy.special.stdtrit(np.maximum(freedom, 0.1), (1 + confidence) / 2)
    return np.asarray(t * np.sqrt(np.maximum(spread, least) / n) / mean)


def variance(hits: Counts, sizes: Counts) -> Floats:
    """Of a trial's hits about their share in its size, along the last axis."""
    ratio = hits.sum(axis=-1) / sizes.sum(axis=-1)
    return np.asarray(((hits - ratio[..., None] * sizes) ** 2).sum(axis=-1) / (hits.shape[-1] - 1))


def worth(sizes: Counts) -> Floats:
    """How many equal trials these are worth (Kish): the sum squared over the sum of squares, along the last axis."""
    x = sizes.astype(float)
    return np.asarray(x.sum(axis=-1) ** 2 / (x**2).sum(axis=-1))


def tail_worth(hits: Counts, sizes: Counts) -> Floats:
    """How many equal trials' worth make the hits, but for what chance alone spreads; the number of trials at most."""
    total = hits.sum(axis=-1)
    chance = total * (1 - total / sizes.sum(axis=-1))
    even = total**2 / hits.shape[-1]
    squares = np.maximum((hits.astype(float) ** 2).sum(axis=-1) - chance, even)
    return np.where(total > 0, total**2 / np.maximum(squares, 1e-300), float(hits.shape[-1]))


def least_worth(trials: int) -> float:
    """Of fewer trials' worth of requests, or of requests beyond, an interval would not hold what it says."""
    return min(LEAST_WORTH, 0.5 * trials)


def too_few(hits: Counts, sizes: Counts) -> tuple[int, str] | None:
    """Why an interval would not hold what it says, and how many trials it would take; None where it would."""
    n, least = len(sizes), least_worth(len(sizes))
    for what, found in (
        ("the requests", float(worth(sizes))),
        ("those beyond", float(tail_worth(hits, sizes))),
    ):
        if found < least - 1e-9:
            below = math.floor(10 * found) / 10  # never told as what is needed
            return math.ceil(least), f"{what} are worth {below:.1f} of {n} trials, {least:g} are needed: {UNEVEN}"
    return None


def beyond(trials: Sequence[TrialValues], x: float) -> NDArray[np.int64]:
    """How many values of each trial are larger than `x`."""
    return np.array([trial.beyond(x) for trial in trials])


def least_with(trials: Sequence[TrialValues], most: int) -> float:
    """The smallest value beyond which there are no more than `most` of all trials; infinite among failures."""
    return least_where(lambda x: bool(beyond(trials, x).sum() <= most))


def least_where(is_there: Callable[[float], bool]) -> float:
    """The smallest number from which on something is so; infinite where it is so of none.

    By halving the float32 numbers themselves: 32 looks into each trial, and none is joined with another.
    """
    below, there = -INFINITE - 1, INFINITE
    while there - below > 1:
        middle = (below + there) // 2
        if is_there(number_at(middle)):
            there = middle
        else:
            below = middle
    return number_at(there)


def number_at(place: int) -> float:
    """The float32 at a place in their order, 0 at place 0: IEEE 754 orders numbers as it does their bits."""
    number = float(np.array(abs(place), np.uint32).view(np.float32))
    return number if place >= 0 else -number
