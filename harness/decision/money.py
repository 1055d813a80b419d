"""Which side of a pair costs less under one traffic, and by how much."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.cost.nouns import BASIS_WORDS, Basis, SideCost
from harness.decision.pair import Pair
from harness.record.estimate import Estimate
from harness.record.figures import cell

Side = Literal["serverless", "container"]


@dataclass(frozen=True)
class CostFinding:
    """The side whose whole interval lies below the other's; None where they overlap or cannot be told."""

    cheaper: Side | None
    reasons: list[str]
    ratio: Estimate | None = None
    """What the function costs of what the service does; its ends are those of both. None where it cannot be told."""
    is_bound: bool = False
    """Whether the service's cost is only bounded, for want of a measured capacity."""
    basis: Basis | None = None
    """What both costs are of; None where they cannot be told."""


def judge_cost(pair: Pair, profile: str) -> CostFinding:
    """Which side is cheaper under a profile, by what the provider bills for 1,000 good answers."""
    functions, services = (
        [side for side in pair.costs(name) if side.profile == profile and side.per_1k_usd.value is not None]
        for name in (pair.function, pair.service)
    )
    if not functions or not services:
        return CostFinding(None, [f"{profile}: the cost of both sides cannot be told"])
    if len({side.basis for side in (*functions, *services)}) > 1:
        words = f"{profile}: one side's cost is of a forecast and the other's of the run's own mix: they do not compare"
        return CostFinding(None, [words])
    function, service = hull(functions), hull(services)
    ratio = ratio_of(function, service)
    cheaper: Side | None = None
    if ratio is not None and ratio.high is not None and ratio.high < 1:
        cheaper = "serverless"
    elif ratio is not None and ratio.low is not None and ratio.low > 1:
        cheaper = "container"
    costs = ", ".join(cost_words(side) for side in (*functions, *services))
    bounded = any(side.is_bound for side in services)
    return CostFinding(cheaper, [f"{profile}: {costs}"], ratio, bounded, functions[0].basis)


def cost_words(side: SideCost) -> str:
    """E.g. docker-lambda 0.012 (0.011-0.013) USD per 1,000 good answers, n = 10, forecast."""
    text = cell(side.per_1k_usd)
    interval = f" ({text.small})" if text.small else ""
    words = f"{side.target} {text.main} USD per 1,000 good answers{interval}, n = {side.per_1k_usd.n}"
    bounded = ", only bounded" if side.is_bound and side.basis != "forecast" else ""
    return f"{words}, {BASIS_WORDS[side.basis]}{bounded}"


def hull(sides: Sequence[SideCost]) -> Estimate:
    """The cost of all rows of one side: from the lowest end to the highest, none where any has none."""
    costs = [side.per_1k_usd for side in sides]
    values = [cost.value for cost in costs if cost.value is not None]
    lows = [cost.low for cost in costs if cost.low is not None]
    highs = [cost.high for cost in costs if cost.high is not None]
    return Estimate(
        value=sum(values) / len(values),
        low=min(lows) if len(lows) == len(costs) else None,
        high=max(highs) if len(highs) == len(costs) else None,
        n=min(cost.n for cost in costs),
    )


def ratio_of(function: Estimate, service: Estimate) -> Estimate | None:
    """The first of the second, with the ends of both; what has no end has none. None where the second costs nothing."""
    if function.value is None or not service.value:
        return None
    low = function.low / service.high if function.low is not None and service.high else None
    high = function.high / service.low if function.high is not None and service.low else None
    return Estimate(function.value / service.value, low, high, min(function.n, service.n))


def rounds_to_separate(ratio: Estimate, rounds: int) -> int | None:
    """Rounds after which the interval no longer holds 1, if it shrinks with their square root; None where unknown."""
    if ratio.low is None or ratio.high is None or not ratio.value or ratio.low <= 0 or ratio.value == 1:
        return None
    distance = abs(math.log(ratio.value))
    reach = math.log(ratio.high / ratio.value) if ratio.value < 1 else math.log(ratio.value / ratio.low)
    return math.ceil(rounds * (reach / distance) ** 2)
