"""Bursts and silence, as one deployment of a code assistant sees them: alternating ON and OFF, gamma gaps inside ON.
Basis: the Azure LLM 2023 code trace split at 10 s gaps (ON mean 23 s, OFF mean 53 s and near exponential, inside CV 3)
and at 5 s gaps (ON 17 s, OFF 43 s, inside CV 2.2); the defaults lie between the two.
"""

# ruff: noqa: S311 - arrivals must be repeatable, not secret

import array
import itertools
import math
import random
from collections.abc import Iterator
from typing import Self

from pydantic import Field, model_validator

from loadprofiles.contract import LoadProfile, earlier_seed


def residual_gamma(mean: float, cv: float, stream: random.Random) -> float:
    """What is left of a gamma interval at a random moment: a uniform part of a length-biased interval (Cox, 1962)."""
    shape = cv**-2
    return stream.random() * stream.gammavariate(shape + 1, mean / shape)


class Bursty(LoadProfile):
    """Bursts of about 20 s between silences of about 50 s, joined at a random moment; at least one request."""

    on_mean_s: float = Field(20.0, ge=0.1, le=86_400, description="mean burst in modelled seconds (gamma)")
    on_cv: float = Field(0.7, ge=0.05, le=3, description="standard deviation of a burst's length over its mean")
    off_mean_s: float = Field(50.0, ge=0.1, le=86_400, description="mean silence in modelled seconds (exponential)")
    inside_cv: float = Field(2.5, ge=0.05, le=10, description="CV of the gaps inside a burst; compression leaves it")

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if self.rate * self.seconds < 1 - 1e-5:
            raise ValueError(
                f"rate {self.rate:g} over seconds {self.seconds:g} is less than one request: "
                f"set seconds to at least {1 / self.rate:g}, or raise the rate"
            )
        return self

    @property
    def time_compression(self) -> float:
        """How many modelled seconds pass in one second: bursts and silences are this many times shorter."""
        return self.compression

    @property
    def on_share(self) -> float:
        """Long-run share of time inside bursts."""
        return self.on_mean_s / (self.on_mean_s + self.off_mean_s)

    @property
    def burst_share(self) -> float:
        """Probability that a window joined at a random moment meets a burst at all; draws are conditioned on it."""
        return 1 - (1 - self.on_share) * math.exp(-self.seconds * self.compression / self.off_mean_s)

    @property
    def on_rate(self) -> float:
        """Requests per second inside a burst: rate x (on + off) / on, times `burst_share` so that short windows,
        which all hold a burst, still average `rate`.
        """
        return self.rate * self.burst_share / self.on_share

    @property
    def count_dispersion(self) -> float:
        """Variance over mean of the count in a long window (Poisson: 1). One window's count has a relative standard
        deviation of about sqrt(count_dispersion / (rate x seconds)): 59 % at 50/s, 8 s and compression 20.
        """
        cycle_s = (self.on_mean_s + self.off_mean_s) * self.compression
        return self.inside_cv**2 + self.rate * self.off_mean_s**2 * (1 + self.on_cv**2) / cycle_s

    def rate_at(self, t: float) -> None:
        """None: when the bursts come is itself drawn."""
        return

    def arrivals(self, seed: int) -> "array.array[float]":
        """Offsets in seconds. The window opens at a random moment and holds a burst; the mean count is rate x seconds.
        Should the burst hold no request the seed's next stream is drawn, which adds the share of such draws to the
        mean (compression 20, 8 s: 0.2 % at 400 expected requests, 2 % at 40, 23 % at 8).
        """
        draws = (self._draw_once(f"{seed}/bursty/{attempt}") for attempt in itertools.count())
        return next(offsets for offsets in draws if offsets)

    def history(self, seed: int, seconds: float) -> "array.array[float]":
        """What the same bursts and silences hold before the window: nothing says that one of them must be a burst."""
        return self._draw_once(f"{earlier_seed(seed)}/bursty", seconds)

    def _draw_once(self, name: str, earlier_s: float | None = None) -> "array.array[float]":
        # One renewal process runs on the clock of ON time alone: gaps pause at a burst's end and go on at the next
        # start, so their CV holds and, begun in equilibrium, exactly on_rate x ON time arrivals are expected.
        inside = random.Random(f"{name}/inside")
        shape = self.inside_cv**-2
        scale = 1 / (self.on_rate * shape)
        gap = residual_gamma(1 / self.on_rate, self.inside_cv, inside)
        offsets = array.array("d")
        for start, end in self._bursts(name, earlier_s):
            t = start + gap
            while t < end:
                offsets.append(t)
                t += inside.gammavariate(shape, scale)
            gap = t - end
        return offsets

    def _bursts(self, name: str, earlier_s: float | None = None) -> Iterator[tuple[float, float]]:
        """(start, end) of each burst in the window, in seconds from its start, from the stationary state; or in so many
        seconds before it, which need not hold one."""
        seconds, burst_share, cut_s = self.seconds, self.burst_share, self.seconds
        if earlier_s is not None:
            seconds, burst_share, cut_s = earlier_s, 1.0, math.inf
        on, off = random.Random(f"{name}/on"), random.Random(f"{name}/off")
        on_mean, off_mean = self.on_mean_s / self.compression, self.off_mean_s / self.compression
        shape = self.on_cv**-2
        if off.random() < self.on_share / burst_share:
            start, length = 0.0, residual_gamma(on_mean, self.on_cv, on)
        else:
            # Exponential, cut at the window's end: silences that outlast the window are left out.
            start = -off_mean * math.log1p(off.random() * math.expm1(-cut_s / off_mean))
            length = on.gammavariate(shape, on_mean / shape)
        while start < seconds:
            yield start, min(start + length, seconds)
            start += length + off.expovariate(1 / off_mean)
            length = on.gammavariate(shape, on_mean / shape)


PROFILE = Bursty
