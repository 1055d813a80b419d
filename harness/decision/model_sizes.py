"""From which size of the model on a function's cold starts break the objective: read between measured sizes."""

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from harness.analysis.summary import Row
from harness.errors import FrostlineError
from harness.record.figures import figure
from harness.record.nouns import FORCED_COLD, Manifest
from harness.record.stated import Objective, objective_of

SIZE_SETTING = "size_mb"
"""The setting by which a workload's model is larger, and nothing else about it different."""
MB = 1e6
"""As a model's size is usually told; of memory 1 MB is 1,048,576 bytes."""
Point = tuple[float, float]
"""A model's size in MB and what its cold starts take in ms."""


@dataclass(frozen=True)
class SizeSeries:
    """Forced cold starts that differ in the size of the model alone, the smallest first."""

    target: str
    regime: str
    """What the page cache and the images were; empty where all was as usual."""
    kind: str | None
    rows: list[Row]

    @property
    def label(self) -> str:
        """What it is called in charts and sentences."""
        return ", ".join(filter(None, [self.target, self.regime]))

    @property
    def init_timeout_s(self) -> float | None:
        """When an initialisation is cut off there; None where that is not so."""
        return next((record.init_timeout_s for row in self.rows for record in row.entered), None)


def size_series(manifest: Manifest, rows: Sequence[Row]) -> list[SizeSeries]:
    """Every series of at least two sizes."""
    models = _models(manifest)
    groups: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        if row.profile == FORCED_COLD and row.model_bytes:
            key = row.target, json.dumps(row.case, sort_keys=True), models.get(row.workload, row.workload)
            groups.setdefault(key, []).append(row)
    several = {model for _, _, model in groups}
    return [
        SizeSeries(target, _regime(group[0], model if len(several) > 1 else ""), group[0].kind, _by_size(group))
        for (target, _, model), group in sorted(groups.items())
        if len({row.model_bytes for row in group}) > 1
    ]


def size_lines(manifest: Manifest, rows: Sequence[Row]) -> list[str]:
    """For each function the size from which its cold starts break the objective; nothing where sizes do not vary."""
    objective = stated_objective(manifest)
    found = [series for series in size_series(manifest, rows) if series.kind == "function"]
    if found and objective is None:
        return ["no size is too large for no objective: state one, e.g. objective: {percentile: 95, latency_ms: 1000}"]
    return [size_line(series, objective) for series in found if objective is not None]


def stated_objective(manifest: Manifest) -> Objective | None:
    """None where there is none, and where it is malformed, which the scorecard's reasons tell."""
    try:
        return objective_of(manifest.experiment)
    except FrostlineError:
        return None


def size_line(series: SizeSeries, objective: Objective) -> str:
    """One sentence. A size is read between two measured ones on logarithmic scales, its interval where both ends of
    the medians' intervals cross the objective too."""
    limit = f"the objective of {figure(objective.latency_ms)} ms"
    told = [row for row in series.rows if row.cold_p50_ms.value is not None]
    if len(told) < 2:
        return f"{series.label}: the size that is too large for {limit} is withheld: {_why_silent(series)}"
    sizes = [_mb(row) for row in told]
    bracket = crossing(_points(told, "value"), objective.latency_ms)
    if bracket is None:
        within = (told[0].cold_p50_ms.value or 0.0) <= objective.latency_ms
        place = f"up to {_told_mb(sizes[-1])}, the largest" if within else f"from {_told_mb(sizes[0])} on, the smallest"
        verb = "keep to" if within else "break"
        return f"{series.label}: cold starts {verb} {limit} {place} that was measured, by their median"
    size, below, above = bracket
    ends = [crossing(_points(told, end), objective.latency_ms) for end in ("high", "low")]
    between = f"read between {_told_mb(below)} and {_told_mb(above)}"
    if ends[0] and ends[1]:
        first = f"{_told_mb(size)} (interval {_told_mb(ends[0][0])} to {_told_mb(ends[1][0])}, {between})"
    else:
        first = f"a size between {_told_mb(below)} and {_told_mb(above)}"
    return (
        f"{series.label}: from {first} on, the median cold start is longer than {limit}: a function meets that only "
        f"while fewer than {100 - objective.percentile:g} % of its requests meet a cold start"
    )


def crossing(points: Sequence[Point], limit_ms: float) -> tuple[float, float, float] | None:
    """The size at which a line through the points, straight on logarithmic scales, first rises above the limit, and
    the measured sizes on both sides. None where it does not, or a point is not known."""
    if any(not math.isfinite(ms) or ms <= 0 for _, ms in points):
        return None
    for (small, fast), (large, slow) in pairwise(points):
        if fast <= limit_ms < slow:
            share = math.log(limit_ms / fast) / math.log(slow / fast)
            return small * (large / small) ** share, small, large
    return None


def _models(manifest: Manifest) -> dict[str, str]:
    """By a workload's label what it is but for its size."""
    choices = manifest.experiment.get("workloads")
    found = {}
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict):
            settings = choice.get("settings")
            more = {k: v for k, v in settings.items() if k != SIZE_SETTING} if isinstance(settings, dict) else {}
            words = [f"{name} {value}" for name, value in sorted(more.items())]
            found[str(choice.get("label") or choice.get("name"))] = ", ".join([str(choice.get("name")), *words])
    return found


def _regime(row: Row, model: str) -> str:
    case: dict[str, Any] = dict(row.case)
    usual = {"page_cache": "kept", "images": "present"}
    unusual = [f"{name.replace('_', ' ')} {case[name]}" for name in usual if case.get(name, usual[name]) != usual[name]]
    return ", ".join([*([model] if model else []), *unusual])


def _by_size(rows: list[Row]) -> list[Row]:
    return sorted(rows, key=lambda row: row.model_bytes or 0)


def _points(rows: Sequence[Row], end: str) -> list[Point]:
    """The medians, or one end of their intervals; nan where one is not known."""
    found = [getattr(row.cold_p50_ms, end) for row in rows]
    return [(_mb(row), math.nan if ms is None else float(ms)) for row, ms in zip(rows, found, strict=True)]


def _mb(row: Row) -> float:
    return (row.model_bytes or 0) / MB


def _told_mb(size: float) -> str:
    return f"{float(figure(size)):,g} MB"


def _why_silent(series: SizeSeries) -> str:
    return "; ".join(_reasons(series)) or "fewer than two sizes have a median"


def _reasons(series: SizeSeries) -> Iterator[str]:
    for row in series.rows:
        if row.cold_p50_ms.value is None and row.cold_p50_ms.why:
            yield f"at {_told_mb(_mb(row))}, {row.cold_p50_ms.why}"
