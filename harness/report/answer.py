"""What a run answers, in three lines a pair: which side, why, and how sure, or what would settle it."""

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.text import Text

from harness.analysis.summary import Row
from harness.decision.decision import Scorecard
from harness.decision.ladder import ladder_lines
from harness.decision.model_sizes import size_lines
from harness.decision.overall import overall_of
from harness.files.text import harmless
from harness.record.nouns import Manifest


def say_answers(cards: list[Scorecard], console: Console) -> None:
    """Write the answer over all forms and of every pair of targets to `console`, never read as markup nor broken into
    more lines."""
    for which, *rest in (answer for answered in (overall_of(cards), cards) for answer in (a.answer for a in answered)):
        console.print(Text(harmless(which), style="bold"), soft_wrap=True)
        say_lines(rest, console)


def say_sizes(manifest: Manifest, rows: Sequence[Row], console: Console) -> None:
    """Write from which size of a model on cold starts break the objective, and which size of a function is the
    cheapest; nothing where neither varies."""
    say_lines([*size_lines(manifest, rows), *ladder_lines(manifest, rows)], console)


def say_lines(lines: Iterable[str], console: Console) -> None:
    """Write one sentence a line, in the same way."""
    for line in lines:
        console.print(Text(harmless(line)), soft_wrap=True)
