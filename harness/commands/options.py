"""What several commands share: options, arguments and the console."""

from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console

from harness.errors import UsageError
from harness.files.problems import near
from harness.report.formats import HistoryFormat, PageFormat, ProgressFormat, TableFormat

Results = Annotated[Path, typer.Option("--results", help="folder that holds runs/")]
RESULTS = Path("results")
Wait = Annotated[
    bool, typer.Option("--wait", help="wait your turn while somebody else measures on this machine, not be refused")
]
JoinWithin = Annotated[
    float, typer.Option(help="so long workers of other machines, and their run, wait for each other")
]
JOIN_WITHIN_S = 300.0
Run = Annotated[str, typer.Argument(help="a folder, a run id, or latest")]


def one_of(formats: Any) -> Any:
    """The option for one of these formats; anything else is refused with the names that there are."""
    names = get_args(formats)

    def parse(given: str) -> str:
        if given not in names:
            raise UsageError([f"format {given!a} does not exist: choose one of {', '.join(names)}{near(given, names)}"])
        return given

    words = f"{', '.join(names[:-1])} or {names[-1]}"
    return typer.Option("--format", parser=parse, metavar="FORMAT", help=words)


AsTable = Annotated[TableFormat, one_of(TableFormat)]
AsHistory = Annotated[HistoryFormat, one_of(HistoryFormat)]
AsPage = Annotated[PageFormat, one_of(PageFormat)]
AsProgress = Annotated[ProgressFormat, one_of(ProgressFormat)]


def console() -> Console:
    """Plain figures, no colours of our own for numbers."""
    return Console(highlight=False)
