"""A row of the forecast: one side under the rule that is set for it, or with as many replicas as it needs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

from harness.analysis.over_trials import UNEVEN
from harness.analysis.stats import AMONG_FAILURES
from harness.errors import RecordError
from harness.forecast.month import Draws, Figures, median_of
from harness.forecast.replicas import bounds_of, busiest_hour, fewest, least_replicas, sentence
from harness.forecast.rules import (
    FunctionRule,
    HybridRule,
    PlatformRule,
    Settings,
    function_rule,
    parameters_of,
    pool_of,
    replicas_of,
    service_rule,
)
from harness.forecast.sides import Side
from harness.record.estimate import Estimate
from harness.record.forecast import ForecastRow
from harness.record.nouns import Manifest
from harness.record.stated import Objective
from targets.rules.contract import Rule
from targets.rules.fixed_replicas import FixedReplicas

SEARCHED = 9
"""Resamples over whose median a number of replicas is judged."""
OF_LATENCY = (
    *("latency_p50_ms", "latency_p95_ms", "latency_p99_ms", "latency_at_objective_ms", "late_share", "queue_p95_ms"),
)


OF_UNITS = ("cold_share", "cold_starts_per_day", "units_mean", "units_peak")
"""What hangs on how many units there were at the begin; of an autoscaled service its latency does so too."""


@dataclass(frozen=True)
class Ruled:
    """A side, the rule that it is under, and on what that rests."""

    side: Side
    rule: PlatformRule
    searched: bool = False
    """Whether the number of replicas was found for the rate, and is found anew for another."""
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def ruled(manifest: Manifest, side: Side, settings: Settings, draws: Draws) -> Ruled:
    """The rule of a side at the rate of these resamples. RecordError where it cannot be forecast under it."""
    if side.kind == "function":
        return Ruled(side, function_rule(manifest, side.row.target, settings))
    pool = function_rule(manifest, side.row.target, settings) if side.kind == "hybrid" else None
    if (rule := service_rule(settings)) is not None:
        if pool is not None:
            return Ruled(side, HybridRule(pool, fixed(rule)))
        if rule.most != rule.least and side.no_cold:
            raise RecordError(f"{rule.name} starts replicas, and there are {side.no_cold}")
        return Ruled(side, rule, warnings=crowd(rule, side.slots))
    peak_rps = busiest_hour(draws.month.days, draws.rps)
    count, found = fewest_for(side, draws, peak_rps, pool)
    told = sentence(count, draws.objective, found)
    notes = (f"replicas: {told}", *bounds_of(manifest, side, draws.rps, peak_rps))
    unmet = draws.objective is not None and not found
    return Ruled(side, with_replicas(count, pool), True, notes, (unreachable(side, draws),) if unmet else ())


def fixed(rule: Rule) -> FixedReplicas:
    """The rule of a core. RecordError for one that changes the number of its replicas."""
    if not isinstance(rule, FixedReplicas):
        raise RecordError(f"its core's replicas are forecast as a fixed number only: {rule.name} is of services alone")
    return rule


def with_replicas(count: int, pool: FunctionRule | None) -> PlatformRule:
    """So many replicas, behind a pool where there is one."""
    return FixedReplicas(count) if pool is None else HybridRule(pool, FixedReplicas(count))


def crowd(rule: Rule, slots: int) -> tuple[str, ...]:
    """That a rule is content with more requests for a replica than it serves, as defaults made for web servers are."""
    if rule.at_once is None or rule.at_once <= slots:
        return ()
    return (
        f"{rule.name} aims at {rule.at_once:g} requests at once for each replica, which serves {slots}, so that the "
        f"others wait: give it a target of {slots} or less with --set",
    )


def fewest_for(
    side: Side, draws: Draws, peak_rps: float, pool: FunctionRule | None, searched: int = SEARCHED
) -> tuple[int, bool]:
    """Replicas, behind a pool where there is one, and whether the objective is held with them; without an objective
    that is no question."""
    least = least_replicas(side, peak_rps)
    if (objective := draws.objective) is None:
        return least, False

    def latency_ms(count: int) -> float:
        return median_of(draws.outcomes(side, with_replicas(count, pool), searched), "latency_at_objective_ms")

    found = fewest(least, latency_ms, objective.latency_ms)
    return (least, False) if found is None else (found, True)


def unreachable(side: Side, draws: Draws) -> str:
    """That no number of replicas holds the objective."""
    objective = draws.objective
    assert objective is not None
    return (
        f"p{objective.percentile:g} within {objective.latency_ms:g} ms is out of reach with any number of replicas: "
        f"one request alone takes {1000 * float(side.warm['whole_s'].mean()):.3g} ms on average"
    )


def figures_of(of: Ruled, draws: Draws, most: int | None = None) -> Figures:
    """A side's figures over the resamples, or the first few."""
    own = own_percentiles(of.side, draws.objective)
    without = too_few(own)
    without |= unsteady(of, draws, most)
    without |= {name: why for name in OF_LATENCY if (why := overload(of, draws))}
    if draws.objective is None:
        without |= {"late_share": "the experiment states no objective"}
    return Figures(draws.outcomes(of.side, of.rule, most), of.side, of.rule, draws.rps, without, own)


def unsteady(of: Ruled, draws: Draws, most: int | None = None) -> dict[str, str]:
    """What is not known where no time is there for units to become as many as they would be."""
    why = draws.lead(of.side, of.rule, most).why
    names = OF_UNITS if pool_of(of.rule) else (*OF_UNITS, *OF_LATENCY, "unit_hours")
    return dict.fromkeys(names, why) if why else {}


def own_percentiles(side: Side, objective: Objective | None) -> dict[str, Estimate]:
    """By figure the same percentile of the warm requests that are drawn, as the run's own table has it."""
    at = {"latency_p50_ms": 50.0, "latency_p95_ms": 95.0, "latency_p99_ms": 99.0}
    at |= {"latency_at_objective_ms": objective.percentile} if objective else {}
    return {name: side.warm_percentile(p / 100) for name, p in at.items()}


def too_few(own: dict[str, Estimate]) -> dict[str, str]:
    """Percentiles that the run's own table withholds of these warm requests: too few, or made by a few trials. With
    them the waiting at the same percentile, and of uneven trials the share that is late, which rests on their tail.

    What falls among failures does so in the month too, and is told there.
    """
    absent = {name: each.why for name, each in own.items() if each.value is None and each.why != AMONG_FAILURES}
    short = {name: f"of the warm requests, {why}" for name, why in absent.items()}
    if (why := short.get("latency_p95_ms")) is not None:
        short["queue_p95_ms"] = why
    if (why := short.get("latency_at_objective_ms", "")).endswith(UNEVEN):
        short["late_share"] = why
    return short


def overload(of: Ruled, draws: Draws) -> str:
    """Why there is no latency: replicas that are busy all the time have a queue that only grows."""
    rule = replicas_of(of.rule)
    if rule is None or rule.most is None:
        return ""
    need = least_replicas(of.side, draws.rps)
    if rule.most >= need:
        return ""
    return (
        f"{rule.most} replicas cannot carry {draws.rps:.3g} requests/s, for each request takes "
        f"{1000 * of.side.held_s:.3g} ms: {need} at least"
    )


def row_of(of: Ruled, draws: Draws) -> ForecastRow:
    """The whole row but its curve and what-ifs."""
    figures, side = figures_of(of, draws), of.side
    objective = draws.objective
    return ForecastRow(
        workload=side.row.workload,
        target=side.row.target,
        kind=side.kind,
        profile=draws.month.traffic.name,
        case=side.row.case,
        rule=of.rule.name,
        parameters=parameters_of(of.rule),
        rule_source=of.rule.source,
        unit=side.unit(),
        cold_share=figures["cold_share"],
        cold_starts_per_day=figures["cold_starts_per_day"],
        latency_p50_ms=figures["latency_p50_ms"],
        latency_p95_ms=figures["latency_p95_ms"],
        latency_p99_ms=figures["latency_p99_ms"],
        latency_at_objective_ms=figures["latency_at_objective_ms"] if objective else None,
        throttled_share=figures["throttled_share"],
        failed_share=figures["failed_share"],
        late_share=figures["late_share"] if objective else None,
        queue_p95_ms=figures["queue_p95_ms"] if side.kind != "function" else None,
        units_mean=figures["units_mean"],
        units_peak=figures["units_peak"],
        hours=figures.hours(),
        quantities=figures.quantities(),
        warnings=[*side.warnings, *of.warnings, *warnings_of(of, draws)],
        notes=[*of.notes, *side.notes, *notes_of(of)],
    )


def notes_of(of: Ruled) -> Iterator[str]:
    """What is assumed of a rule that lets replicas go."""
    rule = replicas_of(of.rule)
    if rule is not None and math.isfinite(rule.tick_s):
        yield "a replica that is to go ends with its last answer: what a platform waits beside that is not in its hours"


def warnings_of(of: Ruled, draws: Draws) -> Iterator[str]:
    """What makes a row doubtful: no latency, no units, more at once in a unit than was measured."""
    if why := overload(of, draws):
        yield why
    yield from dict.fromkeys(unsteady(of, draws).values())
    side = of.side
    replicas = side.row.case.get("replicas", 1)
    measured = side.row.max_in_flight
    if side.kind == "service" and measured is not None and measured < side.slots * replicas:
        yield (
            f"a replica serves {side.slots} at once here, and was measured with {measured} requests in flight at most: "
            "measure at a higher rate"
        )


def at_rate(of: Ruled, draws: Draws, searched: int = SEARCHED) -> Ruled:
    """The same side at the rate of other resamples: replicas that were found are found anew, over the first of them."""
    if not of.searched:
        return of
    pool = pool_of(of.rule)
    count, _ = fewest_for(of.side, draws, busiest_hour(draws.month.days, draws.rps), pool, searched)
    return replace(of, rule=with_replicas(count, pool))
