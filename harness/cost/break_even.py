"""The rates at which function and service cost the same, which is cheaper between them, and both curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.cost.curves import Crossing, Curves, crossings
from harness.cost.nouns import Basis, BreakEven, Span
from harness.record.estimate import Estimate
from harness.record.figures import cell, figure
from harness.record.stated import SECONDS_PER_MONTH

UNMEASURED = "where it lies is not known: it needs a capacity with an upper end (`frostline capacity EXPERIMENT`)"
METHOD = "crossing of the cost curves; ends by those of their intervals"
NOT_SURE = "up to an end of the rates looked at, no side is surely the cheaper one"
MOST_SPANS = 7
"""So many a sentence tells one by one."""


@dataclass(frozen=True)
class Names:
    """Whose break-even it is."""

    workload: str
    profile: str
    function: str
    service: str
    basis: Basis


def break_even(names: Names, function: Curves, service: Curves) -> BreakEven:
    """Where two sides cost the same, over the rates that both were looked at."""
    rates = sorted(set(function.rates) & set(service.rates))
    points = crossings(rates, function.value, service.value) if rates else []
    estimates = estimate_crossings(rates, points, function, service)
    costs = [[curve.usd(rate) for rate in rates] for curve in (function.value, service.value)]
    into_service = [each for each, point in zip(estimates, points, strict=True) if not point.falls]
    n = min(function.n, service.n)
    rate = into_service[0] if into_service else Estimate(None, n=n, why="no such crossing within the range looked at")
    spans = spans_of(names, rates, points, costs)
    # Beyond what is known the service's value is but a bound: a crossing there is one as well.
    furthest = max((point.rps for point in points), default=rates[-1] if rates else 0.0)
    bounded = service.known_to < furthest and not (spans and is_sure(rates, points, function, service))
    return BreakEven(
        workload=names.workload,
        profile=names.profile,
        function=names.function,
        service=names.service,
        rate=Estimate(None, n=n, why=UNMEASURED) if bounded else rate,
        rates=rates,
        function_usd_per_month=costs[0],
        service_usd_per_month=costs[1],
        words=bound_words(rate, service) if bounded else sentence_of(spans, estimates),
        crossings=[] if bounded else estimates,
        spans=[] if bounded else spans,
        basis=names.basis,
        function_ends_usd=ends_of(function, rates),
        service_ends_usd=ends_of(service, rates),
    )


def ends_of(side: Curves, rates: Sequence[float]) -> list[tuple[float, float]]:
    """The cheap and the dear end at each rate; none where either is not known."""
    low, high = side.low, side.high
    return [] if low is None or high is None else [(low.usd(rate), high.usd(rate)) for rate in rates]


def is_sure(rates: Sequence[float], points: Sequence[Crossing], function: Curves, service: Curves) -> bool:
    """Whether one side is cheaper at every rate even at its dear end, so that no bound in between matters."""
    ends = function.high, service.low, function.low, service.high
    if points or None in ends:
        return False
    dear, cheap, least, most = (curve for curve in ends if curve is not None)
    return all(dear.usd(r) < cheap.usd(r) for r in rates) or all(most.usd(r) < least.usd(r) for r in rates)


def spans_of(
    names: Names, rates: Sequence[float], points: Sequence[Crossing], costs: Sequence[Sequence[float]]
) -> list[Span]:
    """Which side is cheaper from one crossing to the next."""
    if not rates:
        return []
    function_first = not points[0].falls if points else costs[0][0] < costs[1][0]
    ends = [rates[0], *(point.rps for point in points), rates[-1]]
    sides = (names.function, names.service) if function_first else (names.service, names.function)
    return [Span(begin, end, sides[place % 2]) for place, (begin, end) in enumerate(pairwise(ends))]


def estimate_crossings(
    rates: Sequence[float], points: Sequence[Crossing], function: Curves, service: Curves
) -> list[Estimate]:
    """Each crossing with the rates around it in which no side is surely cheaper: even its dear end below the other's
    cheap one. Where a replica is added at an unknown rate, that is anywhere between its neighbours."""
    n = min(function.n, service.n)
    dear, cheap, least, most = function.high, service.low, function.low, service.high
    if dear is None or cheap is None or least is None or most is None:
        why = "an end of what was measured is not known"
        return [Estimate(point.rps, n=n, why=why, method=METHOD) for point in points]
    sure_function = crossings(rates, dear, cheap) if points else []
    sure_service = [Crossing(each.rps, not each.falls) for each in crossings(rates, least, most)] if points else []
    found = []
    for point in points:
        left, right = (sure_service, sure_function) if point.falls else (sure_function, sure_service)
        low = max((each.rps for each in left if not each.falls and each.rps <= point.rps), default=None)
        high = min((each.rps for each in right if each.falls and each.rps >= point.rps), default=None)
        for begin, end in (*function.jumps, *service.jumps):
            if begin <= point.rps <= end:
                low, high = (None if low is None else min(low, begin)), (None if high is None else max(high, end))
        reason = None if low is not None and high is not None else NOT_SURE
        found.append(Estimate(point.rps, low, high, n, why=reason, method=METHOD))
    return found


def bound_words(rate: Estimate, service: Curves) -> str:
    """Where nobody measured what a replica carries, a crossing is only known to lie on one side of a rate."""
    if rate.value is None:
        return UNMEASURED
    side = "at most" if service.high is not None else "at least"
    return f"{side} {cell(rate).main} requests per second; {UNMEASURED}"


def sentence_of(spans: Sequence[Span], crossings: Sequence[Estimate]) -> str:
    """Which side is cheaper at which rates, in one sentence."""
    if not spans:
        return "no rate was looked at on both sides"
    if len(spans) == 1:
        span = f"from {figure(spans[0].begin_rps)} to {figure(spans[0].end_rps)} requests per second"
        return f"{spans[0].cheaper} is cheaper at every rate {span}"
    first = crossings[0]
    text = cell(first)
    interval = f" ({text.small})" if text.small else ""
    month = figure((first.value or 0.0) * SECONDS_PER_MONTH / 1e6)
    begin = f"below {text.main} requests per second{interval}, {month} million a month, {spans[0].cheaper} is cheaper"
    if len(spans) == 2:
        return f"{begin}, above it {spans[1].cheaper}"
    told = [
        f"from {cell(a).main} to {cell(b).main} {span.cheaper}"
        for span, (a, b) in zip(spans[1:-1], pairwise(crossings), strict=True)
    ]
    if len(told) > MOST_SPANS - 2:
        kept = MOST_SPANS - 4
        told = [*told[:kept], f"{len(told) - kept} more changes up to {cell(crossings[-1]).main}"]
    return f"{begin}, {', '.join(told)}, above it {spans[-1].cheaper}"
