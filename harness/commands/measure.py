"""Commands that measure."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from harness.commands.options import JOIN_WITHIN_S, RESULTS, AsProgress, JoinWithin, Results, Wait, console
from harness.errors import UsageError

measure_app = typer.Typer()


@measure_app.command()
def run(
    experiment: Annotated[str | None, typer.Argument(help="a name from `frostline list`, or a YAML file")] = None,
    rounds: Annotated[int | None, typer.Option(help="instead of the experiment's own number")] = None,
    resume: Annotated[str | None, typer.Option(help="carry on an interrupted run: a folder, an id, or latest")] = None,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="PLATFORM", help="measure there instead, such as aws: first prints what it costs"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="what costs money is wanted: do not ask")] = False,
    budget_usd: Annotated[
        float | None, typer.Option(min=0.0, help="end the run when it has spent so much; before the experiment's own")
    ] = None,
    load_workers: Annotated[
        int | None, typer.Option(help="processes that send, instead of the experiment's load.workers")
    ] = None,
    load_listen: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT",
            help="they are on other machines, each a `frostline load-worker`, and are awaited here; with --resume, too",
        ),
    ] = "",
    join_within_s: JoinWithin = JOIN_WITHIN_S,
    results: Results = RESULTS,
    wait: Wait = False,
) -> None:
    """Measure: package, deploy, send the traffic, save after every trial, show the table."""
    from harness.commands.consent import Consenting
    from harness.commands.load_from import LoadFrom
    from harness.commands.runner import plainly, resume_run, run_experiment

    shown = console()
    consent, load = Consenting(plainly(shown), yes, budget_usd), LoadFrom(load_listen, join_within_s)
    if resume is None:
        raise typer.Exit(run_experiment(experiment, rounds, results, shown, wait, on, consent, load_workers, load))
    if experiment is not None or rounds is not None or on is not None or load_workers is not None:
        others = "--resume takes neither an experiment nor --rounds nor --on nor --load-workers"
        raise UsageError([f"{others}: the run's own are used"])
    raise typer.Exit(resume_run(resume, results, shown, wait, consent, load))


@measure_app.command()
def capacity(
    subject: Annotated[
        str,
        typer.Argument(
            metavar="EXPERIMENT|WORKLOAD", help="an experiment with one service, or its file; or a workload"
        ),
    ],
    target: Annotated[str | None, typer.Argument(help="with a workload: a target from `frostline list`")] = None,
    latency_ms: Annotated[
        float | None,
        typer.Option(help="objective: this percentile is at most this long; default: the experiment's, else 300"),
    ] = None,
    percentile: Annotated[float | None, typer.Option(help="default: the experiment's, else 95")] = None,
    most_rate: Annotated[
        float | None,
        typer.Option(help="nothing above is tried, requests per second; default: 16 times what one request points at"),
    ] = None,
    step_s: Annotated[
        float, typer.Option(help="length of one step; longer where its rate or percentile needs it")
    ] = 6.0,
    repeats: Annotated[int, typer.Option(help="steps at each rate")] = 3,
    concurrency_limit: Annotated[int, typer.Option(help="sandboxes of a function")] = 2,
    seed: int = 1,
    model_dir: Annotated[Path | None, typer.Option(help="your own model")] = None,
    like: Annotated[
        str | None,
        typer.Option(
            help="with WORKLOAD TARGET: an experiment, or its file, that states objective, settings and sizes"
        ),
    ] = None,
    format: AsProgress = "text",
    results: Results = RESULTS,
    wait: Wait = False,
) -> None:
    """Search the highest rate that one replica (or a function at a concurrency limit) serves within the objective.

    Cut off, it keeps what it learned, and the same command goes on from there.
    """
    from harness.capacity.answer import plain
    from harness.capacity.like import Wish
    from harness.capacity.running import measure_capacity

    def tell(line: str) -> None:
        plain(Console(stderr=True, highlight=False) if format == "json" else shown, line)

    shown = console()
    order = Wish(subject, target, like, latency_ms, percentile).order(
        tell,
        most_rate=most_rate,
        step_s=step_s,
        repeats=repeats,
        concurrency_limit=concurrency_limit,
        seed=seed,
        model_dir=model_dir,
    )
    raise typer.Exit(measure_capacity(order, format, results, shown, wait=wait))


@measure_app.command("try")
def try_(
    workload: Annotated[str, typer.Argument(help="a workload from `frostline list`, or one of your own")],
    target: Annotated[
        str, typer.Option("--in", metavar="TARGET", help="where it is started; docker-service shows its image")
    ] = "process-service",
    model_dir: Annotated[Path | None, typer.Option(help="your own model")] = None,
    model_archive: Annotated[
        Path | None, typer.Option(help="your own model, as a .tar.gz or .zip; with --sha256")
    ] = None,
    sha256: Annotated[str | None, typer.Option(help="of that archive, as sha256sum prints it")] = None,
    set: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="a setting of the workload; again for more")
    ] = None,
    memory_mb: Annotated[int | None, typer.Option(help="of the unit; default: as an experiment has it")] = None,
    cpus: Annotated[float | None, typer.Option(help="of a service's unit; a function's follow its memory")] = None,
    timeout_s: Annotated[float, typer.Option(help="of each request")] = 90,
    save: Annotated[Path | None, typer.Option(help="write the first experiment into this file")] = None,
    wait: Wait = False,
) -> None:
    """Start a workload once, send each payload twice, and say what came back and what to measure first.

    Of so few requests nothing is concluded: they only show that it works, and where an experiment begins.
    """
    from harness.commands.tryout.order import TryOrder
    from harness.commands.tryout.running import run_try

    order = TryOrder(workload, target, model_dir, model_archive, sha256, set or [], memory_mb, cpus, timeout_s)
    raise typer.Exit(run_try(order, save, console(), wait))


@measure_app.command()
def selftest(
    target: Annotated[list[str] | None, typer.Option(help="examine this target only; may be given again")] = None,
    scenario: Annotated[
        list[str] | None,
        typer.Option(
            help="only this scenario, e.g. mix; may be given again. The one called forecast, which holds forecasts "
            "against half an hour of measurement a target, is carried out only where it is named"
        ),
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="what the scenario forecast replays; default: one of our own")
    ] = None,
    format: AsProgress = "text",
    results: Annotated[Path, typer.Option(help="folder that keeps the runs")] = Path("results/selftest"),
    wait: Wait = False,
) -> None:
    """Measure what is known beforehand on all targets that bill nothing, and print the truth beside it (15 minutes)."""
    from harness.selftest.running import run_selftest

    raise typer.Exit(run_selftest(target or [], scenario or [], results, format, console(), wait, trace))
