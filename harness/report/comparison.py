"""`frostline compare`: B beside A on a terminal, or as Markdown, CSV or JSON."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.analysis.compare import Comparison, ComparisonRow
from harness.analysis.ratio import Verdict
from harness.files.text import harmless
from harness.record.estimate import plain
from harness.record.figures import cell, counted, figure, milliseconds
from harness.record.nouns import FORCED_COLD
from harness.report.cases import words
from harness.report.console import page_wide, say
from harness.report.export import bullets, escaped, four, no_formula
from harness.report.formats import TableFormat

ON_THE_EDGE = "on the edge"
STYLES = {Verdict.SLOWER: "bold red", Verdict.FASTER: "bold green", Verdict.SAME: "bold", Verdict.UNCLEAR: "yellow"}


@dataclass(frozen=True)
class Block:
    """The figures of one workload, target and profile; `remarks` stand below them."""

    title: str
    about: str
    rows: list[ComparisonRow]
    remarks: list[str]


def render(compared: Comparison, format: TableFormat, console: Console) -> None:
    """Write `compared` to `console`."""
    if format == "text":
        render_text(compared, console if console.is_terminal else page_wide(console))
        return
    written = {"md": as_markdown, "csv": as_csv, "json": as_json}[format]
    # Not through rich, which would wrap lines and read brackets as markup.
    console.file.write(written(compared) + "\n")


def render_text(compared: Comparison, console: Console) -> None:
    """Heading, warnings, a table per workload and profile."""
    title, *lines = heading(compared)
    say(console, title, "bold")
    for line in lines:
        say(console, line, "dim")
    for warning in compared.warnings:
        say(console, f"warning: {harmless(warning)}", "yellow")
    for block in blocks(compared):
        console.print()
        console.print(Text.assemble((block.title, "bold"), "   ", (block.about, "dim")))
        console.print(drawn(block, compared))
        for remark in block.remarks:
            say(console, remark, "dim")
    if not compared.rows:
        say(console, "nothing to compare: see the warnings", "bold")


def drawn(block: Block, compared: Comparison) -> Table:
    """Both sides' values, and the ratio and verdict as a sentence."""
    a, b = names(compared)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("figure", no_wrap=True)
    for name in (a, b):
        table.add_column(Text(f"{name}\nms"), justify="right", max_width=18)
    table.add_column(Text("\nin words"), ratio=1)
    for row in block.rows:
        said = Text(sentence(row, a, b))
        if row.verdict is not None:
            said.highlight_words([f": {row.verdict}"], STYLES[row.verdict])
        table.add_row(label(row), *(Text(milliseconds(side).main) for side in (row.a_ms, row.b_ms)), said)
    return table


def heading(compared: Comparison) -> list[str]:
    """What is compared with what, how to read a ratio, and how many trials stay out; already harmless."""
    a, b = harmless(compared.a), harmless(compared.b)
    short_a, short_b = names(compared)
    what = "" if compared.mode == "runs" else f" · run {harmless(compared.runs[0])}"
    lines = [f"{b} beside {a} · {harmless(compared.experiment or 'unnamed experiment')}{what}"]
    if compared.mode == "runs":
        lines = [f"B beside A · {harmless(compared.experiment or 'unnamed experiment')}", f"A: {a}", f"B: {b}"]
    margin = f"{figure(1 / (1 + compared.margin))} to {figure(1 + compared.margin)}"
    lines.append(
        f"Ratios are {short_b} / {short_a}, and {short_b} is what is judged: above 1 it is slower. The margin was set "
        f"before the run: an interval wholly within {margin} is SAME."
    )
    out = [f"{n} of {name}" for n, name in ((compared.invalid_a, short_a), (compared.invalid_b, short_b)) if n]
    return [*lines, f"INVALID trials left out: {', '.join(out)}"] if out else lines


def names(compared: Comparison) -> tuple[str, str]:
    """What A and B are called in sentences: the ids of runs are too long for that."""
    return ("A", "B") if compared.mode == "runs" else (harmless(compared.a), harmless(compared.b))


def label(row: ComparisonRow) -> str:
    """The figure, as `frostline show` calls it, e.g. p95 or warm p50."""
    return row.field.removesuffix("_ms").removeprefix("latency_").replace("_", " ")


def sentence(row: ComparisonRow, a: str, b: str) -> str:
    """E.g. docker-lambda p95 is 1.80x docker-service (1.60-2.10), 20 rounds: SLOWER."""
    if row.ratio.value is None:
        return f"no ratio: {row.ratio.why}"
    ratio = cell(row.ratio)
    interval = f" ({ratio.small})" if ratio.small else ""
    rounds = counted(row.ratio.n, "round")
    if row.trials_a != row.trials_b:
        rounds = f"{row.trials_b} and {row.trials_a} trials"
    told = f"{b} {label(row)} is {ratio.main}x {a}{interval}, {rounds}: {row.verdict or f'no verdict: {row.why}'}"
    if row.rounds_needed is not None:
        told += f", about {counted(row.rounds_needed, 'more round')} needed"
    return f"{told}, {ON_THE_EDGE}" if row.on_the_line else told


def blocks(compared: Comparison) -> Iterator[Block]:
    """Rows of one workload, target and profile together."""
    groups: dict[tuple[str | None, str | None, str], list[ComparisonRow]] = {}
    for row in compared.rows:
        groups.setdefault((row.workload, row.target, row.profile), []).append(row)
    for (workload, target, profile), rows in groups.items():
        shown = profile.replace(FORCED_COLD, "forced cold starts", 1) if profile.startswith(FORCED_COLD) else profile
        title = harmless(" · ".join(part for part in (workload, target, shown) if part is not None))
        one, other = rows[0].case_a, rows[0].case_b
        same = [key for key in one if key in other and one.get(key) == other.get(key)]
        sizes = [", ".join(words(case, case.keys() - set(same))) for case in (one, other)]
        sizing = [f"{name}: {size}" for name, size in zip(names(compared), sizes, strict=True) if size]
        yield Block(title, ", ".join(words(one, same)), rows, [*sizing, *remarks(rows)])


def remarks(rows: Sequence[ComparisonRow]) -> list[str]:
    """Each warning once, with the figures that it is about unless it is about all."""
    about: dict[str, list[str]] = {}
    for row in rows:
        for warning in row.warnings:
            about.setdefault(harmless(warning), []).append(label(row))
    said = [text if len(told) == len(rows) else f"{', '.join(told)}: {text}" for text, told in about.items()]
    edge = f"{ON_THE_EDGE}: the ratio lies so near an end of the margin that more rounds may not settle it"
    return [*said, edge] if any(row.on_the_line for row in rows) else said


def as_json(compared: Comparison) -> str:
    """frostline/compare/1; ASCII only, so that no character of a name can reach a terminal."""
    return json.dumps(compared.to_json(), indent=2, allow_nan=False)


def as_csv(compared: Comparison) -> str:
    """One line per row; the ratio takes four columns."""
    lines = []
    for row in compared.rows:
        told = {"a": compared.a, "b": compared.b} | row.to_json() | four("ratio", row.ratio)
        told |= {name: json.dumps(told[name], sort_keys=True) for name in ("case_a", "case_b")}
        told["warnings"] = "; ".join(row.warnings)
        lines.append({name: no_formula(x) if isinstance(x, str) else plain(x) for name, x in told.items()})
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(lines[0]) if lines else ["a", "b"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue().rstrip("\n")


def as_markdown(compared: Comparison) -> str:
    """The tables and sentences of the terminal, for a pull request."""
    title, *lines = heading(compared)
    parts = [f"## {escaped(title)}", *map(escaped, lines), *bullets("Warnings", compared.warnings)]
    a, b = names(compared)
    for block in blocks(compared):
        table = [f"| figure | {escaped(a)} ms | {escaped(b)} ms | in words |", "| --- | ---: | ---: | --- |"]
        for row in block.rows:
            cells = label(row), milliseconds(row.a_ms).main, milliseconds(row.b_ms).main, sentence(row, a, b)
            table.append(f"| {' | '.join(map(escaped, cells))} |")
        parts += [f"### {escaped(block.title)}", escaped(block.about), "\n".join(table), *map(escaped, block.remarks)]
    return "\n\n".join(part for part in parts if part)
