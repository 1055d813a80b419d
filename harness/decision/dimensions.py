"""The six dimensions of the scorecard: each from figures where there are any, else from what the experiment states."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.analysis.stats import floor
from harness.analysis.summary import Row
from harness.decision.pair import Pair
from harness.record.estimate import Estimate
from harness.record.figures import figure, plural
from harness.record.phases import init_phases

Pull = Literal["serverless", "container", "neither"]
LOW, HIGH = 2, 4
"""Scores up to LOW pull to one side, from HIGH on to the other."""
PEAKS = (1.5, 2.5, 5, 10)
"""Peak to mean: from each on, traffic variability is one higher. These steps, like those below, are a convention."""
OVER_OBJECTIVE = (1, 2, 4, 8)
INIT_MS = (500, 2000, 5000, 10_000)
LARGE_MB = (3000, 10_240)
"""Memory from which on a runtime is at least a 4, and a 5: the latter is all that a function can have."""
BUSY = (0.05, 0.15, 0.30, 0.60)


@dataclass(frozen=True)
class Dimension:
    """`score` is None where it was neither measured nor stated; `source` says which. `reason` holds its figures."""

    name: str
    score: int | None
    source: Literal["measured", "stated", "missing"]
    pull: Pull
    reason: str


def dimensions_of(pair: Pair) -> list[Dimension]:
    """The six dimensions of a pair, in the order of the worksheet."""
    ratings = pair.economics.ratings
    return [
        variability(pair),
        sensitivity(pair),
        heaviness(pair),
        dimension_of_rating("custom infrastructure", ratings.custom_infrastructure, "ratings.custom_infrastructure"),
        dimension_of_rating("team ops capacity", ratings.team_ops_capacity, "ratings.team_ops_capacity"),
        busyness(pair),
    ]


def variability(pair: Pair) -> Dimension:
    """How far the peak of the expected traffic lies above its mean."""
    name, expected = "traffic variability", pair.economics.expected
    if expected is not None and (rps := pair.batch_rps) is not None:
        reason = f"it comes in batches, and within one the rate is {figure(rps / expected.mean_rps)} times the mean"
        return scored_dimension(name, step(PEAKS, rps / expected.mean_rps), "measured", reason, high="serverless")
    if expected is None or expected.peak_to_mean is None:
        return missing_dimension(name, "expected.peak_to_mean")
    reason = f"the peak is {figure(expected.peak_to_mean)} times the mean"
    return scored_dimension(name, step(PEAKS, expected.peak_to_mean), "stated", reason, high="serverless")


def sensitivity(pair: Pair) -> Dimension:
    """How far a function's cold start lies beyond the objective."""
    name, objective = "latency sensitivity", pair.objective
    if objective is None:
        return missing_dimension(name, "objective")
    cold = slowest_start(pair)
    if cold is None:
        return Dimension(name, None, "missing", "neither", "too few cold starts of the function were forced")
    ratio = (cold.value or 0.0) / objective.latency_ms
    reason = (
        f"a cold start's median, {figure(cold.value)} ms (n = {cold.n}), is {figure(ratio)} times the objective of "
        f"{figure(objective.latency_ms)} ms"
    )
    return scored_dimension(name, step(OVER_OBJECTIVE, ratio), "measured", reason, high="container")


def slowest_start(pair: Pair) -> Estimate | None:
    """Median of the function's forced cold starts, which do not slow each other down; the slowest of the regimes."""
    medians = [row.cold_p50_ms for row in pair.forced() if row.cold_p50_ms.value is not None]
    return max(medians, key=lambda median: median.value or 0.0, default=None)


def heaviness(pair: Pair) -> Dimension:
    """How much a function has to load: initialisation time and memory."""
    name = "runtime heaviness"
    forced, traffic = pair.forced(), pair.rows(pair.function)
    split = [row for row in forced if row.known_phases_ms]
    if not split:
        return Dimension(
            name,
            None,
            "missing",
            "neither",
            f"no {floor(0.5)} forced cold starts of the function were split into their parts",
        )
    row = max(split, key=init_ms_of)
    init_ms = init_ms_of(row)
    peaks = [row.memory_peak_mb for row in (*forced, *traffic) if row.memory_peak_mb is not None]
    score = step(INIT_MS, init_ms)
    if peaks:
        score = max(score, (1, 4, 5)[step(LARGE_MB, max(peaks)) - 1])
    memory = f"{figure(max(peaks))} MB at the peak" if peaks else "memory was not read"
    reason = f"initialisation takes {figure(init_ms)} ms (medians, n = {row.cold_starts} starts), {memory}"
    return scored_dimension(name, score, "measured", reason, high="container")


def init_ms_of(row: Row) -> float:
    """Medians of the parts that are initialisation, added up."""
    return sum(row.known_phases_ms[phase] for phase in init_phases(row.known_phases_ms))


def busyness(pair: Pair) -> Dimension:
    """Share of its paid time in which a service infers, at the expected traffic."""
    name, costing = "expected utilisation", pair.costing
    if costing is None or not costing.expected:
        return missing_dimension(name, "expected.requests_per_month")
    busy = [(side.utilisation, side) for side in pair.costs(pair.service) if side.utilisation is not None]
    if not busy:
        return Dimension(name, None, "missing", "neither", "how many replicas the traffic needs is not known")
    share, side = max(busy, key=lambda entry: entry[0])
    paid = plural(side.replicas or 0, "replica")
    reason = f"{figure(100 * share)} % of the time of {paid} under {side.profile} traffic"
    return scored_dimension(name, step(BUSY, share), "measured", reason, high="container")


def dimension_of_rating(name: str, score: int | None, field: str) -> Dimension:
    """A score that people state, because nothing measures it."""
    if score is None:
        return missing_dimension(name, field)
    return scored_dimension(name, score, "stated", f"stated as {score} of 5", "container")


def scored_dimension(
    name: str, score: int, source: Literal["measured", "stated"], reason: str, high: Pull
) -> Dimension:
    """A dimension with its pull; `high` is the side that a high score pulls to."""
    low: Pull = "container" if high == "serverless" else "serverless"
    pull: Pull = high if score >= HIGH else low if score <= LOW else "neither"
    return Dimension(name, score, source, pull, reason)


def missing_dimension(name: str, field: str) -> Dimension:
    """A dimension without a score, which the experiment could have stated as `field`."""
    return Dimension(name, None, "missing", "neither", f"the experiment does not state {field}")


def step(steps: Sequence[float], value: float) -> int:
    """A score: 1 below the first step, one more from each step on."""
    return 1 + bisect_right(steps, value)
