"""The same month under one other setting: keep-alive, provisioned units, replicas, a rule that goes to zero, size."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from harness.forecast.month import Draws
from harness.forecast.rows import Ruled, at_rate, figures_of
from harness.forecast.rules import FunctionRule, HybridRule, PlatformRule, parameters_of, replicas_of
from harness.forecast.sides import Side
from harness.forecast.spells import few
from harness.record.forecast import AS_IT_IS, WhatIf
from targets import rules
from targets.rules.fixed_replicas import FixedReplicas

KEEP_ALIVES_S = (60.0, 300.0, 900.0)
PROVISIONED = (1, 2, 5)
TO_ZERO = "knative"
"""The rule that shows what going to zero does: requests are held until a replica is there."""
RESAMPLES, AT_LEAST = 8, 1_000_000.0
"""Of each, and the requests that the shortest of them may come to; of the highest rates there are fewer."""
LEADS = 3_000_000.0
"""Requests before those that count, of one of them."""
TICKS, LEAST_REQUESTS = 5000, 1000.0
"""Of a rule that decides anew all the time, in each resample: it is asked as it stands, which takes a while."""


def what_ifs(of: Ruled, sizes: Sequence[Side], draws: Draws) -> list[WhatIf]:
    """As it is and under each other setting, over the same first resamples; `sizes` are the target's other ones."""
    fewer = draws.resized(few(min(RESAMPLES, draws.count), draws.rps, AT_LEAST), draws.budget, LEADS)
    found = [what_if(name, other, fewer) for name, other in [(AS_IT_IS, of), *others(of, sizes, fewer)]]
    draws.requests += fewer.requests
    return found


def others(of: Ruled, sizes: Sequence[Side], draws: Draws) -> Iterator[tuple[str, Ruled]]:
    """Names of settings, with the side under each."""
    rule = of.rule
    yield from ((name, replace(of, rule=other, searched=False)) for name, other in other_rules(rule))
    if isinstance(rule, FixedReplicas) and not of.side.no_cold and TO_ZERO in rules.rule_names():
        yield f"rule={TO_ZERO}", replace(of, rule=rules.parse(TO_ZERO, {}), searched=False)
    for side in sizes:
        other = at_rate(replace(of, side=side), draws)
        yield f"memory_mb={side.row.case.get('memory_mb', 0):g}", other


def other_rules(rule: PlatformRule) -> Iterator[tuple[str, PlatformRule]]:
    """The same rule with one parameter that is another."""
    if isinstance(rule, HybridRule):
        yield from ((name, replace(rule, edge=edge)) for name, edge in other_pools(rule.edge))
        yield from ((name, replace(rule, core=core)) for name, core in other_counts(rule.core))
    elif isinstance(rule, FunctionRule):
        yield from other_pools(rule)
    elif isinstance(rule, FixedReplicas):
        yield from other_counts(rule)


def other_pools(rule: FunctionRule) -> Iterator[tuple[str, FunctionRule]]:
    """Other keep-alives, then other numbers of provisioned units."""
    for keep_alive_s in KEEP_ALIVES_S:
        if keep_alive_s != rule.keep_alive_s:
            yield f"keep_alive_s={keep_alive_s:g}", replace(rule, keep_alive_s=keep_alive_s)
    for count in PROVISIONED:
        if count != rule.provisioned and count <= rule.concurrency_limit:
            yield f"provisioned={count}", replace(rule, provisioned=count)


def other_counts(rule: FixedReplicas) -> Iterator[tuple[str, FixedReplicas]]:
    """One replica fewer and one more."""
    for count in (rule.replicas - 1, rule.replicas + 1):
        if count:
            yield f"replicas={count}", FixedReplicas(count)


def what_if(name: str, of: Ruled, draws: Draws) -> WhatIf:
    """One of them; a rule that decides anew all the time has fewer requests."""
    own = draws
    rule = replicas_of(of.rule)
    if rule is not None and math.isfinite(rule.tick_s):
        own = draws.resized(draws.count, ticking(draws.rps * rule.tick_s * TICKS, draws.budget), LEADS)
    figures = figures_of(of, own)
    if own is not draws:
        draws.requests += own.requests
    return WhatIf(
        name=name,
        case=of.side.row.case,
        rule=of.rule.name,
        parameters=parameters_of(of.rule),
        cold_share=figures["cold_share"],
        latency_p95_ms=figures["latency_p95_ms"],
        latency_at_objective_ms=figures["latency_at_objective_ms"] if draws.objective else None,
        late_share=figures["late_share"] if draws.objective else None,
        quantities=figures.quantities(),
    )


def ticking(wanted: float, budget: float) -> float:
    """Requests of a resample for a number of ticks: no more than without, and not too few to tell anything."""
    return min(budget, max(LEAST_REQUESTS, wanted))
