"""`frostline schedule`: measuring again every quarter."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from harness.commands.options import RESULTS, Results, Wait, console

remeasure_app = typer.Typer()
schedule_app = typer.Typer(help="Measuring again every quarter.", no_args_is_help=True)


class With(StrEnum):
    """What starts it."""

    CRON = "cron"
    SYSTEMD = "systemd"
    GITHUB = "github"
    EVENTBRIDGE = "eventbridge"


Experiments = Annotated[list[str] | None, typer.Argument(help="names or YAML files; default: those scheduled already")]
Plan = Annotated[Path, typer.Option("--plan", help="the file that holds the schedule")]
PLAN = Path("frostline-schedule.yaml")


@schedule_app.command("show")
def schedule_show(plan: Plan = PLAN, results: Results = RESULTS) -> None:
    """What is measured again, when it was measured last, when it is due, and what may have to change."""
    from harness.clock import utc_now
    from harness.schedule.due import show

    show(plan, results, console(), utc_now())


@schedule_app.command("install")
def schedule_install(
    experiments: Experiments = None,
    with_: Annotated[With, typer.Option("--with", help="what starts it")] = With.CRON,
    plan: Plan = PLAN,
    results: Results = RESULTS,
) -> None:
    """Write down the list of experiments and have it measured again every quarter, off the hour."""
    from harness.clock import utc_now
    from harness.schedule.install import install

    install(experiments or [], with_.value, plan, results, console(), utc_now())


@schedule_app.command("remove")
def schedule_remove(
    with_: Annotated[With, typer.Option("--with", help="what starts it")] = With.CRON,
    plan: Plan = PLAN,
    results: Results = RESULTS,
) -> None:
    """Take our block out of the crontab, or say what to delete: nothing is measured again by itself then."""
    from harness.schedule.install import remove

    remove(with_.value, plan, results, console())


@remeasure_app.command()
def remeasure(
    if_due: Annotated[
        bool,
        typer.Option("--if-due", help="do nothing where the quarter has been measured, or its moment has not come"),
    ] = False,
    plan: Plan = PLAN,
    results: Results = RESULTS,
    wait: Wait = False,
) -> None:
    """Measure the scheduled experiments again, last quarter's image as an anchor beside the new one."""
    from harness.clock import utc_now
    from harness.commands.runner import measure
    from harness.schedule.remeasure import Measuring
    from harness.schedule.remeasure import remeasure as measure_again

    raise typer.Exit(measure_again(if_due, plan, results, console(), Measuring(measure), utc_now(), wait))
