"""How latencies are distributed, cold and warm apart."""

from collections.abc import Iterator
from functools import partial

import numpy as np

from harness.analysis.stats import Floats, floor
from harness.record.figures import plural
from harness.record.nouns import FORCED_COLD
from harness.report.charts.ecdf import Curve, ecdf
from harness.report.material import Material, limit_charts, title
from harness.report.nouns import Chart, KeyEntry, Part

LEAST = floor(0.5)
"""A target's line is drawn when it has so many; fewer make no distribution, nor have they a median that may be told."""
ABOUT = (
    "All requests of a profile's valid trials together; a curve further left is faster. A request without a good "
    "answer counts as infinitely late, so its curve ends below 100 %; one that failed before it could tell what it "
    "met counts as warm under traffic and as cold among forced cold starts. Lines of 40 requests or fewer show each; "
    f"a target with fewer than {LEAST} has none."
)


def latencies(material: Material) -> Part:
    """A chart per profile for warm requests, and one for cold ones."""
    charts, remarks = limit_charts(list(charts_of(material)))
    absent = [] if charts else [f"no line: no target has {LEAST} requests of one kind in valid trials"]
    return Part("latencies", "How late answers were", [ABOUT] if charts else [], charts, absent=absent, remarks=remarks)


def charts_of(material: Material) -> Iterator[Chart]:
    """The charts of each workload and profile."""
    for block in material.blocks():
        row = material.summary.rows[block[0]]
        pools = list(zip(material.labels(block), (material.pools[place] for place in block), strict=True))
        warm = [(label, join(pool.warm_ms)) for label, pool in pools if pool]
        cold = [(label, join(pool.cold_ms)) for label, pool in pools if pool]
        if row.profile == FORCED_COLD:
            yield from chart(material, title(material, row, "cold"), cold)
        else:
            yield from chart(material, title(material, row, "warm"), warm)
            yield from chart(material, title(material, row, "cold, under traffic"), cold)


def join(parts: list[Floats]) -> Floats:
    """The values of all trials as one array."""
    return np.concatenate(parts) if parts else np.empty(0)


def chart(material: Material, name: str, series: list[tuple[str, Floats]]) -> Iterator[Chart]:
    """A chart of the series that have LEAST requests; none where no series has."""
    series = [(label, ms) for label, ms in series if len(ms) >= LEAST]
    if not series:
        return
    keys = [KeyEntry(f"{label}, {counts(ms)}", material.places[label]) for label, ms in series]
    description = f"distribution of latencies, {name}: {'; '.join(key.label for key in keys)}"
    curves = [Curve(material.style(label), ms) for label, ms in series]
    yield Chart(name, keys, partial(ecdf, label=description, curves=curves))


def counts(ms: Floats) -> str:
    """How many requests there are, and how many of them are infinitely late."""
    bad = int(np.sum(np.isinf(ms)))
    return f"n = {len(ms):,}" + (f", {plural(bad, 'request')} without a good answer" if bad else "")
