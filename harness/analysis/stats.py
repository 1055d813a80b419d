"""Percentiles of samples and of single trials, and what they ask for; exact intervals of independent samples, t over
trials of one value each. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy  # its parts load when first used
from numpy.typing import NDArray

from harness.record.estimate import Estimate

Floats = NDArray[np.floating]
Scale = Literal["log", "linear"]
CONFIDENCE = 0.95
AMONG_FAILURES = "falls among failures"
ONE_TRIAL = "one trial: no interval"
LEAST_PER_TRIAL = 6


@dataclass(frozen=True)
class TrialPercentile:
    """One trial's percentile and the number of requests it rests on; infinite when it falls among failures."""

    value: float
    n: int


@dataclass(frozen=True)
class TrialValues:
    """One trial's values in ascending order, failures infinite; float32, of which the summary writes six digits."""

    ordered: NDArray[np.float32]

    @classmethod
    def of(cls, values: Floats) -> "TrialValues":
        """Values in any order."""
        return cls(np.sort(values.astype(np.float32)))

    def __len__(self) -> int:
        return len(self.ordered)

    def beyond(self, x: float) -> int:
        """How many of them are larger than `x`."""
        return len(self.ordered) - int(self.ordered.searchsorted(np.float32(x), side="right"))

    def percentile(self, p: float) -> TrialPercentile:
        """Of the trial by itself, median-unbiased, so that a short trial can stand beside a long one.

        Definition 8 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", The American Statistician 50, 1996.
        """
        n = len(self)
        if not n:
            return TrialPercentile(math.inf, 0)
        place = min(max((n + 1 / 3) * p + 1 / 3, 1), n)
        lower, upper = float(self.ordered[math.floor(place) - 1]), float(self.ordered[math.ceil(place) - 1])
        return TrialPercentile(lower if lower == upper else lower + (place % 1) * (upper - lower), n)


@dataclass(frozen=True)
class SampleNeed:
    """Sample sizes that a percentile asks for; `rounds` is None where none are asked for."""

    per_trial: int
    over_all: int
    rounds: int | None

    def words(self, noun: str = "requests") -> str:
        """All sizes in one phrase, without what is asked for anyway."""
        words = [f"{self.per_trial} {noun} in each trial"] if self.per_trial > 1 else []
        over_all = f"{self.over_all} over all trials" if words else f"{self.over_all} {noun} over all trials"
        words += [over_all] if self.over_all > self.per_trial else []
        words += [f"{self.rounds} rounds"] if self.rounds is not None else []
        return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def floor(p: float, confidence: float = CONFIDENCE) -> int:
    """Smallest n whose order statistics bound percentile `p` on both sides.

    The extremes miss it on one side with probability max(p, 1 - p)^n, which may be (1 - confidence) / 2 at most.
    """
    if not (0 < p < 1 and 0 < confidence < 1):
        raise ValueError(f"p and confidence lie between 0 and 1: got p={p}, confidence={confidence}")
    tail, miss = (1 - confidence) / 2, max(p, 1 - p)
    n = max(1, math.ceil(math.log(tail) / math.log(miss)))
    return n if miss**n <= tail else n + 1


def percentile(x: Floats, p: float) -> float:
    """Nearest rank: the smallest measured value that at least `p` of them do not exceed. Takes +inf for failures."""
    return float(np.quantile(x, p, method="inverted_cdf"))


def percentile_of_samples(x: Floats, p: float, confidence: float = CONFIDENCE, noun: str = "samples") -> Estimate:
    """Percentile of independent samples with the exact order-statistic interval."""
    n, need, method = len(x), floor(p, confidence), "order statistics"
    if n < need:
        return Estimate(None, n=n, need=need, why=f"needs {need} {noun}, has {n}", method=method)
    value = percentile(x, p)
    if not math.isfinite(value):
        return Estimate(None, n=n, why=AMONG_FAILURES, method=method)
    try:
        lower, upper = order_interval(x, p, confidence)
    except (
        ImportError,
        MemoryError,
    ) as error:  # its parts load when first used; what was measured is told all the same
        return Estimate(value, n=n, why=f"no interval: {type(error).__name__}: free memory", method=method)
    low, high = finite(lower), finite(upper)
    why = None if high is not None else f"upper end {AMONG_FAILURES}"
    return Estimate(value, low, high, n, why=why, method=method)


def order_interval(x: Floats, p: float, confidence: float) -> tuple[float, float]:
    """Two of at least `floor` values, between which percentile `p` lies: how many lie below it is binomial.

    What scipy.stats.quantile_test tells; that package takes longer to load than all else of a command.
    """
    n, tail = len(x), (1 - confidence) / 2
    low, high = (math.ceil(scipy.special.bdtrik(share, n, p)) for share in (tail, 1 - tail))
    low -= bool(scipy.special.bdtr(low - 1, n, p) >= tail)  # the inverse may come out a hair too large
    high -= bool(scipy.special.bdtrc(high - 1, n, p) <= tail)
    ordered = np.sort(x)
    return float(ordered[low - 1]), float(ordered[high])


def need_of_each_trial(p: float, confidence: float = CONFIDENCE) -> SampleNeed:
    """What a percentile of each trial by itself asks for: 1 / (1 - p) requests, so that one lies beyond the percentile,
    and 6 at least; over all `floor`."""
    # 1 / (1 - 0.9) is a little above 10 in floating point.
    return SampleNeed(max(LEAST_PER_TRIAL, math.ceil(round(1 / (1 - p), 6))), floor(p, confidence), None)


def need_of_samples(p: float, confidence: float = CONFIDENCE) -> SampleNeed:
    """What a percentile of independent samples asks for, whichever trials they come from."""
    return SampleNeed(1, floor(p, confidence), None)


def find_shortfalls(sizes: Sequence[int], need: SampleNeed, noun: str = "requests") -> list[tuple[int, str]]:
    """Each sample size that trials of these sizes, one per round, fall short of: the size, and words.

    Whoever tells a percentile asks here, so that what one output withholds stands in no other.
    """
    enough = [size for size in sizes if size >= need.per_trial]
    shortfalls = []
    if not enough and need.per_trial > 1:
        shortfalls.append((need.per_trial, f"{need.per_trial} {noun} per trial, has {max(sizes, default=0)}"))
    elif sum(enough) < need.over_all:
        shortfalls.append((need.over_all, f"{need.over_all} {noun} over all trials, has {sum(enough)}"))
    rounds = len(enough) if enough else len(sizes)
    if need.rounds is not None and rounds < need.rounds:
        shortfalls.append((need.rounds, f"{need.rounds} rounds, has {rounds}"))
    return shortfalls


def centre_over_trials(
    values: Sequence[float], confidence: float, scale: Scale, method: str, warnings: tuple[str, ...] = ()
) -> Estimate:
    """Mean (geometric on the log scale) of one finite value per trial, with its t-interval."""
    n = len(values)
    if scale == "log" and min(values) <= 0:
        return Estimate(None, n=n, why="a trial's value is 0 or below", method=method, warnings=warnings)
    x = np.log(values) if scale == "log" else np.asarray(values, dtype=float)
    centre = float(np.mean(x))
    value = math.exp(centre) if scale == "log" else centre
    if n == 1:
        return Estimate(value, n=1, need=2, why=ONE_TRIAL, method=method, warnings=warnings)
    half = float(scipy.special.stdtrit(n - 1, (1 + confidence) / 2) * np.std(x, ddof=1) / math.sqrt(n))
    low, high = bounds(centre, half, scale)
    why = None if high is not None else "the trials differ too much for an upper end"
    return Estimate(value, low, high, n, why=why, method=method, warnings=warnings)


def bounds(centre: float, half: float, scale: Scale) -> tuple[float | None, float | None]:
    """Ends of an interval, back on the scale of the values; None where a float cannot hold the upper end."""
    if scale == "linear":
        return max(0.0, centre - half), finite(centre + half)
    with np.errstate(over="ignore", under="ignore"):
        return finite(float(np.exp(centre - half))), finite(float(np.exp(centre + half)))


def finite(value: float) -> float | None:
    """None for nan and infinities."""
    return value if math.isfinite(value) else None
