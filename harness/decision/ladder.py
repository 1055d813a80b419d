"""Which size of a function is the cheapest that keeps to the objective, where a run has measured several."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.analysis.summary import Row
from harness.decision.model_sizes import stated_objective
from harness.record.estimate import Estimate
from harness.record.figures import figure
from harness.record.nouns import FORCED_COLD, SCALE_OUT, Manifest
from harness.record.stated import Objective

FUNCTION = "function"


@dataclass(frozen=True)
class Ladder:
    """Rows of one workload under one traffic that differ in the function's size, the smallest first."""

    workload: str
    target: str
    profile: str
    rows: list[Row]
    cold: Mapping[float, Row]
    """Forced cold starts in the usual regime, by memory in MB."""

    @property
    def label(self) -> str:
        """What it is called."""
        return f"{self.workload}, {self.target} under {self.profile}"


def ladders(manifest: Manifest, rows: Sequence[Row]) -> list[Ladder]:
    """Every one with at least two sizes."""
    models = _models(manifest)
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.kind == FUNCTION and row.profile != SCALE_OUT and memory_mb(row) is not None:
            groups.setdefault((models.get(row.workload, row.workload), row.target, row.profile), []).append(row)
    return [
        Ladder(_name(model), target, profile, sorted(group, key=memory_of), _cold(groups, model, target))
        for (model, target, profile), group in sorted(groups.items())
        if profile != FORCED_COLD and len({memory_mb(row) for row in group}) == len(group) > 1
    ]


def ladder_lines(manifest: Manifest, rows: Sequence[Row]) -> list[str]:
    """A sentence for each; nothing where sizes do not vary."""
    objective = stated_objective(manifest)
    found = ladders(manifest, rows)
    if found and objective is None:
        return ["no size is the cheapest within no objective: state one, e.g. objective: {latency_ms: 300}"]
    return [ladder_line(ladder, objective) for ladder in found if objective is not None]


def ladder_line(ladder: Ladder, objective: Objective) -> str:
    """The cheapest of the sizes whose percentile lies within the objective, its whole interval where it has one."""
    goal = f"p{objective.percentile:g} of {figure(objective.latency_ms)} ms"
    within = [row for row in ladder.rows if keeps(row.latency_at(objective.percentile), objective.latency_ms)]
    if not within:
        found = "; ".join(f"{told_mb(row)} {_latency(row, objective)}" for row in ladder.rows)
        return f"{ladder.label}: no measured size is within {goal}: {found}"
    unpriced = [told_mb(row) for row in within if cost_of(row) is None]
    if unpriced:
        names = " and ".join(told_mb(row) for row in within)
        lack = f"{' and '.join(unpriced)} {'has' if len(unpriced) == 1 else 'have'} no cost"
        return f"{ladder.label}: {names} are within {goal}; which is the cheapest is withheld: {lack}"
    priced = [(cost, row) for row in within if (cost := cost_of(row)) is not None]
    cost, cheapest = min(priced, key=lambda each: each[0])
    others = [f"{told_mb(row)} {_latency(row, objective)}, {_cost(row)}" for row in ladder.rows if row is not cheapest]
    alike = [told_mb(row) for row in within if row is not cheapest and overlap(row, cheapest)]
    unsure = f" (or {' or '.join(alike)}, whose cost's interval overlaps with its)" if alike else ""
    return (
        f"{ladder.label}: the cheapest size within {goal} is {told_mb(cheapest)}{unsure}: "
        f"{_latency(cheapest, objective)}, {figure(cost)} USD per 1,000 ({'; '.join(others)})"
    )


def overlap(dearer: Row, cheaper: Row) -> bool:
    """Whether the intervals of what they cost do; not where one of them has none."""
    least, most = dearer.cost_per_1k_usd, cheaper.cost_per_1k_usd
    return bool(least and most and least.low is not None and most.high is not None and least.low <= most.high)


def keeps(latency: Estimate, limit_ms: float) -> bool:
    """Whether the interval, or where there is none the value, lies within the limit."""
    end = latency.value if latency.high is None else latency.high
    return latency.value is not None and end is not None and end <= limit_ms and latency.value <= limit_ms


def cost_of(row: Row) -> float | None:
    """USD per 1,000 good answers at the expected traffic; None where it could not be priced."""
    return row.cost_per_1k_usd.value if row.cost_per_1k_usd else None


def memory_mb(row: Row) -> float | None:
    """Of one sandbox."""
    size: Any = row.case.get("memory_mb")
    return float(size) if isinstance(size, int | float) and not isinstance(size, bool) else None


def memory_of(row: Row) -> float:
    """The same, to sort by."""
    return memory_mb(row) or 0.0


def told_mb(row: Row) -> str:
    """Its size in words."""
    return f"{memory_of(row):,g} MB"


def _cold(groups: Mapping[tuple[str, str, str], list[Row]], model: str, target: str) -> dict[float, Row]:
    usual = [row for row in groups.get((model, target, FORCED_COLD), []) if row.case.get("page_cache") != "dropped"]
    return {memory_of(row): row for row in usual if row.case.get("images") != "absent"}


def _models(manifest: Manifest) -> dict[str, str]:
    """By a workload's label what it is but for its size: its name, its settings, its model and where that is loaded."""
    choices = manifest.experiment.get("workloads")
    found = {}
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict):
            same = {name: value for name, value in choice.items() if name not in ("label", "sizing")}
            key = str(choice.get("label") or choice.get("name"))
            found[key] = json.dumps({**same, "name": str(choice.get("name"))}, sort_keys=True, default=str)
    return found


def _name(model: str) -> str:
    try:
        return str(json.loads(model)["name"])
    except (ValueError, KeyError, TypeError):  # a row whose workload the manifest does not name
        return model


def _latency(row: Row, objective: Objective) -> str:
    latency = row.latency_at(objective.percentile)
    if latency.value is None:
        return f"p{objective.percentile:g} withheld"
    alone = "" if latency.high is not None else " without an interval"
    return f"p{objective.percentile:g} {figure(latency.value)} ms{alone}"


def _cost(row: Row) -> str:
    cost = cost_of(row)
    return "no cost" if cost is None else f"{figure(cost)} USD"
