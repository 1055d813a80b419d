"""What whoever measures on a platform has to be allowed there."""

from typing import Annotated

import typer

from harness.errors import UsageError

policy_app = typer.Typer()


@policy_app.command()
def policy(
    on: Annotated[str, typer.Option("--on", metavar="PLATFORM", help="such as aws")],
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="only what this target needs; may be given again. Default: all of them, which for AWS is more than a "
            "managed policy holds (6,144 characters): attach one for each target, or put it into the role itself"
        ),
    ] = None,
) -> None:
    """Print what whoever measures on a platform has to be allowed there, and no more: for AWS, an IAM policy."""
    import targets
    from targets.contract import Governed

    names = target or []
    if problems := _problems(on, names):
        raise UsageError(problems)
    platform = targets.platform(on)
    if not isinstance(platform, Governed):
        raise UsageError([f"policy: {on} has no permissions of its own: nothing is to be allowed"])
    print(platform.policy(names))


def _problems(on: str, names: list[str]) -> list[str]:
    """A platform that there is not, and targets that are not of it."""
    import targets
    from harness.files.problems import not_one_of

    if on not in (known := targets.platform_names()):
        return [f"policy: --on: {not_one_of(on, known)}"]
    own = [name for name in targets.target_names() if targets.platform_of(name) == on]
    return [f"policy: --target: {not_one_of(name, own)}" for name in names if name not in own]
