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
from harness.record.figures import cell, figure, milliseconds, plural
from harness.record.nouns import FORCED_COLD
from harness.report.cases import words
from harness.report.console import page_wide, say
from harness.report.export import bullets, escape, no_formula, number_columns
from harness.report.formats import TableFormat

ON_THE_EDGE = "on the edge"
OF_TRIALS = (
    "In ms: the geometric mean of the trials' own percentiles, which is neither the percentile over all requests that "
    "`frostline show` has nor a forecast's at the expected rate."
)
STYLES = {Verdict.SLOWER: "bold red", Verdict.FASTER: "bold green", Verdict.SAME: "bold", Verdict.UNCLEAR: "yellow"}


@dataclass(frozen=True)
class RatioTable:
    """The figures of one workload, target and profile; `remarks` stand below them."""

    title: str
    about: str
    rows: list[ComparisonRow]
    remarks: list[str]


def render(comparison: Comparison, format: TableFormat, console: Console) -> None:
    """Write a comparison to `console`."""
    if format == "text":
        render_text(comparison, console if console.is_terminal else page_wide(console))
        return
    as_format = {"md": as_markdown, "csv": as_csv, "json": as_json}[format]
    # Not through rich, which would wrap lines and read brackets as markup.
    console.file.write(as_format(comparison) + "\n")


def render_text(comparison: Comparison, console: Console) -> None:
    """Write heading, warnings and a table per workload and profile to `console`."""
    title, *lines = heading(comparison)
    say(console, title, "bold")
    for line in lines:
        say(console, line, "dim")
    for warning in comparison.warnings:
        say(console, f"warning: {harmless(warning)}", "yellow")
    for block in ratio_tables(comparison):
        console.print()
        console.print(Text.assemble((block.title, "bold"), "   ", (block.about, "dim")))
        console.print(rich_table(block, comparison))
        for remark in block.remarks:
            say(console, remark, "dim")
    if not comparison.rows:
        say(console, "nothing to compare: see the warnings", "bold")


def rich_table(block: RatioTable, comparison: Comparison) -> Table:
    """A table with both sides' values, and the ratio and verdict as a sentence."""
    a, b = short_names(comparison)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("figure", no_wrap=True)
    for name in (a, b):
        table.add_column(Text(f"{name}\nms"), justify="right", max_width=18)
    table.add_column(Text("\nin words"), ratio=1)
    for row in block.rows:
        words_of_row = Text(sentence(row, a, b))
        if row.verdict is not None:
            words_of_row.highlight_words([f": {row.verdict}"], STYLES[row.verdict])
        table.add_row(figure_name(row), *(Text(milliseconds(side).main) for side in (row.a_ms, row.b_ms)), words_of_row)
    return table


def heading(comparison: Comparison) -> list[str]:
    """What is compared with what, how to read a ratio, and how many trials stay out; already harmless."""
    a, b = harmless(comparison.a), harmless(comparison.b)
    short_a, short_b = short_names(comparison)
    what = "" if comparison.mode == "runs" else f" · run {harmless(comparison.runs[0])}"
    lines = [f"{b} beside {a} · {harmless(comparison.experiment or 'unnamed experiment')}{what}"]
    if comparison.mode == "runs":
        lines = [f"B beside A · {harmless(comparison.experiment or 'unnamed experiment')}", f"A: {a}", f"B: {b}"]
    margin = f"{figure(1 / (1 + comparison.margin))} to {figure(1 + comparison.margin)}"
    lines.append(OF_TRIALS)
    lines.append(
        f"Ratios are {short_b} / {short_a}, and {short_b} is what is judged: above 1 it is slower. The margin was set "
        f"before the run: an interval wholly within {margin} is SAME."
    )
    out = [f"{n} of {name}" for n, name in ((comparison.invalid_a, short_a), (comparison.invalid_b, short_b)) if n]
    return [*lines, f"INVALID trials left out: {', '.join(out)}"] if out else lines


def short_names(comparison: Comparison) -> tuple[str, str]:
    """What A and B are called in sentences: the ids of runs are too long for that."""
    return ("A", "B") if comparison.mode == "runs" else (harmless(comparison.a), harmless(comparison.b))


def figure_name(row: ComparisonRow) -> str:
    """What a figure is called, as `frostline show` calls it, e.g. p95 or warm p50."""
    return row.field.removesuffix("_ms").removeprefix("latency_").replace("_", " ")


def sentence(row: ComparisonRow, a: str, b: str) -> str:
    """E.g. docker-lambda p95 is 1.80x docker-service (1.60-2.10), 20 rounds: SLOWER."""
    if row.ratio.value is None:
        return f"no ratio: {row.ratio.why}"
    ratio = cell(row.ratio)
    interval = f" ({ratio.small})" if ratio.small else ""
    rounds = plural(row.ratio.n, "round")
    if row.trials_a != row.trials_b:
        rounds = f"{row.trials_b} and {row.trials_a} trials"
    text = f"{b} {figure_name(row)} is {ratio.main}x {a}{interval}, {rounds}: {row.verdict or f'no verdict: {row.why}'}"
    if row.rounds_needed is not None:
        text += f", about {plural(row.rounds_needed, 'more round')} needed"
    return f"{text}, {ON_THE_EDGE}" if row.on_the_line else text


def ratio_tables(comparison: Comparison) -> Iterator[RatioTable]:
    """A table per workload, target and profile."""
    groups: dict[tuple[str | None, str | None, str], list[ComparisonRow]] = {}
    for row in comparison.rows:
        groups.setdefault((row.workload, row.target, row.profile), []).append(row)
    for (workload, target, profile), rows in groups.items():
        traffic = profile.replace(FORCED_COLD, "forced cold starts", 1) if profile.startswith(FORCED_COLD) else profile
        title = harmless(" · ".join(part for part in (workload, target, traffic) if part is not None))
        case_a, case_b = rows[0].case_a, rows[0].case_b
        same = [key for key in case_a if key in case_b and case_a.get(key) == case_b.get(key)]
        sizes = [", ".join(words(case, case.keys() - set(same))) for case in (case_a, case_b)]
        sizing = [f"{name}: {size}" for name, size in zip(short_names(comparison), sizes, strict=True) if size]
        yield RatioTable(title, ", ".join(words(case_a, same)), rows, [*sizing, *remarks(rows)])


def remarks(rows: Sequence[ComparisonRow]) -> list[str]:
    """Each warning once, with the figures that it is about unless it is about all."""
    about: dict[str, list[str]] = {}
    for row in rows:
        for warning in row.warnings:
            about.setdefault(harmless(warning), []).append(figure_name(row))
    texts = [text if len(figures) == len(rows) else f"{', '.join(figures)}: {text}" for text, figures in about.items()]
    edge = f"{ON_THE_EDGE}: the ratio lies so near an end of the margin that more rounds may not settle it"
    return [*texts, edge] if any(row.on_the_line for row in rows) else texts


def as_json(comparison: Comparison) -> str:
    """frostline/compare/1; ASCII only, so that no character of a name can reach a terminal."""
    return json.dumps(comparison.to_json(), indent=2, allow_nan=False)


def as_csv(comparison: Comparison) -> str:
    """The rows as CSV; a ratio takes four columns."""
    lines = []
    for row in comparison.rows:
        line = {"a": comparison.a, "b": comparison.b} | row.to_json() | number_columns("ratio", row.ratio)
        line |= {name: json.dumps(line[name], sort_keys=True) for name in ("case_a", "case_b")}
        line["warnings"] = "; ".join(row.warnings)
        lines.append({name: no_formula(x) if isinstance(x, str) else plain(x) for name, x in line.items()})
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(lines[0]) if lines else ["a", "b"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return stream.getvalue().rstrip("\n")


def as_markdown(comparison: Comparison) -> str:
    """The tables and sentences of the terminal, for a pull request."""
    title, *lines = heading(comparison)
    parts = [f"## {escape(title)}", *map(escape, lines), *bullets("Warnings", comparison.warnings)]
    a, b = short_names(comparison)
    for block in ratio_tables(comparison):
        table = [f"| figure | {escape(a)} ms | {escape(b)} ms | in words |", "| --- | ---: | ---: | --- |"]
        for row in block.rows:
            cells = figure_name(row), milliseconds(row.a_ms).main, milliseconds(row.b_ms).main, sentence(row, a, b)
            table.append(f"| {' | '.join(map(escape, cells))} |")
        parts += [f"### {escape(block.title)}", escape(block.about), "\n".join(table), *map(escape, block.remarks)]
    return "\n\n".join(part for part in parts if part)
