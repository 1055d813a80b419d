"""From a stored run to the content of its report, which HTML and Markdown both show."""

from harness.files.text import harmless
from harness.record.folder import RunFolder
from harness.report.answer import size_answers
from harness.report.blocks import RunTables, phase_tables, run_tables
from harness.report.frame import LEGEND, heading
from harness.report.material import Material, gather
from harness.report.nouns import Content, Part
from harness.report.sections.answer import answers
from harness.report.sections.doubts import doubts
from harness.report.sections.ladder import ladder
from harness.report.sections.latencies import latencies
from harness.report.sections.memory import memory_part
from harness.report.sections.money import money
from harness.report.sections.month import month
from harness.report.sections.numbers import numbers
from harness.report.sections.order import order
from harness.report.sections.ratios import ratios
from harness.report.sections.repeat import repeat
from harness.report.sections.score import score
from harness.report.sections.sizes import sizes
from harness.report.sections.starts import starts
from harness.report.sections.traffic import cold_mix, units

ALL_FIGURES = "Numbers in the last column are notes, listed under what could be wrong."


def content_of(run: RunFolder) -> Content:
    """Read a run and say everything that a report holds. RecordError when it cannot be read as one."""
    material = gather(run)
    tables = run_tables(material.summary)
    return Content(
        title=harmless(material.summary.experiment or "unnamed experiment"),
        lines=list(lines(material)),
        valid=material.summary.valid,
        sizes=[harmless(line) for line in size_answers(material.run.manifest, material.summary.rows)],
        answers=answers(material),
        numbers=numbers(material),
        parts=[
            ratios(material),
            latencies(material),
            starts(material),
            *sizes(material),
            *ladder(material),
            cold_mix(material),
            units(material),
            memory_part(material),
            month(material),
            money(material),
            score(material),
            order(material),
            figures(tables, len(phase_tables(material.summary.rows))),
        ],
        doubts=doubts(material, tables.notes),
        repeat=repeat(run),
        legend=LEGEND,
    )


def lines(material: Material) -> list[str]:
    """What was asked, what was run, when, and whether it holds."""
    question = material.run.manifest.experiment.get("question")
    asked = [harmless(question)] if isinstance(question, str) and question else []
    return [*asked, heading(material.summary), f"Run {harmless(material.summary.run)}"]


def figures(run: RunTables, parts: int) -> Part:
    """The tables of all rows; the last `parts` tables of the page are about cold starts and stand elsewhere."""
    tables = run.tables[: len(run.tables) - parts]
    absent = [] if tables else ["no trial is stored"]
    return Part(
        "figures", "All figures", [ALL_FIGURES] if run.notes.numbered else [], [], tables, [], absent, run.sizing
    )
