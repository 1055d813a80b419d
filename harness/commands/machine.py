"""Commands about this machine: what it can measure, what there is, what a killed run left; parts used alone."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.options import JOIN_WITHIN_S, AsProgress, JoinWithin, console
from harness.errors import UsageError

machine_app = typer.Typer()
lambda_app = typer.Typer(help="The local Lambda on its own.", no_args_is_help=True)
machine_app.add_typer(lambda_app, name="lambda")


@machine_app.command()
def doctor() -> None:
    """Say what this machine can measure, and the fix for what it cannot."""
    from harness.commands.doctor import examine

    findings = examine()
    for finding in findings:
        print(f"{'ok  ' if finding.ok else 'NO  ' if finding.needed else 'note'}  {finding.what}: {finding.told}")
    if any(finding.needed and not finding.ok for finding in findings):
        raise typer.Exit(3)


@machine_app.command("list")
def list_() -> None:
    """List experiments, workloads, targets, load profiles and rules of replicas."""
    from harness.commands.listing import listing

    for heading, lines in listing().items():
        print(f"{heading}:")
        for name, line in lines:
            print(f"  {name:<24} {line}")


@machine_app.command()
def clean(
    all_: Annotated[bool, typer.Option("--all", help="also what belongs to a run that is going on")] = False,
    images: Annotated[
        bool, typer.Option("--images", help="also the images, which are otherwise kept for the next run")
    ] = False,
    anchors: Annotated[
        bool, typer.Option("--anchors", help="with --images: also those that the next quarter is compared with")
    ] = False,
    on: Annotated[
        str | None, typer.Option("--on", metavar="PLATFORM", help="what lies on this platform instead, such as aws")
    ] = None,
    region: Annotated[
        str, typer.Option(help="with --on: where a run's experiment named one; else where the environment says")
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="with --on: only say what would be removed")] = False,
) -> None:
    """Remove containers, processes and work folders that a killed run left behind; or what it left on a platform."""
    from harness.measure.clean import clean as remove
    from harness.measure.clean import clean_platform

    if problems := _clean_problems(on, region, dry_run, images, anchors):
        raise UsageError(problems)
    cleaning = remove(all_, images, anchors) if on is None else clean_platform(on, all_, dry_run, region)
    done = "would remove" if dry_run else "removed"
    for item in cleaning.removed:
        print(f"{done} {item.kind} {item.name}")
    for item in cleaning.spared:
        print(f"left alone, its run is going on: {item.kind} {item.name} (--all removes it)")
    for item in cleaning.anchors:
        print(f"kept as an anchor for the next quarter: {item.kind} {item.name} (--anchors removes it)")
    for notice in cleaning.notices:
        print(f"note: {notice}")
    print(f"{len(cleaning.removed)} {'to remove' if dry_run else 'removed'}")


def _clean_problems(on: str | None, region: str, dry_run: bool, images: bool, anchors: bool) -> list[str]:
    """Options that do not go together, and a platform that there is not."""
    import targets
    from harness.files.problems import not_one_of

    problems = []
    if anchors and not images:
        problems.append("clean: --anchors says which images --images removes: give both")
    if dry_run and on is None:
        problems.append("clean: --dry-run is of what lies on a platform: give --on, or leave it out")
    if region and on is None:
        problems.append("clean: --region is a platform's: give --on, or leave it out")
    if on is not None and images:
        problems.append("clean: --images are this machine's: leave out --on, or --images")
    if on is not None and on not in targets.platform_names():
        problems.append(f"clean: --on: {not_one_of(on, targets.platform_names())}")
    return problems


@machine_app.command()
def load(
    url: Annotated[str, typer.Argument(help="http://host:port/path or https://...")],
    profile: Annotated[str, typer.Option(help="a load profile from `frostline list`")] = "constant",
    rate: Annotated[float, typer.Option(help="mean requests per second")] = 10.0,
    seconds: Annotated[float, typer.Option(help="how long requests are sent")] = 10.0,
    seed: Annotated[int, typer.Option(help="draws when they leave")] = 1,
    workers: Annotated[int, typer.Option(help="processes that share the schedule")] = 1,
    listen: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT",
            help="the workers are on other machines, each a `frostline load-worker`, and are awaited here; a PORT "
            "alone is this machine's loopback",
        ),
    ] = "",
    join_within_s: JoinWithin = JOIN_WITHIN_S,
    body: Annotated[Path | None, typer.Option(help="file that each request carries")] = None,
    method: Annotated[str, typer.Option(help="default: POST with a body, GET without one")] = "",
    header: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:VALUE|@FILE",
            help="sent along; may be given again. Other users can see a value that is typed here until Frostline has "
            "read it, and never one that stands in a FILE of NAME:VALUE lines. What a server sends back of a value is "
            "masked, of fewer than 4 characters only as a part of a URL",
        ),
    ] = None,
    timeout_s: Annotated[float, typer.Option(help="for each request, from its sending to the end of its reply")] = 60.0,
    expect_status: Annotated[
        list[str] | None,
        typer.Option(help="statuses of a good answer, e.g. 200,302 or 200-204 or 2xx; default 2xx"),
    ] = None,
    expect_json: Annotated[
        list[str] | None,
        typer.Option(
            metavar="JMESPATH",
            help="what the JSON of a good answer, or of the last event of a stream, must have: e.g. answer, "
            "'choices[0].message.content', '!error', \"status == 'ok'\"; may be given again",
        ),
    ] = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="verify no certificate")] = False,
    ca_file: Annotated[Path | None, typer.Option(help="PEM certificates that vouch instead of the system's")] = None,
    format: AsProgress = "text",
) -> None:
    """Drive an HTTP or HTTPS endpoint of yours with the open-loop load path; print counts, latencies and lag."""
    from harness.commands.load.order import LoadOrder
    from harness.commands.load.sending import load_url

    order = LoadOrder(
        *(url, profile, rate, seconds, seed, workers, body, timeout_s, insecure, ca_file, method),
        *(tuple(header or ()), tuple(expect_status or ()), tuple(expect_json or ())),
    )
    raise typer.Exit(load_url(order, format, console(), listen, join_within_s))


@machine_app.command()
def load_worker(
    join: Annotated[str, typer.Option(metavar="HOST:PORT", help="where the run listens")],
    token_file: Annotated[
        Path | None, typer.Option(help="holds the run's token; default: the environment's FROSTLINE_TOKEN")
    ] = None,
    join_within_s: JoinWithin = JOIN_WITHIN_S,
) -> None:
    """Be a load worker for a run on another machine, until that is over: docs/load-workers.md."""
    from harness.commands.load.far import join_run

    join_run(join, token_file, join_within_s)


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
    tmp_mb: Annotated[int, typer.Option(help="the a container's largest file; all together are not limited")] = 512,
    model_dir: Annotated[Path | None, typer.Option(help="your own model")] = None,
    target: Annotated[str, typer.Option(help="one that speaks the Invoke API; default: the first that runs here")] = "",
) -> None:
    """Run the local Lambda for one workload until Ctrl-C; boto3 with endpoint_url works against it."""
    from harness.commands.lambda_up import LambdaOrder, lambda_up

    function = {
        "timeout_s": timeout_s,
        "keep_alive_s": keep_alive_s,
        "concurrency_limit": concurrency_limit,
        "starts_per_10_s": starts_per_10_s,
        "init_timeout_s": init_timeout_s,
        "tmp_mb": tmp_mb,
    }
    lambda_up(LambdaOrder(workload, port, memory_mb, function, model_dir, target), console())
