"""What a run answers, in three lines a pair: which side, why, and how sure, or what would settle it."""

from collections.abc import Iterable, Iterator, Sequence

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
    for which, *rest in [*(overall.answer for overall in overall_of(cards)), *answers(cards)]:
        console.print(Text(harmless(which), style="bold"), soft_wrap=True)
        say_lines(rest, console)


def answers(cards: Iterable[Scorecard]) -> Iterator[list[str]]:
    """What each pair comes to; of a side that is alone, which says the same of every workload, once for all of them."""
    alone: dict[tuple[str, ...], list[Scorecard]] = {}
    for card in cards:
        if len(card.pair) > 1:
            yield card.answer
        else:
            alone.setdefault((*card.pair, card.recommendation, *card.answer[1:]), []).append(card)
    for same in alone.values():
        which, *rest = same[-1].answer
        yield ["".join(f"{card.workload}, " for card in same[:-1]) + which, *rest]


def say_sizes(manifest: Manifest, rows: Sequence[Row], console: Console) -> None:
    """Write `size_answers`."""
    say_lines(size_answers(manifest, rows), console)


def size_answers(manifest: Manifest, rows: Sequence[Row]) -> list[str]:
    """From which size of a model on cold starts break the objective, and which size of a function is the cheapest;
    nothing where neither varies. Where one does it is what was asked: it stands before the pairs' answers."""
    return [*size_lines(manifest, rows), *ladder_lines(manifest, rows)]


def say_lines(lines: Iterable[str], console: Console) -> None:
    """Write one sentence a line, in the same way."""
    for line in lines:
        console.print(Text(harmless(line)), soft_wrap=True)
