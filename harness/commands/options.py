"""What several commands share: options, arguments and the console."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Results = Annotated[Path, typer.Option("--results", help="folder that holds runs/")]
RESULTS = Path("results")
Run = Annotated[str, typer.Argument(help="a folder, a run id, or latest")]
TableFormat = Annotated[str, typer.Option("--format", help="text, md, csv or json")]


def console() -> Console:
    """Plain figures, no colours of our own for numbers."""
    return Console(highlight=False)
