"""A clock that is off by a set amount and drifts, in the place of the one that targets/ reads.

FAR_CLOCK holds what it takes to read it alike in each process: ns it is ahead, parts per million that it runs too fast,
and the true moment at which it was off by just that much.
"""

import os
import time

import targets.clock

VARIABLE = "FAR_CLOCK"
CLOCK_ID = "far-away"


class FarClock:
    """Reads the true clock and says something else."""

    def __init__(self, ahead_ns: int, drift_ppm: int, origin_ns: int) -> None:
        self.ahead_ns = ahead_ns
        self.drift_ppm = drift_ppm
        self.origin_ns = origin_ns

    @classmethod
    def begin(cls, ahead_s: float, drift_ppm: int) -> "FarClock":
        """Be off by so much from now on."""
        return cls(int(ahead_s * 1e9), drift_ppm, time.monotonic_ns())

    @classmethod
    def parse(cls, text: str) -> "FarClock":
        """Read str(clock) back."""
        return cls(*map(int, text.split("/")))

    def __str__(self) -> str:
        return f"{self.ahead_ns}/{self.drift_ppm}/{self.origin_ns}"

    def now_ns(self) -> int:
        """What this clock shows."""
        true_ns = time.monotonic_ns()
        return true_ns + self.ahead_ns + (true_ns - self.origin_ns) * self.drift_ppm // 1_000_000

    def sleep(self, seconds: float) -> None:
        """Sleep until this clock has moved by so much."""
        time.sleep(seconds / (1 + self.drift_ppm / 1e6))

    def wall_time(self) -> float:
        """Seconds since 1970, as wrong as the rest."""
        return time.time() + self.ahead_ns / 1e9

    def rule(self) -> None:
        """Be the clock of this process and of those that it starts. Before anything of targets/ has taken the true
        one's functions by name."""
        os.environ[VARIABLE] = str(self)
        for name in ("now_ns", "sleep", "wall_time"):
            setattr(targets.clock, name, getattr(self, name))
        targets.clock.clock_id = lambda: CLOCK_ID
