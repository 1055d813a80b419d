"""From the rate that was recorded to one that is wanted: fewer arrivals by chance, or copies of the trace on top."""

import math
from dataclasses import dataclass

import numpy as np

from loadprofiles.traces.circle import SWAY_S, Circle
from loadprofiles.traces.ticks import chance, spread
from loadprofiles.traces.trace import Floats, Trace

AS_IS = 1e-9
"""Relative difference of rates that are the same."""
MOST_COPIES = 100_000


@dataclass(frozen=True)
class Scaling:
    """What is done to a window of recorded arrivals so that it holds as many as are wanted, on average."""

    window: float
    """Arrivals that the window has."""
    kept: float = 1.0
    """Probability with which each of them stays: below 1 nothing is added."""
    copies: float = 0.0
    """Turned copies of the trace that are added; of the last one a part, by chance."""
    keeps_hours: bool = False
    """Whether copies are turned by whole days."""

    @classmethod
    def to(cls, circle: Circle, tick_s: float, from_s: float, length_s: float, wanted: float) -> "Scaling":
        """Of a window to this many arrivals."""
        window = circle.expected(from_s, length_s, tick_s)
        if math.isclose(window, wanted, rel_tol=AS_IS):
            return cls(window)
        if wanted < window:
            return cls(window, kept=wanted / window)
        copy = circle.expected_turned(from_s, length_s)
        copies = (wanted - window) / copy if copy > 0 else math.inf
        return cls(window, copies=copies, keeps_hours=circle.keeps_hours)

    def problem(self) -> str:
        """Why this cannot be done; "" where it can."""
        if self.copies <= MOST_COPIES:
            return ""
        return (
            f"it takes {self.copies:,.0f} copies of the trace: at most {MOST_COPIES:,}: lower it, or widen the window"
        )

    def notes(self) -> list[str]:
        """What a reader must know of it."""
        if self.kept < 1:
            return [f"thinned: each arrival stays with a probability of {self.kept:.4g}"]
        if not self.copies:
            return []
        turned = (
            f"by whole days and up to {SWAY_S / 60:g} minutes more or less"
            if self.keeps_hours
            else "by any time, so that its rise and fall is averaged out"
        )
        part = f", {self.copies % 1:.0%} of the last" if self.copies % 1 else ""
        return [f"raised: {math.ceil(self.copies):,} copies of the trace on top{part}, each turned {turned}"]

    def draw(self, trace: Trace, seed: int, begin_s: float, length_s: float) -> Floats:
        """Arrivals of any window of the trace so changed, unsorted, in seconds from its begin."""
        circle = Circle(spread(trace.offsets_s, trace.tick_s, trace.period_s, seed), trace.period_s)
        dice = chance(seed, f"kept/{begin_s!r}")
        base = circle.cut(begin_s, length_s)
        if self.kept < 1:
            return base[dice.random(len(base)) < self.kept]
        turns, whole = chance(seed, "turns"), math.floor(self.copies)
        pieces = [base, *(circle.turned.cut(begin_s - circle.turn(turns), length_s) for _ in range(whole))]
        if part := self.copies - whole:
            last = circle.turned.cut(begin_s - circle.turn(turns), length_s)
            pieces.append(last[dice.random(len(last)) < part])
        return np.concatenate(pieces)
