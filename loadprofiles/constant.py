"""Evenly spaced arrivals: what a batch job, a health check or a classic load test sends."""

import array
import math
from typing import ClassVar

from loadprofiles.contract import LoadProfile

ROUNDING = 1e-12
"""Relative slack on rate x seconds, so that 0.1/s over 30 s is 3 requests though 0.1 is not exact in binary."""


class Constant(LoadProfile):
    """One request every 1/rate seconds, exactly; the seed and the compression change nothing."""

    seeded: ClassVar[bool] = False

    @property
    def time_compression(self) -> float:
        """Always 1: there is no structure in time to compress."""
        return 1.0

    def rate_at(self, t: float) -> float:
        """Expected requests per second at `t` seconds from the start; 0 outside the window."""
        return self.rate if 0 <= t < self.seconds else 0.0

    def arrivals(self, seed: int) -> "array.array[float]":
        """Offsets i / rate in seconds, the first at 0. Their number is rate x seconds, rounded up."""
        count = max(1, math.ceil(self.rate * self.seconds * (1 - ROUNDING)))
        return array.array("d", (i / self.rate for i in range(count)))

    def history(self, seed: int, seconds: float) -> "array.array[float]":
        """The same spacing, up to the first arrival and not from the begin on: the last one is 1 / rate before it."""
        count = math.floor(self.rate * seconds * (1 + ROUNDING))
        return array.array("d", (max(0.0, seconds - i / self.rate) for i in range(count, 0, -1)))


PROFILE = Constant
