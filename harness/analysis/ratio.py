"""How much slower B is than A: a ratio with its t-interval, and a verdict against a margin. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import scipy

from harness.analysis.stats import CONFIDENCE, Floats, bounds
from harness.record.estimate import Estimate
from harness.record.nouns import ROUNDS_FOR_VERDICT

DETECTABLE = 1.96 + 0.84
"""Standard errors from the margin at which 95 % confidence sees a difference four times out of five."""
MOST_ROOT = 1e6
"""Keeps the rounds needed a number that can be written, however small the margin is."""


class Verdict(StrEnum):
    """B beside A, once the whole interval lies on one side of the margin or within it."""

    FASTER = "FASTER"
    SLOWER = "SLOWER"
    SAME = "SAME"
    UNCLEAR = "UNCLEAR"


@dataclass(frozen=True)
class LogRatio:
    """log(B / A): `centre` +- `half`; `sd` is that of one round's log ratio, `half` infinite for one round."""

    centre: float
    half: float
    sd: float
    n: int
    method: str

    @property
    def low(self) -> float:
        """Lower end of the interval of log(B / A)."""
        return self.centre - self.half

    @property
    def high(self) -> float:
        """Upper end of the interval of log(B / A)."""
        return self.centre + self.half

    def estimate(self) -> Estimate:
        """B / A with its interval, back from the log scale."""
        value = math.exp(self.centre)
        if math.isinf(self.half):
            return Estimate(value, n=self.n, need=2, why="one round: no interval", method=self.method)
        low, high = bounds(self.centre, self.half, "log")
        why = None if high is not None else "the rounds differ too much for an upper end"
        return Estimate(value, low, high, self.n, why=why, method=self.method)


@dataclass(frozen=True)
class Judgement:
    """A verdict, or why there is none; for UNCLEAR how many more rounds are asked for."""

    verdict: Verdict | None
    why: str | None = None
    rounds_needed: int | None = None
    on_the_line: bool = False
    """The ratio lies so near an edge of the margin that more rounds may not settle it."""


def paired_ratio(a: Sequence[float], b: Sequence[float], confidence: float = CONFIDENCE) -> LogRatio:
    """One positive value per round and side, in the same order: the t-interval of the rounds' log ratios."""
    x = np.log(np.asarray(b, dtype=float)) - np.log(np.asarray(a, dtype=float))
    n, sd = len(x), spread(x)
    half = t_half(sd / math.sqrt(n), n - 1, confidence)
    return LogRatio(float(np.mean(x)), half, sd, n, "t over rounds of paired log ratios")


def unpaired_ratio(a: Sequence[float], b: Sequence[float], confidence: float = CONFIDENCE) -> LogRatio:
    """Positive values of trials that have no partner: Welch's t-interval of the logarithms (scipy.stats.ttest_ind).

    Written out, since SciPy's has no answer where all values of both sides are equal.
    """
    x, y = np.log(np.asarray(a, dtype=float)), np.log(np.asarray(b, dtype=float))
    n = min(len(x), len(y))
    var_a, var_b = spread(x) ** 2 / len(x), spread(y) ** 2 / len(y)
    error = var_a + var_b
    # Welch and Satterthwaite: degrees of freedom of a sum of two estimated variances.
    parts = sum(var**2 / (len(z) - 1) for var, z in ((var_a, x), (var_b, y)) if len(z) > 1)
    freedom = error**2 / parts if parts else n - 1
    half = t_half(math.sqrt(error), freedom if n > 1 else 0, confidence)
    centre = float(np.mean(y) - np.mean(x))
    return LogRatio(centre, half, math.hypot(spread(x), spread(y)), n, "Welch t over trials, log scale")


def judge(ratio: LogRatio, margin: float) -> Judgement:
    """The ratio's interval by `judge_interval`; where it is UNCLEAR, how many more rounds are asked for.

    Rounds needed are ((1.96 + 0.84) sd / log(1 + margin))^2 + 1 in all, and one more than there are at least.
    """
    judgement = judge_interval(ratio.low, ratio.high, ratio.n, margin)
    if judgement.verdict is not Verdict.UNCLEAR:
        return judgement
    edge = math.log1p(margin)
    enough = math.ceil(min(DETECTABLE * ratio.sd / edge, MOST_ROOT) ** 2 + 1)
    # The formula plans for a ratio of 1, which lies log(1 + margin) from either edge. Rounds grow with the inverse
    # square of that distance: within half of it the plan would be too small by a factor of four or more, and on the
    # edge no number of rounds suffices. Nor can the plan be right where it asks for no more than there already are.
    near = abs(abs(ratio.centre) - edge) < edge / 2 or enough <= ratio.n
    return Judgement(Verdict.UNCLEAR, None, max(1, enough - ratio.n), near)


def judge_interval(low: float, high: float, rounds: int, margin: float) -> Judgement:
    """The interval of log(B / A) against +-log(1 + margin); no verdict from fewer than ROUNDS_FOR_VERDICT rounds.

    The whole interval has to lie on one side of an edge, or between both: SAME is shown, not assumed for want of proof.
    """
    if rounds < ROUNDS_FOR_VERDICT:
        return Judgement(None, f"fewer than {ROUNDS_FOR_VERDICT} rounds")
    edge = math.log1p(margin)
    if low > edge:
        return Judgement(Verdict.SLOWER)
    if high < -edge:
        return Judgement(Verdict.FASTER)
    return Judgement(Verdict.SAME if -edge < low and high < edge else Verdict.UNCLEAR)


def spread(x: Floats) -> float:
    """Standard deviation of a sample; 0 where one value has none."""
    return float(np.std(x, ddof=1)) if len(x) > 1 else 0.0


def t_half(error: float, freedom: float, confidence: float) -> float:
    """Half the width of a t-interval; infinite without degrees of freedom."""
    return float(scipy.special.stdtrit(freedom, (1 + confidence) / 2)) * error if freedom > 0 else math.inf


def geometric_mean(values: list[float]) -> float | None:
    """Geometric mean; None for no values, and where one has no logarithm."""
    return float(np.exp(np.mean(np.log(values)))) if values and min(values) > 0 else None
