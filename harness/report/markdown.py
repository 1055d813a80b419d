"""The content of a report as Markdown for a pull request: the tables and words of the page, without its charts."""

import re
from collections.abc import Iterator
from dataclasses import replace

from harness.report.blocks import Table
from harness.report.export import block, bullets, escaped
from harness.report.nouns import Answer, Card, Content, Doubts, Number, Numbers, Part, Repeat

FENCE = re.compile(r"`{3,}")


def as_markdown(content: Content) -> str:
    """Top to bottom in the order of the page."""
    paragraphs = [f"# {escaped(content.title)}", *map(escaped, content.lines)]
    for answer in content.answers:
        paragraphs += answered(answer)
    if not content.answers:
        paragraphs.append("No trial is stored, so nothing can be said yet.")
    for numbers in content.numbers:
        paragraphs += numbered(numbers)
    for part in content.parts:
        paragraphs += section(part)
    paragraphs += ["## What could be wrong", *(doubted(doubts) for doubts in content.doubts)]
    paragraphs += repeated(content.repeat)
    return "\n\n".join(paragraph for paragraph in [*paragraphs, escaped(content.legend)] if paragraph) + "\n"


def answered(answer: Answer) -> Iterator[str]:
    """Verdicts, recommendation, costs."""
    yield f"## {escaped(answer.workload)}"
    lines = [f"- **{escaped(h.chip)}** {escaped(h.about)}: {escaped(h.sentence)}" for h in answer.headlines]
    yield "\n".join(lines) or "No comparison: what could be wrong, below, says why."
    for each in answer.recommended:
        about = f" ({escaped(each.pair)})" if each.pair else ""
        yield f"**Recommendation{about}: {escaped(each.recommendation)}**"
        yield "\n".join(f"- {escaped(text)}" for text in each.because)
    yield "\n".join(f"- {escaped(text)}" for text in answer.advice)


def numbered(numbers: Numbers) -> Iterator[str]:
    """The four numbers as one table."""
    lines = ["| number | profile | target | value (95 % interval) | n |", "| --- | --- | --- | ---: | --- |"]
    for card in numbers.cards:
        for profile, told in card.groups:
            lines += [number_line(card, profile, number) for number in told]
    yield f"### {escaped(numbers.workload)}: four numbers"
    yield "\n".join(lines)


def number_line(card: Card, profile: str, number: Number) -> str:
    """One row."""
    interval = f" ({number.cell.small})" if number.cell.small else ""
    n = f"{number.n}: {number.why}" if number.why else number.n
    cells = f"{card.title}, {card.unit}", profile, number.target, f"{number.cell.main}{interval}", n
    return f"| {' | '.join(map(escaped, cells))} |"


def section(part: Part) -> Iterator[str]:
    """Words, keys of the charts with their n, tables."""
    yield f"## {escaped(part.title)}"
    yield from map(escaped, [*part.about, *part.absent])
    keys = [
        f"- {escaped(chart.title)}: {'; '.join(escaped(key.label) for key in chart.keys if key.place is not None)}"
        for chart in part.charts
        if any(key.place is not None for key in chart.keys)
    ]
    if keys:
        yield "\n".join(["The page has a chart of each of these:", "", *keys])
    for table in part.tables:
        yield tabled(table)
    for table in part.folded:
        yield f"<details><summary>{escaped(table.title)}</summary>"
        yield tabled(table)
        yield "</details>"
    yield "\n".join(f"- {escaped(text)}" for text in part.remarks)


def tabled(table: Table) -> str:
    """A table whose heads may hold names from the run folder."""
    return block(replace(table, columns=[replace(column, head=escaped(column.name)) for column in table.columns]))


def doubted(doubts: Doubts) -> str:
    """A titled list, never left out."""
    if not doubts.texts:
        return f"**{escaped(doubts.title)}**: {escaped(doubts.none)}"
    if doubts.numbered:
        lines = [f"{number}. {escaped(text)}" for number, text in enumerate(doubts.texts, 1)]
        return "\n".join([f"**{escaped(doubts.title)}**", "", *lines])
    return bullets(doubts.title, doubts.texts)[0]


def repeated(repeat: Repeat) -> Iterator[str]:
    """Commands, digests, the experiment."""
    yield "## How to repeat it"
    yield fenced("\n".join(repeat.commands), "sh")
    yield "\n".join(f"- {escaped(text)}" for text in repeat.remarks)
    for table in repeat.tables:
        yield tabled(table)
    yield "<details><summary>The experiment as it was stored</summary>"
    yield fenced(repeat.yaml, "yaml")
    yield "</details>"


def fenced(text: str, language: str) -> str:
    """A code block whose fence is longer than any in the text."""
    longest = max((len(found) for found in FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
