"""`frostline review`: decision records that wake up by themselves."""

from pathlib import Path
from typing import Annotated

import typer

from harness.commands.options import RESULTS, Results, Run
from harness.files.text import harmless

review_app = typer.Typer(help="Decision records.", no_args_is_help=True)


@review_app.command("new")
def review_new(
    run: Run = "latest",
    previous: Annotated[Path | None, typer.Option(help="the review of last quarter")] = None,
    name: Annotated[str | None, typer.Option(help="of the file; default: the experiment's")] = None,
    results: Results = RESULTS,
) -> None:
    """Write results/reviews/2026-Q4_NAME.md with every number filled in; people add decision, incidents and hours."""
    from harness.clock import utc_now
    from harness.review.new import new_review
    from harness.review.runs import Runs

    print(f"written: {harmless(new_review(Runs(results), run, previous, name, utc_now()))}")


@review_app.command("check")
def review_check(
    folder: Annotated[Path | None, typer.Argument(help="reviews; default: reviews/ in the results folder")] = None,
    results: Results = RESULTS,
) -> None:
    """Hold every review against the newest run; exit 1 when something needs a person."""
    from harness.clock import utc_now
    from harness.review.check import check_reviews
    from harness.review.runs import Runs

    raise typer.Exit(check_reviews(folder or results / "reviews", Runs(results), utc_now()))
