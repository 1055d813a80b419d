"""One workload over sizes of the function, where a run has several: cold, warm, cost, and the cheapest that will do."""

from harness.decision.ladder import Ladder, ladder_lines, ladders, memory_of, told_mb
from harness.files.text import harmless
from harness.record.figures import Cell, cell, figure
from harness.report.blocks import Column, Table, drop_empty
from harness.report.material import Material
from harness.report.nouns import Part

ABOUT = (
    "CPU follows a function's memory, so a larger size answers sooner and costs more for each second: which is the "
    "cheapest is measured. Below 1,769 MB a sandbox has less than one vCPU and is held back once its share is used up."
)


def ladder(material: Material) -> list[Part]:
    """The part, or nothing where no workload was measured at several sizes."""
    manifest, rows = material.run.manifest, material.summary.rows
    found = ladders(manifest, rows)
    if not found:
        return []
    lines = [harmless(line) for line in ladder_lines(manifest, rows)]
    return [Part("ladder", "Size of the function", [ABOUT, *lines], tables=[table(each) for each in found])]


def table(found: Ladder) -> Table:
    """A line for each size."""
    cold = [found.cold.get(memory_of(row)) for row in found.rows]
    columns = [
        Column("target", 0, [Cell(told_mb(row)) for row in found.rows]),
        Column("vCPU", 0, [Cell(f"{row.case.get('cpus', 0):.3g}") for row in found.rows]),
        Column("p50 ms", 0, [cell(row.latency_p50_ms) for row in found.rows]),
        Column("p95 ms", 0, [cell(row.latency_p95_ms) for row in found.rows]),
        Column("warm p50 ms", 0, [cell(row.warm_p50_ms) for row in found.rows]),
        Column("cold p50 ms", 0, [cell(row.cold_p50_ms) if row else cell(None) for row in cold]),
        Column("USD per 1,000 ok", 0, [cell(row.cost_per_1k_usd) for row in found.rows]),
        Column("throttled s", 0, [Cell(figure(row.cpu_throttled_seconds)) for row in found.rows]),
    ]
    return Table(harmless(found.label), "cold: forced starts with the page cache kept", drop_empty(columns))
