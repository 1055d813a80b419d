"""Which of three forms, where a hybrid was measured too: the target that every pair which it is in decides for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.decision.decision import Scorecard
from harness.decision.recommendation import Recommendation


@dataclass(frozen=True)
class Overall:
    """Of one workload that has more than two forms: the form, its target, and what of each pair it rests on."""

    workload: str
    targets: list[str]
    recommendation: Recommendation
    target: str | None
    why: list[str]

    @property
    def title(self) -> str:
        """The workload and all targets, as a heading."""
        return f"{self.workload}, {', '.join(self.targets[:-1])} or {self.targets[-1]}"

    @property
    def which(self) -> str:
        """Which form, with its target."""
        chosen = f" ({self.target})" if self.target else ""
        return f"{self.title}: {self.recommendation}{chosen}"

    @property
    def answer(self) -> list[str]:
        """Two lines: which form, and why."""
        return [self.which, "; ".join(self.why)]


def overall_of(cards: Sequence[Scorecard]) -> Iterator[Overall]:
    """An answer for each workload with a hybrid beside both other forms."""
    for workload in dict.fromkeys(card.workload for card in cards):
        own = [card for card in cards if card.workload == workload and card.service and card.function]
        if any(card.has_hybrid for card in own) and len({name for card in own for name in card.pair}) > 2:
            yield judge(workload, own)


def judge(workload: str, cards: Sequence[Scorecard]) -> Overall:
    """The one target that wins each of its pairs; none while a pair that matters is open."""
    targets = sorted({name for card in cards for name in card.pair})
    winners = [name for name in targets if all(card.chosen == name for card in cards if name in card.pair)]
    if len(winners) == 1:
        own = [card for card in cards if winners[0] in card.pair]
        return Overall(workload, targets, own[0].recommendation, winners[0], [beside(card, winners[0]) for card in own])
    losers = {name for card in cards if card.chosen for name in card.pair if name != card.chosen}
    still = [card for card in cards if card.chosen is None and not losers & set(card.pair)]
    reasons = [f"{card.title.removeprefix(f'{workload}, ')}: {card.recommendation}" for card in still or cards]
    said = {card.recommendation for card in still}
    return Overall(workload, targets, "split" if said == {"split"} else "cannot decide yet", None, reasons)


def beside(card: Scorecard, winner: str) -> str:
    """Why it wins one pair."""
    other = next(name for name in card.pair if name != winner)
    return f"against {other}: {card.why[0] if card.why else card.recommendation}"
