"""`frostline explain`: a reference of what can be written, from the forms that check it."""

from typing import Annotated

import typer

from harness.errors import UsageError

explain_app = typer.Typer(help="What can be written, key by key.", no_args_is_help=True)
INDENT, WIDTH = "  ", 110


@explain_app.callback()
def explain() -> None:
    """What can be written, key by key."""


@explain_app.command()
def experiment(
    key: Annotated[str | None, typer.Argument(help="one key and what lies below it, e.g. sizing.service_cpus")] = None,
) -> None:
    """Every key of an experiment's YAML: what it takes, its default, its unit, and what it is for."""
    from textwrap import wrap

    from harness.experiment.explained import below, keys
    from harness.files.problems import near, quote

    known = keys()
    shown = known if key is None else below(key, known)
    if not shown:
        names = sorted({name for each in known for name in (each.path, each.path.rpartition(".")[2])})
        raise UsageError([f"explain experiment: {quote(key)} is no key{near(key, names)}"])
    top = 0 if key is None else min(each.depth for each in shown)
    for each in shown:
        indent = INDENT * (each.depth - top)
        name = each.path if each.depth == top else each.path.rpartition(".")[2]
        unit = f" · {each.unit}" if each.unit else ""
        print(f"{indent}{name}: {each.takes} · {each.default}{unit}")
        for line in wrap(each.sentence, WIDTH - len(indent)):
            print(f"{indent}{INDENT * 2}{line}")
