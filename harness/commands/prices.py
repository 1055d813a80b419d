"""`frostline prices`: the price book."""

from pathlib import Path
from typing import Annotated

import typer

from harness.files.text import harmless

prices_app = typer.Typer(help="The price book.", no_args_is_help=True)


@prices_app.command("check")
def prices_check(
    books: Annotated[
        list[Path] | None, typer.Argument(help="YAML files; default: those that come with Frostline")
    ] = None,
) -> None:
    """Warn about prices that are stale (more than 120 days old) or unverified."""
    from harness.clock import utc_now
    from harness.cost.book import check_books, price_books

    paths = books or price_books()
    warnings = check_books(paths, utc_now().date())
    for line in warnings:
        print(f"warning: {harmless(line)}")
    print(f"{len(paths)} price books read, {len(warnings)} rows to look up again")


@prices_app.command("refresh")
def prices_refresh(
    book: Annotated[Path, typer.Option(help="file to write; it is made from the shipped book and what is read")],
    region: Annotated[str, typer.Option(help="of AWS")] = "us-east-1",
) -> None:
    """Read the public price lists into a book of your own; stored runs keep the prices they have."""
    from harness.cost.refresh import refresh

    for line in refresh(book, region):
        print(harmless(line))
