"""Many independent callers at one rate. Basis: the Azure LLM 2023 conversation trace, whose gaps have a CV of 1.09."""

# ruff: noqa: S311 - arrivals must be repeatable, not secret

import array
import random

from loadprofiles.contract import LoadProfile


def poisson(rate: float, seconds: float, stream: random.Random) -> "array.array[float]":
    """Offsets in [0, seconds) of a Poisson process of `rate` arrivals per second; may be empty."""
    offsets = array.array("d")
    t = stream.expovariate(rate)
    while t < seconds:
        offsets.append(t)
        t += stream.expovariate(rate)
    return offsets


class Steady(LoadProfile):
    """Independent callers at one mean rate: Poisson arrivals; the compression changes nothing."""

    @property
    def time_compression(self) -> float:
        """Always 1: there is no structure in time to compress."""
        return 1.0

    def rate_at(self, t: float) -> float:
        """Expected requests per second at `t` seconds from the start; 0 outside the window."""
        return self.rate if 0 <= t < self.seconds else 0.0

    def arrivals(self, seed: int) -> "array.array[float]":
        """Offsets in seconds. The count is Poisson with mean rate x seconds, so a very short window can be empty."""
        return poisson(self.rate, self.seconds, random.Random(f"{seed}/steady"))


PROFILE = Steady
