"""Every figure of the run, as `frostline show` has them."""

from harness.report.blocks import Page
from harness.report.nouns import Part

ABOUT = "Numbers in the last column are notes, listed under what could be wrong."


def figures(shown: Page, parts: int) -> Part:
    """The tables of all rows; the last `parts` tables of the page are about cold starts and stand elsewhere."""
    tables = shown.tables[: len(shown.tables) - parts]
    absent = [] if tables else ["no trial is stored"]
    return Part("figures", "All figures", [ABOUT] if shown.notes.numbered else [], [], tables, [], absent, shown.sizing)
