"""Commands that turn a stored run into a decision, and the ones that repeat it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

decide_app = typer.Typer()

Results = Annotated[Path, typer.Option("--results", help="folder that holds runs/")]
Run = Annotated[str, typer.Argument(help="a folder, a run id, or latest")]
RESULTS = Path("results")


def console() -> Console:
    """Plain figures, no colours of our own for numbers."""
    return Console(highlight=False)


@decide_app.command()
def cost(
    run: Run = "latest",
    book: Annotated[Path | None, typer.Option(help="other prices than those that the run keeps")] = None,
    format: Annotated[str, typer.Option(help="text, md, csv or json")] = "text",
    results: Results = RESULTS,
) -> None:
    """Cost at the expected traffic, term by term, and the traffic at which both sides cost the same."""
    from harness.report.cost import cost_of_run

    cost_of_run(results, run, book, format, console())


@decide_app.command()
def report(
    run: Run = "latest",
    output: Annotated[Path | None, typer.Option(help="file to write; default: report.html in the run folder")] = None,
    format: Annotated[str, typer.Option(help="html or md")] = "html",
    results: Results = RESULTS,
) -> None:
    """Write the whole run as one page that needs no network: charts, tables, doubts and how to repeat it."""
    from harness.report.page import write_report

    path = write_report(results, run, output, format)
    print(f"written: {path}")


@decide_app.command()
def capacity(
    workload: Annotated[str, typer.Argument(help="a name from `frostline list`")],
    target: Annotated[str, typer.Argument(help="a target from `frostline list`")],
    latency_ms: Annotated[
        float, typer.Option(help="objective: this percentile of latency is at most this long")
    ] = 300.0,
    percentile: float = 95.0,
    most_rate: Annotated[float, typer.Option(help="nothing above this rate is tried, requests per second")] = 200.0,
    step_s: Annotated[float, typer.Option(help="length of one step")] = 6.0,
    repeats: Annotated[int, typer.Option(help="steps at each rate of the bisection")] = 3,
    concurrency_limit: Annotated[int, typer.Option(help="sandboxes of a function")] = 2,
    seed: int = 1,
    format: Annotated[str, typer.Option(help="text or json")] = "text",
    results: Results = RESULTS,
) -> None:
    """Search the highest rate that one replica (or a function at a concurrency limit) serves within the objective."""
    from harness.capacity.running import CapacityOrder, measure_capacity

    order = CapacityOrder(workload, target, latency_ms, percentile, most_rate, step_s, repeats, concurrency_limit, seed)
    raise typer.Exit(measure_capacity(order, format, results, console()))


@decide_app.command()
def history(
    experiment: Annotated[str, typer.Argument(help="name of the experiment whose stored runs are read")],
    field: Annotated[list[str] | None, typer.Option(help="a number of the summary; may be given again")] = None,
    svg: Annotated[Path | None, typer.Option(help="also draw it into this file")] = None,
    format: Annotated[str, typer.Option(help="text, md or json")] = "text",
    results: Results = RESULTS,
) -> None:
    """The chosen numbers over all stored runs of an experiment, with intervals and change points."""
    from harness.report.history import history_of

    history_of(results, experiment, field or [], svg, format, console())
