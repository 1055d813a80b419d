"""The commands, each a few lines: what is done is in the files they call.

Those are imported within the commands, for they bring heavy libraries along: a command starts fast, and reading a
stored run needs no platform's libraries.
"""

import sys
from typing import NoReturn

import typer

from harness.commands.explain import explain_app
from harness.commands.forecast import forecast_app
from harness.commands.machine import machine_app
from harness.commands.measure import measure_app
from harness.commands.new.app import new_app
from harness.commands.policy import policy_app
from harness.commands.prices import prices_app
from harness.commands.read import read_app
from harness.commands.review import review_app
from harness.commands.schedule import remeasure_app, schedule_app
from harness.errors import FrostlineError, UsageError
from harness.files.text import harmless
from harness.interruption import interruptible

app = typer.Typer(
    help="Container service or Lambda-style function? Measures one model both ways under the same traffic.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (machine_app, policy_app, measure_app, read_app, forecast_app, remeasure_app):
    app.add_typer(commands)
app.add_typer(explain_app, name="explain")
app.add_typer(new_app, name="new")
app.add_typer(prices_app, name="prices")
app.add_typer(review_app, name="review")
app.add_typer(schedule_app, name="schedule")


def main() -> None:
    """Entry point: every error of ours is one message and an exit code, never a traceback."""
    try:
        with interruptible():
            app()
    except FrostlineError as error:
        _fail(str(error), error.exit_code)
    except Exception as error:
        from targets.names import NameTaken, Unreadable

        if not isinstance(error, NameTaken | Unreadable):
            raise
        _fail(str(error), UsageError.exit_code)


def _fail(message: str, exit_code: int) -> NoReturn:
    for line in message.split("\n"):
        print(f"frostline: {harmless(line)}", file=sys.stderr)
    sys.exit(exit_code)
