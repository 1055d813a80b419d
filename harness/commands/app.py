"""The commands, each a few lines: what is done is in the files they call."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from harness.commands.decide import RESULTS, Results, console, decide_app
from harness.commands.prices import prices_app
from harness.commands.review import review_app
from harness.commands.schedule import schedule_app
from harness.errors import FrostlineError, UsageError
from harness.files.text import harmless
from harness.interruption import interruptible

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
lambda_app = typer.Typer(help="The local Lambda on its own.", no_args_is_help=True)
app.add_typer(lambda_app, name="lambda")
app.add_typer(decide_app)
app.add_typer(prices_app, name="prices")
app.add_typer(review_app, name="review")
app.add_typer(schedule_app, name="schedule")


@app.command()
def doctor() -> None:
    """Say what this machine can measure, and the fix for what it cannot."""
    from harness.commands.doctor import examine

    findings = examine()
    for finding in findings:
        print(f"{'ok  ' if finding.ok else 'NO  ' if finding.needed else 'note'}  {finding.what}: {finding.told}")
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(3)


@app.command("list")
def list_() -> None:
    """List experiments, workloads, targets and load profiles."""
    from harness.commands.listing import listing

    for heading, lines in listing().items():
        print(f"{heading}:")
        for name, told in lines:
            print(f"  {name:<18} {told}")


@app.command()
def run(
    experiment: Annotated[str | None, typer.Argument(help="a name from `frostline list`, or a YAML file")] = None,
    rounds: Annotated[int | None, typer.Option(help="instead of the experiment's own number")] = None,
    resume: Annotated[str | None, typer.Option(help="carry on an interrupted run: a folder, an id, or latest")] = None,
    results: Results = RESULTS,
) -> None:
    """Measure: package, deploy, send the traffic, save after every trial, show the table."""
    from harness.commands.run import run_experiment

    raise typer.Exit(run_experiment(experiment, rounds, resume, results, console()))


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="a folder, a run id, or latest")] = "latest",
    format: Annotated[str, typer.Option(help="text, md, csv or json")] = "text",
    results: Results = RESULTS,
) -> None:
    """Print a run's table."""
    from harness.cost.costing import summary_with_cost
    from harness.record.shelf import find_run
    from harness.report.console import render

    summary = summary_with_cost(find_run(results, run))
    render(summary, format, console())  # type: ignore[arg-type]
    if not summary.valid:
        raise typer.Exit(1)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="the baseline: a target or workload of one run, or a run")],
    b: Annotated[str, typer.Argument(help="what is judged beside it")],
    run: Annotated[str | None, typer.Option(help="the run that holds both; default: latest")] = None,
    format: Annotated[str, typer.Option(help="text, md, csv or json")] = "text",
    results: Results = RESULTS,
) -> None:
    """Is B FASTER, SLOWER or the SAME as A, by the margin set before the run; UNCLEAR says how many rounds to add."""
    from harness.analysis.compare import compare as compared
    from harness.report.comparison import render

    render(compared(results, a, b, run), format, console())


@app.command()
def selftest(
    target: Annotated[list[str] | None, typer.Option(help="examine this target only; may be given again")] = None,
    scenario: Annotated[list[str] | None, typer.Option(help="only this scenario, e.g. mix; may be given again")] = None,
    format: Annotated[str, typer.Option(help="text or json")] = "text",
    results: Annotated[Path, typer.Option(help="folder that keeps the runs")] = Path("results/selftest"),
) -> None:
    """Measure what is known beforehand on every local target, and print truth beside measurement (10 to 15 minutes)."""
    from harness.selftest.running import selftest as examine

    raise typer.Exit(examine(target or [], scenario or [], results, format, console()))


@app.command()
def clean(
    all_: Annotated[bool, typer.Option("--all", help="also what belongs to a run that is going on")] = False,
    images: Annotated[
        bool, typer.Option("--images", help="also the images, which are otherwise kept for the next run")
    ] = False,
    anchors: Annotated[
        bool, typer.Option("--anchors", help="with --images: also those that the next quarter is compared with")
    ] = False,
) -> None:
    """Remove containers, processes and work folders that a killed run left behind."""
    from harness.measure.clean import clean as remove

    if anchors and not images:
        raise UsageError(["clean: --anchors says which images --images removes: give both"])
    cleaning = remove(all_, images, anchors)
    for item in cleaning.removed:
        print(f"removed {item.kind} {item.name}")
    for item in cleaning.spared:
        print(f"left alone, its run is going on: {item.kind} {item.name} (--all removes it)")
    for item in cleaning.anchors:
        print(f"kept as an anchor for the next quarter: {item.kind} {item.name} (--anchors removes it)")
    for notice in cleaning.notices:
        print(f"note: {notice}")
    print(f"{len(cleaning.removed)} removed")


@lambda_app.command("up")
def lambda_up(
    workload: Annotated[str, typer.Argument(help="a name from `frostline list`")],
    port: Annotated[int, typer.Option(help="on 127.0.0.1; 0 takes a free one")] = 9000,
    memory_mb: Annotated[int, typer.Option(help="per sandbox; vCPU follows, 1769 MB = 1")] = 1769,
    timeout_s: float = 60.0,
    keep_alive_s: float = 300.0,
    concurrency_limit: int = 1000,
    starts_per_10_s: int = 1000,
    init_timeout_s: float = 10.0,
    model_dir: Annotated[Path | None, typer.Option(help="your own model")] = None,
    target: Annotated[str, typer.Option(help="docker-lambda or process-lambda; default: what this machine can")] = "",
) -> None:
    """Run the local Lambda for one workload until Ctrl-C; boto3 with endpoint_url works against it."""
    from harness.commands.lambda_up import LambdaOrder, lambda_up

    function = {
        "timeout_s": timeout_s,
        "keep_alive_s": keep_alive_s,
        "concurrency_limit": concurrency_limit,
        "starts_per_10_s": starts_per_10_s,
        "init_timeout_s": init_timeout_s,
    }
    lambda_up(LambdaOrder(workload, port, memory_mb, function, model_dir, target), console())


@app.command()
def load(
    url: Annotated[str, typer.Argument(help="http://host:port/path")],
    profile: Annotated[str, typer.Option(help="a load profile from `frostline list`")] = "constant",
    rate: Annotated[float, typer.Option(help="mean requests per second")] = 10.0,
    seconds: float = 10.0,
    seed: int = 1,
    workers: int = 1,
    body: Annotated[Path | None, typer.Option(help="file to POST; without one, GET")] = None,
    timeout_s: float = 60.0,
    format: Annotated[str, typer.Option(help="text or json")] = "text",
) -> None:
    """Drive an HTTP endpoint of yours with the open-loop load path; print counts, latencies and lag."""
    from harness.commands.load_url import LoadOrder, load_url

    raise typer.Exit(
        load_url(LoadOrder(url, profile, rate, seconds, seed, workers, body, timeout_s), format, console())
    )


def main() -> None:
    """Entry point: every error of ours is one message and an exit code, never a traceback."""
    try:
        with interruptible():
            app()
    except FrostlineError as error:
        for line in str(error).split("\n"):
            print(f"frostline: {harmless(line)}", file=sys.stderr)
        sys.exit(error.exit_code)
