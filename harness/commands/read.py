"""Commands that read stored runs; none of them needs more than the data libraries."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.options import RESULTS, AsHistory, AsPage, AsTable, Results, Run, console

read_app = typer.Typer()


@read_app.command()
def show(
    run: Run = "latest",
    format: AsTable = "text",
    results: Results = RESULTS,
) -> None:
    """Print a run's answer and its table."""
    from harness.cost.costing import summary_with_cost
    from harness.decision.decision import decide
    from harness.record.shelf import find_run
    from harness.report.answer import say_answers, say_sizes
    from harness.report.console import render

    folder = find_run(results, run)
    wants_answers = format in ("text", "json") and folder.manifest.finished_at is not None
    cards = decide(folder).cards if wants_answers else []
    summary = summary_with_cost(folder)
    if format == "text":
        say_sizes(folder.manifest, summary.rows, console())
        say_answers(cards, console())
    render(summary, format, console(), cards)
    if not summary.valid:
        raise typer.Exit(1)


@read_app.command()
def compare(
    a: Annotated[str, typer.Argument(help="the baseline: a target or workload of one run, or a run")],
    b: Annotated[str, typer.Argument(help="what is judged beside it")],
    run: Annotated[str | None, typer.Option(help="the run that holds both; default: latest")] = None,
    format: AsTable = "text",
    results: Results = RESULTS,
) -> None:
    """Is B FASTER, SLOWER or the SAME as A, by the margin set before the run; UNCLEAR says how many rounds to add."""
    from harness.analysis.compare import compare as compare_sides
    from harness.report.comparison import render

    render(compare_sides(results, a, b, run), format, console())


@read_app.command()
def cost(
    run: Run = "latest",
    book: Annotated[Path | None, typer.Option(help="other prices than those that the run keeps")] = None,
    capacity: Annotated[
        Path | None, typer.Option(help="a file of `frostline capacity` instead of the one that the run keeps")
    ] = None,
    format: AsTable = "text",
    results: Results = RESULTS,
) -> None:
    """Cost at the expected traffic, term by term, and the traffic at which both sides cost the same."""
    from harness.report.cost import write_cost

    write_cost(results, run, book, capacity, format, console())


@read_app.command()
def report(
    run: Run = "latest",
    output: Annotated[Path | None, typer.Option(help="file to write; default: report.html in the run folder")] = None,
    format: AsPage = "html",
    results: Results = RESULTS,
) -> None:
    """Write the whole run as one page that needs no network: charts, tables, doubts and how to repeat it."""
    from harness.report.page import write_report

    path = write_report(results, run, output, format)
    print(f"written: {path}")


@read_app.command()
def history(
    experiment: Annotated[str, typer.Argument(help="name of the experiment whose stored runs are read")],
    field: Annotated[list[str] | None, typer.Option(help="a number of the summary; may be given again")] = None,
    svg: Annotated[Path | None, typer.Option(help="also draw it into this file")] = None,
    format: AsHistory = "text",
    results: Results = RESULTS,
) -> None:
    """The chosen numbers over all stored runs of an experiment, with intervals and change points."""
    from harness.report.history import write_history

    write_history(results, experiment, field or [], svg, format, console())
