"""What a run answers, in three lines a pair: which side, why, and how sure, or what would settle it."""

from rich.console import Console

from harness.decision.decision import Scorecard
from harness.files.text import harmless
from harness.report.console import say


def say_answers(cards: list[Scorecard], console: Console) -> None:
    """Write the answer of every pair of targets to `console`."""
    for card in cards:
        which, *rest = card.answer
        say(console, harmless(which), "bold")
        for line in rest:
            say(console, harmless(line))
