"""Intervals: exact for independent samples, over trials for anything that a trial's requests share. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy  # its parts load when first used: half of the time that a command takes to start
from numpy.typing import NDArray

from harness.record.estimate import Estimate

Floats = NDArray[np.floating]
Scale = Literal["log", "linear"]
CONFIDENCE = 0.95
AMONG_FAILURES = "falls among failures"
ONE_TRIAL = "one trial: no interval"
LEAST_PER_TRIAL = 6
TAIL_ROUNDS = 20
"""Rounds that a percentile from p99 on asks for: so far out, trials differ too much for fewer."""


@dataclass(frozen=True)
class TrialPercentile:
    """One trial's percentile and the number of requests it rests on; infinite when it falls among failures."""

    value: float
    n: int


@dataclass(frozen=True)
class SampleNeed:
    """Sample sizes that a percentile over trials asks for; `rounds` is None where none are asked for."""

    per_trial: int
    over_all: int
    rounds: int | None

    def words(self) -> str:
        """All sizes in one phrase, without what is asked for anyway."""
        words = [f"{self.per_trial} requests in each trial"]
        words += [f"{self.over_all} over all trials"] if self.over_all > self.per_trial else []
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
    """Percentile of independent samples with the exact order-statistic interval (scipy.stats.quantile_test)."""
    n, need, method = len(x), floor(p, confidence), "order statistics"
    if n < need:
        return Estimate(None, n=n, need=need, why=f"needs {need} {noun}, has {n}", method=method)
    value = percentile(x, p)
    if not math.isfinite(value):
        return Estimate(None, n=n, why=AMONG_FAILURES, method=method)
    try:
        interval = scipy.stats.quantile_test(x, p=p).confidence_interval(confidence)
    except (
        ImportError,
        MemoryError,
    ) as error:  # its parts load when first used; what was measured is told all the same
        return Estimate(value, n=n, why=f"no interval: {type(error).__name__}: free memory", method=method)
    low, high = finite(float(interval.low)), finite(float(interval.high))
    why = None if high is not None else f"upper end {AMONG_FAILURES}"
    return Estimate(value, low, high, n, why=why, method=method)


def percentile_of_trial(x: Floats, p: float) -> TrialPercentile:
    """One trial's share in `percentile_over_trials`; an empty trial has n = 0 and never enters."""
    return TrialPercentile(percentile(x, p) if len(x) else math.inf, len(x))


def need_over_trials(p: float, confidence: float = CONFIDENCE) -> SampleNeed:
    """Per trial 1 / (1 - p) requests, so that one lies beyond the percentile, and 6 at least; over all `floor`."""
    over_all = floor(p, confidence)
    # 1 / (1 - 0.9) is a little above 10 in floating point.
    per_trial = max(LEAST_PER_TRIAL, math.ceil(round(1 / (1 - p), 6)))
    return SampleNeed(per_trial, over_all, TAIL_ROUNDS if p >= 0.99 else None)


def need_of_samples(p: float, confidence: float = CONFIDENCE) -> SampleNeed:
    """What a percentile of independent samples asks for, whichever trials they come from."""
    return SampleNeed(1, floor(p, confidence), None)


def find_shortfalls(trials: Sequence[TrialPercentile], need: SampleNeed) -> list[tuple[int, str]]:
    """Each sample size that these trials of one key, one per round, fall short of: the size, and words.

    Whoever tells a percentile asks here, so that what one output withholds stands in no other.
    """
    enough = [trial.n for trial in trials if trial.n >= need.per_trial]
    shortfalls = []
    if not enough:
        most = max((trial.n for trial in trials), default=0)
        shortfalls.append((need.per_trial, f"{need.per_trial} requests per trial, has {most}"))
    elif sum(enough) < need.over_all:
        shortfalls.append((need.over_all, f"{need.over_all} requests over all trials, has {sum(enough)}"))
    rounds = len(enough) if enough else len(trials)
    if need.rounds is not None and rounds < need.rounds:
        shortfalls.append((need.rounds, f"{need.rounds} rounds, has {rounds}"))
    return shortfalls


def percentile_over_trials(
    trials: Sequence[TrialPercentile], p: float, confidence: float = CONFIDENCE, scale: Scale = "log"
) -> Estimate:
    """Centre of the trials' percentiles with a t-interval over trials: the trial is the sample.

    On the log scale the centre is their geometric mean; `scale="linear"` is for quantities that may be 0.
    `need_over_trials` says how much is enough; trials that are too short by themselves stay out.
    """
    need, method = need_over_trials(p, confidence), f"t over trials, {scale} scale"
    enough = [trial for trial in trials if trial.n >= need.per_trial]
    n, short = len(enough), find_shortfalls(trials, need)
    if short:
        why = f"p{100 * p:g} needs {', and '.join(words for _, words in short)}"
        return Estimate(None, n=n, need=short[0][0], why=why, method=method)
    infinite = sum(math.isinf(trial.value) for trial in enough)
    if infinite:
        return Estimate(None, n=n, why=f"{AMONG_FAILURES} in {infinite} of {n} trials", method=method)
    few = f"{len(trials) - n} of {len(trials)} trials left out, with fewer than {need.per_trial} requests"
    warnings = (few,) if n < len(trials) else ()
    return centre_over_trials([trial.value for trial in enough], confidence, scale, method, warnings)


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
    half = float(scipy.stats.t.ppf((1 + confidence) / 2, n - 1) * np.std(x, ddof=1) / math.sqrt(n))
    low, high = bounds(centre, half, scale)
    why = None if high is not None else "the trials differ too much for an upper end"
    return Estimate(value, low, high, n, why=why, method=method, warnings=warnings)


def bounds(centre: float, half: float, scale: Scale) -> tuple[float | None, float | None]:
    """Ends of an interval, back on the scale of the values; None where a float cannot hold the upper end."""
    if scale == "linear":
        return max(0.0, centre - half), finite(centre + half)
    with np.errstate(over="ignore", under="ignore"):
        return finite(float(np.exp(centre - half))), finite(float(np.exp(centre + half)))


def share(successes: int, n: int, confidence: float = CONFIDENCE, noun: str = "requests") -> Estimate:
    """A rate with the Wilson score interval (scipy.stats.binomtest)."""
    if n == 0:
        return Estimate(None, need=1, why=f"no {noun}", method="Wilson")
    interval = scipy.stats.binomtest(successes, n).proportion_ci(confidence, method="wilson")
    return Estimate(successes / n, float(interval.low), float(interval.high), n, method="Wilson")


def finite(value: float) -> float | None:
    """None for nan and infinities."""
    return value if math.isfinite(value) else None
