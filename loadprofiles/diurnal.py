"""A day's rise and fall. Basis: hour-of-day max/mean and min/mean of two model classes in ServeGen (Alibaba).
Those ratios are published; the smooth single-peaked curve between them, lowest at 4 and highest at 16, is ours.
"""

# ruff: noqa: S311 - arrivals must be repeatable, not secret

import array
import math
import random
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Literal, Self

from pydantic import Field, model_validator

from loadprofiles.contract import LoadProfile, earlier_seed

DAY_S = 86_400.0

# Rate over mean rate at each full hour. The mean is exactly 1, so that joining the points by lines keeps it.
SHAPES: dict[str, tuple[float, ...]] = {
    # ServeGen m-small: max/mean 1.46, min/mean 0.66.
    "mild": (
        *(0.779, 0.725, 0.688, 0.667, 0.660, 0.667, 0.688, 0.725, 0.779, 0.851, 0.941, 1.046),
        *(1.161, 1.274, 1.371, 1.437, 1.460, 1.437, 1.371, 1.274, 1.161, 1.046, 0.941, 0.851),
    ),
    # ServeGen deepseek-r1: max/mean 2.19, min/mean 0.45.
    "strong": (
        *(0.528, 0.488, 0.465, 0.453, 0.450, 0.453, 0.465, 0.488, 0.528, 0.599, 0.714, 0.894),
        *(1.153, 1.478, 1.820, 2.088, 2.190, 2.088, 1.820, 1.478, 1.153, 0.894, 0.714, 0.599),
    ),
}


def hourly(points: tuple[float, ...]) -> Callable[[float], float]:
    """The daily curve through 24 points: a function of the hour (any number, taken modulo 24), linear in between."""
    lines = [(left, right - left) for left, right in pairwise((*points, points[0]))]

    def level(hour: float) -> float:
        whole = math.floor(hour)
        left, rise = lines[whole % 24]
        return left + rise * (hour - whole)

    return level


def mean_level(points: tuple[float, ...], hours: float) -> float:
    """Mean of the daily curve over its first `hours`, by the trapezoid rule, which is exact for lines."""
    whole = math.floor(hours)
    days, full_hours = divmod(whole, 24)
    sums = [0.0, *accumulate((left + right) / 2 for left, right in pairwise((*points, points[0])))]
    level = hourly(points)
    rest = (hours - whole) * (level(whole) + level(hours)) / 2
    return (days * sums[24] + sums[full_hours] + rest) / hours


class Diurnal(LoadProfile):
    """One day's rise and fall squeezed into the run: Poisson arrivals whose rate follows the hour of the day."""

    shape: Literal["mild", "strong"] = Field(
        "mild", description="mild: 0.66 to 1.46 times the mean; strong: 0.45 to 2.19"
    )
    day_s: float | None = Field(
        None, gt=0, le=DAY_S, description="seconds one day lasts; default: the run, at most 86400"
    )

    @model_validator(mode="after")
    def _check_agreement(self) -> Self:
        day_s = DAY_S / self.compression
        if self.day_s is not None and self.compression != 1 and not math.isclose(self.day_s, day_s, rel_tol=1e-5):
            raise ValueError(
                f"day_s {self.day_s:g} and compression {self.compression:g} disagree: "
                f"leave one out, or set day_s {day_s:g}"
            )
        return self

    @classmethod
    def compression_parameters(cls, compression: float) -> dict[str, float]:
        """Nothing: by default a whole day is fitted into the run, whatever the experiment compresses."""
        return {}

    @property
    def day_length_s(self) -> float:
        """Seconds that one day lasts: `day_s`; else 86400 / compression where that is set; else the run's length."""
        if self.day_s is not None:
            return self.day_s
        return DAY_S / self.compression if self.compression != 1 else min(self.seconds, DAY_S)

    @property
    def time_compression(self) -> float:
        """How many modelled seconds pass in one second: 86400 / day_length_s."""
        return DAY_S / self.day_length_s

    @property
    def _whole_day_rate(self) -> float:
        # A window that is not whole days sees a part of the curve: its own mean must still be `rate`.
        return self.rate / mean_level(SHAPES[self.shape], self.seconds / self.day_length_s * 24)

    def rate_at(self, t: float) -> float:
        """Expected requests per second at `t` seconds from the start, which is hour 0; 0 outside the window."""
        if not 0 <= t < self.seconds:
            return 0.0
        return self._whole_day_rate * hourly(SHAPES[self.shape])(t / self.day_length_s * 24)

    def arrivals(self, seed: int) -> "array.array[float]":
        """Offsets in seconds: a Poisson process at the day's highest rate, thinned to `rate_at` (Lewis, Shedler 1979).
        The count is Poisson with mean rate x seconds, so a very short window can be empty.
        """
        return self._draw(random.Random(f"{seed}/diurnal"), 0.0, self.seconds)

    def history(self, seed: int, seconds: float) -> "array.array[float]":
        """The hours before hour 0, as the day before ended."""
        return self._draw(random.Random(f"{earlier_seed(seed)}/diurnal"), -seconds, seconds)

    def _draw(self, stream: random.Random, begin_s: float, seconds: float) -> "array.array[float]":
        """Offsets from `begin_s`, a moment in seconds since hour 0."""
        level, peak = hourly(SHAPES[self.shape]), max(SHAPES[self.shape])
        peak_rate = self._whole_day_rate * peak
        hours_per_s = 24 / self.day_length_s
        offsets = array.array("d")
        t = stream.expovariate(peak_rate)
        while t < seconds:
            if stream.random() * peak < level((begin_s + t) * hours_per_s):
                offsets.append(t)
            t += stream.expovariate(peak_rate)
        return offsets


PROFILE = Diurnal
