"""What has been measured in which quarter, from the manifests of stored runs alone. Pure but for reading them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from harness.clock import Quarter, moment_of
from harness.record.nouns import Manifest
from harness.record.shelf import stored_runs


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
        return moment_of(manifest.started_at)
    except ValueError:
        return None


def stored(results: Path) -> tuple[list[Manifest], list[str]]:
    """Every readable manifest in results/runs, and a line for each that is not."""
    folders, told = stored_runs(results)
    return [folder.manifest for folder in folders], [f"not considered: {text}" for text in told]
