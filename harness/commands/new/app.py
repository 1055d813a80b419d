"""The commands of `frostline new`."""

from pathlib import Path
from typing import Annotated

import typer

new_app = typer.Typer(help="A workload of your own, and the pins that it needs.", no_args_is_help=True)


@new_app.command()
def workload(
    name: Annotated[str, typer.Argument(help="a-z, 0-9 and -, e.g. my-model")],
    into: Annotated[Path, typer.Option(help="a folder beside others of yours, that mirrors the tree")] = Path("mine"),
) -> None:
    """Write a workload that runs at once, to be changed into yours; nothing is overwritten."""
    from harness.commands.new.workload import write_workload

    place = write_workload(name, into)
    print(f"written: {place}")
    print(f"next:    PYTHONPATH={into} frostline try {name}")
    print(f"then:    PYTHONPATH={into} frostline try {name} --in docker-lambda --save {name}.yaml")


@new_app.command()
def pins(
    packages: Annotated[list[str], typer.Argument(metavar="PACKAGE...", help="NAME or NAME==VERSION, as pip has it")],
    model: Annotated[
        bool, typer.Option("--model", help="packages that carry a model: with sha256, without what they need")
    ] = False,
    python: Annotated[
        str, typer.Option(help="the same versions must be there for this one too, e.g. 3.12 of an image")
    ] = "",
) -> None:
    """Print the `requirements` or `models` of a workload: pip chooses versions, as it is configured here."""
    from harness.commands.new.pins import pin_lines

    for line in pin_lines(packages, model, python):
        print(line)
