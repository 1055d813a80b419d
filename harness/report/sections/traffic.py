"""Over the time of the schedule: what requests met, how many were in flight, how many units were alive."""

from collections.abc import Iterator
from functools import partial

from harness.analysis.summary import Row
from harness.files.text import harmless
from harness.record.figures import MISSING, Cell, count, percent, plural
from harness.record.nouns import FORCED_COLD
from harness.report.blocks import Column, Table
from harness.report.cases import labels
from harness.report.cases import traffic as words_of
from harness.report.charts.crowd import Course, crowd
from harness.report.charts.mix import Strip, mix
from harness.report.material import Material, limit_charts, profile_name, title
from harness.report.nouns import Chart, KeyEntry, Part
from harness.report.timeline import Pool

MOST_SERIES = 6
KEYS = {
    "warm": "warm",
    "cold": "met a cold start",
    "bad": "no good answer",
    "unknown": "good answer, start not known",
}
ABOUT_MIX = (
    "All valid trials of a profile together, in 24 parts of the schedule. The line on top is the traffic; below it, "
    "what the requests of each part met."
)
ABOUT_UNITS = (
    "The mean over trials of the highest number within each of 24 parts of the schedule. A unit counts from its first "
    "sample or handled request to its last, so the number alive is a lower bound."
)
Series = list[tuple[str, Pool]]


def blocks_of(material: Material) -> Iterator[tuple[list[Row], Series]]:
    """Rows under traffic, with those that have trials."""
    for block in material.blocks():
        rows = [material.summary.rows[place] for place in block]
        if rows[0].profile == FORCED_COLD:
            continue
        pools = zip(material.labels(block), (material.pools[place] for place in block), strict=True)
        yield rows, [(label, pool) for label, pool in pools if pool and pool.seconds][:MOST_SERIES]


def cold_mix(material: Material) -> Part:
    """The part about what requests met, cold or warm, under the traffic."""
    blocks = [(rows, series) for rows, series in blocks_of(material) if series]
    charts, remarks = limit_charts([mix_chart(material, rows, series) for rows, series in blocks])
    absent = [] if charts else ["no valid trial under traffic"]
    tables = [mix_table(rows) for rows, _ in blocks]
    about = [ABOUT_MIX] if charts else []
    return Part("mix", "Cold and warm under the traffic", about, charts, tables, [], absent, remarks)


def mix_chart(material: Material, rows: list[Row], series: Series) -> Chart:
    """The chart of one workload and profile."""
    strips = [
        Strip(
            f"{label}, n = {round(sum(float(v.sum()) for v in pool.kinds.values())):,}",
            material.style(label),
            pool.edges_s,
            pool.arrivals_per_s,
            dict(pool.kinds),
        )
        for label, pool in series
    ]
    seen = [kind for kind in KEYS if any(strip.kinds[kind].any() for strip in strips)]
    keys = [KeyEntry(KEYS[kind], pattern=kind) for kind in seen]
    name = title(material, rows[0])
    description = f"traffic and what requests met over time, {name}: {'; '.join(strip.label for strip in strips)}"
    return Chart(name, keys, partial(mix, label=description, strips=strips))


def mix_table(rows: list[Row]) -> Table:
    """A table of counts over the valid trials."""
    columns = [
        Column("target", 0, [Cell(label) for label in labels(rows)]),
        Column("trials", 0, [count(row.trials - row.invalid_trials) for row in rows]),
        Column("requests", 0, [count(row.scheduled) for row in rows]),
        Column("met a cold start", 0, [count(row.cold_starts) for row in rows]),
        Column("cold %", 0, [percent(row.cold_share) for row in rows]),
        Column("no good answer", 0, [bad(row) for row in rows]),
    ]
    return Table(harmless(f"{rows[0].workload} · {profile_name(rows[0].profile)}"), words_of(rows), columns)


def bad(row: Row) -> Cell:
    """Requests without a good answer."""
    return Cell(MISSING) if row.scheduled is None or row.ok is None else Cell(f"{row.scheduled - row.ok:,}")


def units(material: Material) -> Part:
    """The part about requests in flight, sandboxes and replicas."""
    blocks = [(rows, series) for rows, series in blocks_of(material) if series]
    charts, remarks = limit_charts([crowd_chart(material, rows, series) for rows, series in blocks])
    absent = [] if charts else ["no valid trial under traffic"]
    tables = [units_table(rows) for rows, _ in blocks]
    about = [ABOUT_UNITS] if charts else []
    return Part("units", "Requests in flight, sandboxes and replicas", about, charts, tables, [], absent, remarks)


def crowd_chart(material: Material, rows: list[Row], series: Series) -> Chart:
    """The chart of one workload and profile."""
    courses = [
        Course(
            material.style(label),
            pool.edges_s,
            pool.in_flight / pool.trials,
            pool.units / pool.trials_with_units if pool.trials_with_units else None,
        )
        for label, pool in series
    ]
    keys = [KeyEntry(f"{label}, n = {plural(pool.trials, 'trial')}", material.places[label]) for label, pool in series]
    name = title(material, rows[0])
    description = f"requests in flight and units alive over time, {name}"
    return Chart(name, keys, partial(crowd, label=description, courses=courses))


def units_table(rows: list[Row]) -> Table:
    """A table of the most at once in any valid trial."""
    columns = [
        Column("target", 0, [Cell(label) for label in labels(rows)]),
        Column("n trials", 0, [count(row.trials - row.invalid_trials) for row in rows]),
        Column("most in flight", 0, [count(row.max_in_flight) for row in rows]),
        Column("most units alive", 0, [count(row.max_sandboxes) for row in rows]),
        Column("units started for requests", 0, [count(row.starts) for row in rows]),
    ]
    return Table(harmless(f"{rows[0].workload} · {profile_name(rows[0].profile)}"), words_of(rows), columns)
