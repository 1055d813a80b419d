"""How long before what counts a side begins, so that its units are as many as such traffic would have left."""

import math
from dataclasses import dataclass

from harness.forecast.rules import PlatformRule, parameters_of, pool_of, replicas_of
from harness.forecast.sides import Side

STARTS = 4
"""So many longest cold starts end those that an empty begin makes; their units then go with the keep-alive."""
LEAST_SETTLE_S, SETTLES = 600.0, 2
"""In which an autoscaler's replicas are as many as they would be: so many times its windows and pauses in sum."""
FEWEST = 5
"""Resamples that make a figure; where no more than so few have time for their lead, it is withheld."""


@dataclass(frozen=True)
class Lead:
    """What one side under one rule has of it."""

    seconds: float | None
    """None: the usual one."""
    resamples: int
    why: str = ""
    """Why it is too short, so that what hangs on the number of units is not known."""


def needed_s(side: Side, rule: PlatformRule) -> float | None:
    """Seconds that a side needs; None where the usual lead does.

    Of a pool that reuses the latest unit, the units are as many as were busy at once within the last keep-alive.
    """
    if (pool := pool_of(rule)) is not None:
        return pool.keep_alive_s + STARTS * float(side.cold["whole_s"].max()) + float(side.warm["whole_s"].max())
    scaled = replicas_of(rule)
    if scaled is None or math.isinf(scaled.tick_s):
        return None
    pauses = (value for name, value in parameters_of(scaled).items() if name.endswith("_s") and value is not None)
    return max(LEAST_SETTLE_S, SETTLES * float(sum(pauses)))


def lead_of(side: Side, rule: PlatformRule, resamples: int, rps_of_spells: float, most: float) -> Lead:
    """The lead of a side, and resamples that have time for it, of at most so many requests in all.

    `rps_of_spells` is the rate times the spells of a resample.
    """
    seconds = needed_s(side, rule)
    if seconds is None:
        return Lead(None, resamples)
    each = rps_of_spells * seconds
    affordable = int(min(resamples, most / each))
    if affordable >= min(FEWEST, resamples):
        return Lead(seconds, affordable)
    pool = pool_of(rule)
    what = f"keep-alive of {pool.keep_alive_s:g} s" if pool else f"rule {rule.name}"
    why = (
        f"at this rate {each * resamples:,.0f} requests would pass before units under a {what} are as many as they "
        f"would be, {most:,.0f} at most are simulated"
    )
    return Lead(None, resamples, why)
