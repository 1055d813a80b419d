"""The content of a report as Markdown for a pull request: the tables and words of the page, without its charts."""

import re
from collections.abc import Iterator
from dataclasses import replace

from harness.report.blocks import Table
from harness.report.export import bullets, escape, table_text
from harness.report.nouns import Answer, Content, Doubts, FourNumbers, Number, NumberCard, Part, Repeat

FENCE = re.compile(r"`{3,}")


def as_markdown(content: Content) -> str:
    """The report as Markdown, top to bottom in the order of the page."""
    paragraphs = [f"# {escape(content.title)}", *map(escape, content.lines)]
    paragraphs += [f"**{escape(line)}**" for line in content.sizes]
    for answer in content.answers:
        paragraphs += answer_texts(answer)
    if not content.answers:
        paragraphs.append("No trial is stored, so nothing can be said yet.")
    for numbers in content.numbers:
        paragraphs += number_texts(numbers)
    for part in content.parts:
        paragraphs += part_texts(part)
    paragraphs += ["## What could be wrong", *(doubts_text(doubts) for doubts in content.doubts)]
    paragraphs += repeat_texts(content.repeat)
    return "\n\n".join(paragraph for paragraph in [*paragraphs, escape(content.legend)] if paragraph) + "\n"


def answer_texts(answer: Answer) -> Iterator[str]:
    """Paragraphs of an answer: recommendations, costs, verdicts."""
    yield f"## {escape(answer.workload)}"
    for each in answer.recommendations:
        about = f" ({escape(each.pair)})" if each.pair else ""
        yield f"**Recommendation{about}: {escape(each.recommendation)}**"
        yield "\n".join(f"- {escape(text)}" for text in each.because)
    if answer.advice:
        yield "Money:"
    yield "\n".join(f"- {escape(text)}" for text in answer.advice)
    if answer.headlines:
        yield "Function beside service:"
    lines = [f"- **{escape(h.chip)}** {escape(h.about)}: {escape(h.sentence)}" for h in answer.headlines]
    yield "\n".join(lines) or "No comparison: what could be wrong, below, says why."


def number_texts(numbers: FourNumbers) -> Iterator[str]:
    """Heading and table of a workload's four numbers."""
    lines = ["| number | profile | target | value (95 % interval) | n |", "| --- | --- | --- | ---: | --- |"]
    for card in numbers.cards:
        for profile, numbers_of_profile in card.groups:
            lines += [number_line(card, profile, number) for number in numbers_of_profile]
    yield f"### {escape(numbers.workload)}: four numbers"
    yield "\n".join(lines)


def number_line(card: NumberCard, profile: str, number: Number) -> str:
    """One number as a row of that table."""
    interval = f" ({number.cell.small})" if number.cell.small else ""
    n = f"{number.n}: {number.why}" if number.why else number.n
    cells = f"{card.title}, {card.unit}", profile, number.target, f"{number.cell.main}{interval}", n
    return f"| {' | '.join(map(escape, cells))} |"


def part_texts(part: Part) -> Iterator[str]:
    """Paragraphs of a part: words, keys of the charts with their n, tables."""
    yield f"## {escape(part.title)}"
    yield from map(escape, [*part.about, *part.absent])
    keys = [
        f"- {escape(chart.title)}: {'; '.join(escape(key.label) for key in chart.keys if key.place is not None)}"
        for chart in part.charts
        if any(key.place is not None for key in chart.keys)
    ]
    if keys:
        yield "\n".join(["The page has a chart of each of these:", "", *keys])
    for table in part.tables:
        yield table_with_names(table)
    for table in part.folded:
        yield f"<details><summary>{escape(table.title)}</summary>"
        yield table_with_names(table)
        yield "</details>"
    yield "\n".join(f"- {escape(text)}" for text in part.remarks)


def table_with_names(table: Table) -> str:
    """A table whose heads may hold names from the run folder."""
    return table_text(replace(table, columns=[replace(column, head=escape(column.name)) for column in table.columns]))


def doubts_text(doubts: Doubts) -> str:
    """A kind of doubt as a titled list; it is never left out."""
    if not doubts.texts:
        return f"**{escape(doubts.title)}**: {escape(doubts.none)}"
    if doubts.numbered:
        lines = [f"{number}. {escape(text)}" for number, text in enumerate(doubts.texts, 1)]
        return "\n".join([f"**{escape(doubts.title)}**", "", *lines])
    return bullets(doubts.title, doubts.texts)[0]


def repeat_texts(repeat: Repeat) -> Iterator[str]:
    """Paragraphs on how to repeat the run: commands, digests, the experiment."""
    yield "## How to repeat it"
    yield fence("\n".join(repeat.commands), "sh")
    yield "\n".join(f"- {escape(text)}" for text in repeat.remarks)
    for table in repeat.tables:
        yield table_with_names(table)
    yield "<details><summary>The experiment as it was stored</summary>"
    yield fence(repeat.yaml, "yaml")
    yield "</details>"


def fence(text: str, language: str) -> str:
    """A code block whose fence is longer than any in the text."""
    longest = max((len(fence) for fence in FENCE.findall(text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
