"""Percentiles of one load, withheld where `frostline show` would withhold those of one trial."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.analysis.stats import AMONG_FAILURES, LEAST_PER_TRIAL, Floats, finite, percentile_of_samples
from harness.record.estimate import Estimate
from harness.record.figures import Cell, cell, milliseconds

PERCENTILES = (0.5, 0.95, 0.99)
MOST = "max"


@dataclass(frozen=True)
class Durations:
    """Durations in ms of one kind: its percentiles and the longest one."""

    of: dict[str, Estimate]
    """By p50, p95, p99 and max."""

    @classmethod
    def take(cls, values: Floats, noun: str = "requests") -> "Durations":
        """Infinite values are failures."""
        found = {f"p{round(p * 100)}": percentile_of_samples(values, p, noun=noun) for p in PERCENTILES}
        return cls(found | {MOST: _longest(values, noun)})

    def to_json(self) -> dict[str, float | None]:
        """The figures in ms; None where one is withheld."""
        return {name: _rounded(estimate.value) for name, estimate in self.of.items()}

    def intervals(self) -> dict[str, list[float | None]]:
        """By percentile that is told: both ends of its interval of 95 %, ms; an upper one among failures is None."""
        return {
            name: [_rounded(estimate.low), _rounded(estimate.high)]
            for name, estimate in self.of.items()
            if estimate.value is not None and estimate.low is not None
        }

    def withheld(self) -> dict[str, dict[str, Any]]:
        """By figure: why there is none, and the number of values that it needs where they are too few."""
        return {
            name: {"why": estimate.why, "n": estimate.n, "need": estimate.need}
            for name, estimate in self.of.items()
            if estimate.value is None
        }


def make_ready() -> None:
    """Load what figures take, before anything is sent: out of memory later, a load would have no intervals."""
    Durations.take(np.arange(1000.0))


def _longest(values: Floats, noun: str) -> Estimate:
    n = len(values)
    if n < LEAST_PER_TRIAL:
        return Estimate(None, n=n, need=LEAST_PER_TRIAL, why=f"needs {LEAST_PER_TRIAL} {noun}, has {n}")
    longest = finite(float(np.max(values)))
    return Estimate(longest, n=n, why=AMONG_FAILURES if longest is None else None)


def shown(value: float | None, interval: list[float | None] | None) -> Cell:
    """A figure in ms with its interval, no finer than that allows; without one, as durations are shown."""
    alone = milliseconds(value)
    if value is None or interval is None or interval[1] is None:
        return alone
    with_interval = cell(Estimate(value, interval[0], interval[1]))
    return with_interval if len(with_interval.main) <= len(alone.main) else alone


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
