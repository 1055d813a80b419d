"""What has been measured in which quarter, from the manifests of stored runs alone. Pure but for reading them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from harness.errors import RecordError
from harness.records import Manifest
from harness.store import RunFolder


class Quarter(NamedTuple):
    """Of a calendar year, in UTC."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime) -> "Quarter":
        """The one that a moment lies in."""
        return cls(moment.year, (moment.month + 2) // 3)

    @property
    def next(self) -> "Quarter":
        """The one after it."""
        return Quarter(self.year + self.number // 4, self.number % 4 + 1)

    @property
    def month(self) -> int:
        """Its first."""
        return 3 * self.number - 2

    def __str__(self) -> str:
        return f"{self.year}-Q{self.number}"


@dataclass(frozen=True)
class Standing:
    """What is stored of one experiment. Only finished runs count; those that deployed an anchor are kept apart."""

    experiment: str
    quarter: Quarter
    last: Manifest | None
    """The newest."""
    previous: Manifest | None
    """The newest from before this quarter; where there is none, the newest: its images are the anchor."""
    anchor: Manifest | None
    """The newest of this quarter that deployed an earlier run's images."""

    @property
    def due(self) -> bool:
        """Whether this quarter lacks a finished run."""
        moment = began(self.last) if self.last else None
        return moment is None or Quarter.of(moment) < self.quarter


def standing(experiment: str, manifests: Sequence[Manifest], now: datetime) -> Standing:
    """Of the experiment of this name."""
    quarter = Quarter.of(now)
    found = [it for it in manifests if it.experiment.get("name") == experiment and it.finished_at]
    dated = sorted(((moment, it.run, it) for it in found if (moment := began(it))), key=lambda item: item[:2])
    own = [(Quarter.of(moment), it) for moment, _, it in dated if not it.anchor]
    anchors = [it for moment, _, it in dated if it.anchor and Quarter.of(moment) == quarter]
    earlier = [it for when, it in own if when < quarter]
    last = own[-1][1] if own else None
    return Standing(experiment, quarter, last, earlier[-1] if earlier else last, anchors[-1] if anchors else None)


def began(manifest: Manifest) -> datetime | None:
    """When it was started, in UTC; None when the stored text is no moment."""
    try:
        moment = datetime.fromisoformat(manifest.started_at)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def stored(results: Path) -> tuple[list[Manifest], list[str]]:
    """Every readable manifest in results/runs, and a line for each that is not."""
    manifests, unreadable = [], []
    for path in sorted((results / "runs").glob("*/manifest.json")):
        try:
            manifests.append(RunFolder.open(path.parent).manifest)
        except RecordError as error:
            unreadable.append(f"not considered: {error}")
    return manifests, unreadable
