"""Gallop to a bracket, bisect it, and make sure of both its ends. Pure: whoever asks carries the steps out."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

BRACKET = 1.05
"""A bracket whose upper end is less than 5 % above its lower end is narrow enough."""
MOST_RATES = 8
MOST_FENCES = 2
"""Rates beyond those tried so far, where the repeats disagree at the outermost one."""
STRIDE = 1.25
"""First factor of the gallop; each further one is the square of that before."""
FENCE_STRIDE = 1.1
Ending = Literal["bracketed", "all held", "none held", "invalid"]


@dataclass(frozen=True)
class Probe:
    """What the repeats at one rate came to; INVALID ones are in `asked` only."""

    rate: float
    held: int
    valid: int
    asked: int

    @property
    def decided(self) -> bool:
        """Whether more than half of the repeats are valid."""
        return 2 * self.valid > self.asked

    @property
    def holds(self) -> bool:
        """Whether the majority of the valid repeats held."""
        return 2 * self.held > self.valid


@dataclass
class Search:
    """All probes so far, and where to look next."""

    lowest: float
    most: float
    probes: list[Probe] = field(default_factory=list)

    @property
    def low(self) -> float | None:
        """The highest rate that held."""
        return max((probe.rate for probe in self.probes if probe.decided and probe.holds), default=None)

    @property
    def high(self) -> float | None:
        """The lowest rate that did not."""
        return min((probe.rate for probe in self.probes if probe.decided and not probe.holds), default=None)

    @property
    def ending(self) -> Ending:
        """How things stand."""
        if not all(probe.decided for probe in self.probes):
            return "invalid"
        if self.high is None:
            return "all held"
        return "none held" if self.low is None else "bracketed"

    @property
    def value(self) -> float | None:
        """The middle of the bracket, on a log scale."""
        return None if self.low is None or self.high is None else math.sqrt(self.low * self.high)

    @property
    def sure_low(self) -> float | None:
        """The highest rate up to which every valid repeat held."""
        agreed = [probe.rate for probe in self.probes if probe.decided and probe.held == probe.valid]
        doubted = min((probe.rate for probe in self.probes if probe.held < probe.valid), default=math.inf)
        return max((rate for rate in agreed if rate < doubted), default=None)

    @property
    def sure_high(self) -> float | None:
        """The lowest rate from which on no valid repeat held."""
        agreed = [probe.rate for probe in self.probes if probe.decided and not probe.held]
        doubted = max((probe.rate for probe in self.probes if probe.held), default=0.0)
        return min((rate for rate in agreed if rate > doubted), default=None)

    @property
    def likely_left(self) -> int:
        """About how many rates are still to be tried, where the guess is near and the repeats agree."""
        low, high = self.low, self.high
        if low is None or high is None:
            return (2 if not self.probes else 1) + _halvings(STRIDE)
        return _halvings(high / low) if high > BRACKET * low else 0

    def next_rate(self) -> float | None:
        """The bracket's middle, or a leap beyond its only end; None when there is nothing more to try."""
        low, high = self.low, self.high
        if self.ending == "invalid":
            return None
        if low is not None and high is not None:
            return math.sqrt(low * high) if high > BRACKET * low else None
        stride = STRIDE ** (2 ** (len(self.probes) - 1))
        if low is not None:
            return min(self.most, low * stride) if low < self.most else None
        assert high is not None
        return max(self.lowest, high / stride) if high > self.lowest else None

    def fence(self) -> float | None:
        """Where to look for an end that the repeats agree on; None when both are found or lie out of bounds."""
        rates = [probe.rate for probe in self.probes]
        if self.sure_low is None and min(rates) > self.lowest:
            return max(self.lowest, min(rates) / FENCE_STRIDE)
        if self.sure_high is None and max(rates) < self.most:
            return min(self.most, max(rates) * FENCE_STRIDE)
        return None


def _halvings(ratio: float) -> int:
    """Of a bracket's ends, on a log scale, until it is narrow enough."""
    return math.ceil(math.log2(math.log(ratio) / math.log(BRACKET)))


def search(found: Search, probe: Callable[[float], Probe], guess: float) -> Search:
    """Try rates until `found` is at its end, beginning at the guess or where an earlier search was cut off. It ends at
    the first rate that stays undecided."""
    rate = found.next_rate() if found.probes else min(found.most, max(found.lowest, guess))
    while rate is not None and len(found.probes) < MOST_RATES:
        found.probes.append(probe(rate))
        rate = found.next_rate()
    for _ in range(MOST_FENCES):
        if found.ending == "bracketed" and (rate := found.fence()) is not None:
            found.probes.append(probe(rate))
    return found
