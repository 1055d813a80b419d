"""`frostline forecast`: from a stored run to a stored forecast, and what is shown of it."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.commands.options import RESULTS, AsTable, Results, Run, console
from harness.errors import FrostlineError, Interrupted
from harness.files.whole import one_line

if TYPE_CHECKING:
    from harness.analysis.summary import Summary
    from harness.forecast.forecast import Tell
    from harness.forecast.order import Order
    from harness.record.folder import RunFolder
    from harness.record.forecast import Forecast
    from harness.report.forecast import Told

forecast_app = typer.Typer()
NO_TRAFFIC = (
    "forecast: none, and what rests on one stays open: the experiment does not say what traffic is expected: give it "
    "e.g. `expected: {requests_per_month: 1000000, peak_to_mean: 3}`"
)
NO_STARTS = "forecast: none, for it needs forced cold starts: give the experiment e.g. `cold_starts: 2`"


@forecast_app.command()
def forecast(
    run: Run = "latest",
    trace: Annotated[Path | None, typer.Option(help="a recorded trace as the traffic: CSV, JSONL or Parquet")] = None,
    profile: Annotated[
        str | None,
        typer.Option(help="a profile of the experiment, or any other; default: all of the experiment"),
    ] = None,
    rps: Annotated[
        float | None,
        typer.Option(help="mean requests per second; default: what is expected, or the trace's own"),
    ] = None,
    days: Annotated[float, typer.Option(help="of the month, a whole number")] = 30,
    set: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE of a platform's rule, e.g. keep_alive_s=900, rule=hpa")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="of all that is drawn; default: the run's")] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="store also what is not the default question; it then decides for the run")
    ] = False,
    format: AsTable = "text",
    results: Results = RESULTS,
) -> None:
    """A month of traffic from a run's own samples: cold starts, latency, units, cost.

    Stored with the run, where it decides, is the default question: all profiles of the experiment at its expected
    traffic, 30 days of it. Another trace, profile, rate or length is stored with --keep only, and a what-if never.
    """
    from harness.analysis.table import summarise
    from harness.forecast.order import order_of
    from harness.record.forecast import write_forecast
    from harness.record.nouns import RUN_SCHEMA
    from harness.record.shelf import find_run
    from harness.report.forecast import render

    order = order_of(trace, profile, rps, days, set or [], seed, keep)
    folder = find_run(results, run)
    summary = summarise(folder)
    made = timed_forecast(folder, summary, order, _tell)
    render(told_of(folder, summary, made), format, console())
    why = order.why_not_kept or ("" if folder.stored_as == RUN_SCHEMA else f"the run is stored as {folder.stored_as}")
    if not made.rows:
        _tell("forecast: not stored, for it has no side")
        raise typer.Exit(1)
    _tell(f"forecast: not stored, for {why}" if why else f"forecast: stored as {write_forecast(folder, made)}")


def timed_forecast(folder: "RunFolder", summary: "Summary", order: "Order", tell: "Tell") -> "Forecast":
    """A forecast, with how long it took."""
    from harness.clock import now_ns, utc_now
    from harness.forecast.forecast import make_forecast

    begin_ns = now_ns()
    made = make_forecast(folder, summary, order, utc_now().isoformat(timespec="seconds"), tell)
    return made.model_copy(update={"took_s": (now_ns() - begin_ns) / 1e9})


def forecast_at_end(folder: "RunFolder", tell: "Tell") -> None:
    """Store a forecast with a run that states its traffic and has forced cold starts. What keeps it from being made is
    told, and the run is none the worse for it."""
    from harness.analysis.table import summarise
    from harness.forecast.order import Order
    from harness.record.forecast import write_forecast
    from harness.record.nouns import FORCED_COLD
    from harness.record.stated import economics_of

    if not economics_of(folder.manifest).expected:
        tell(NO_TRAFFIC)
        return
    if all(trial.profile != FORCED_COLD for trial in folder.trials()):
        if folder.manifest.experiment.get("begin") != "batch":  # which is told by its whole batches
            tell(NO_STARTS)
        return
    again = f"`frostline forecast {folder.manifest.run}` makes it"
    try:
        made = timed_forecast(folder, summarise(folder), Order(), tell)
        if made.rows:
            write_forecast(folder, made)
        else:
            tell("\n".join(["forecast: none, for no side can be", *made.withheld]))
    except Interrupted:
        tell(f"forecast: stopped: {again}")
        raise
    except Exception as error:  # whatever it is: what was measured stands
        tell(f"forecast: none: {one_line(str(error)) or type(error).__name__}: {again}")


def told_of(folder: "RunFolder", summary: "Summary", made: "Forecast") -> "Told":
    """With its money; what forbids that is told."""
    from harness.cost.costing import costing_of
    from harness.cost.from_forecast import what_ifs_usd
    from harness.report.forecast import Told

    try:
        costing = costing_of(folder, replace(summary, rows=[]), forecast=made)  # the run's own mix is no forecast
    except FrostlineError as error:
        return Told(made, None, str(error).split("\n"), {})
    return Told(made, costing, [], what_ifs_usd(folder, made))


def _tell(line: str) -> None:
    """Beside standard output, which may be read by a program."""
    typer.echo(line, err=True)
