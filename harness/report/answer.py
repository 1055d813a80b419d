"""What a run answers, in three lines a pair: which side, why, and how sure, or what would settle it."""

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from harness.decision.decision import Scorecard
from harness.files.text import harmless


def say_answers(cards: list[Scorecard], console: Console) -> None:
    """Write the answer of every pair of targets to `console`, never read as markup nor broken into more lines."""
    for card in cards:
        which, *rest = card.answer
        console.print(Text(harmless(which), style="bold"), soft_wrap=True)
        say_lines(rest, console)


def say_lines(lines: Iterable[str], console: Console) -> None:
    """Write one sentence a line, in the same way."""
    for line in lines:
        console.print(Text(harmless(line)), soft_wrap=True)
