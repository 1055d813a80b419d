"""Resamples: which rounds each draws, the same for all sides, and the figure that many of them come to."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
import scipy

from harness.analysis.stats import AMONG_FAILURES, CONFIDENCE
from harness.record.estimate import Estimate
from harness.record.forecast import Figure

ONE_ROUND = "one round: nothing tells how much another would differ"
NOTHING = "no request came in the days that were drawn"
TAIL = (1 - CONFIDENCE) / 2


def draw_rounds(rounds: Sequence[int], stream: np.random.Generator) -> list[int]:
    """As many rounds as there are, drawn with replacement: the unit of replication, so that differences are paired."""
    return [rounds[place] for place in stream.integers(len(rounds), size=len(rounds))]


def figure_of(values: Iterable[float], rounds: int, most: float = math.inf, rare: bool = False) -> Figure:
    """Median over resamples, or mean of what is `rare`, of which most may have none; and its interval (CLAIM).

    Its ends are percentiles, set further apart by `widening` on the scale of ratios, and at most `most`. NaN is a
    resample without anything to tell; where the median is infinite, the percentile falls among failures.
    """
    told = np.sort([float(f"{value:.9g}") for value in values if not math.isnan(value)])
    if not len(told):
        return Figure(value=None, why=NOTHING)
    value = float(f"{told.mean():.9g}") if rare else quantile(told, 0.5)
    if math.isinf(value):
        return Figure(value=None, n=len(told), why=AMONG_FAILURES)
    if rounds < 2 or len(told) < 2:
        return Figure(value=value, n=len(told), why=ONE_ROUND)
    factor = widening(rounds, len(told))
    low, high = (further(value, quantile(told, p), factor) for p in (TAIL, 1 - TAIL))
    low, high = max(0.0, low), min(most, high)
    return Figure(
        value=value,
        low=min(value, low),
        high=max(value, high) if math.isfinite(high) else None,
        n=len(told),
        why=None if math.isfinite(high) else f"upper end {AMONG_FAILURES}",
    )


def no_narrower(figure: Figure, own: Estimate | None) -> Figure:
    """The figure with its interval no narrower, as a ratio, than that of the samples that it is drawn from.

    Resampled rounds cannot show a percentile beyond those of the rounds that there are (Davison and Hinkley, Bootstrap
    Methods and their Application, 1997, 2.6.2): the samples' own interval does (`percentile_over_trials`).
    """
    if own is None or not own.value or own.low is None or figure.value is None or figure.low is None:
        return figure
    low = min(figure.low, figure.value * own.low / own.value)
    if figure.high is None or own.high is None:
        return figure.model_copy(update={"low": low, "high": None, "why": figure.why or own.why})
    return figure.model_copy(update={"low": low, "high": max(figure.high, figure.value * own.high / own.value)})


def further(value: float, end: float, factor: float) -> float:
    """An end so many times as far from the value: as a ratio, or as a difference where one of them is 0."""
    if math.isinf(end) or value <= 0 or end <= 0:
        return max(0.0, value + factor * (end - value))
    return float(value * math.exp(min(700.0, factor * math.log(end / value))))


def quantile(ascending: np.ndarray, p: float) -> float:
    """Between two values linear; infinite where either that it lies between is."""
    at = p * (len(ascending) - 1)
    below, above = float(ascending[math.floor(at)]), float(ascending[math.ceil(at)])
    return above if math.isinf(above) else below + (above - below) * (at - math.floor(at))


def widening(rounds: int, resamples: int) -> float:
    """By how much percentiles over so few rounds and resamples are too close together.

    A bootstrap of k rounds lacks sqrt(k / (k - 1)) and takes z for t (Hesterberg, What Teachers Should Know About the
    Bootstrap, 2015); of few resamples the outermost lie within the 95 % (Blom's positions of normal order statistics).
    """
    z = float(scipy.special.ndtri(1 - TAIL))
    student = math.sqrt(rounds / (rounds - 1)) * float(scipy.special.stdtrit(rounds - 1, 1 - TAIL)) / z
    ranks = np.arange(1, resamples + 1)
    expected = scipy.special.ndtri((ranks - 0.375) / (resamples + 0.25))
    return max(1.0, student) * max(1.0, z / quantile(expected, 1 - TAIL))
