"""A side's month of whole batches: each trial was one, so that nothing of it is a transient and its bill is whole."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields

from harness.analysis.summary import Row
from harness.cost.curves import GRID
from harness.cost.month import End
from harness.cost.nouns import Basis
from harness.cost.own_mix import OwnMix
from harness.errors import RecordError
from harness.record.figures import plural
from harness.record.stated import Expected


@dataclass(frozen=True)
class Batches(OwnMix):
    """More requests a month are more batches, never larger ones: what a start or a cooldown is to a request stays."""

    basis: Basis = "batch"
    batch_rps: float = 0.0
    """Mean rate within a batch: the peak that replicas are bought for."""

    @property
    def n(self) -> int:
        """Trials, each a batch."""
        return len(self.trials)

    @property
    def is_bound(self) -> bool:
        """Not where replicas are as many at either end of what one carries."""
        if not super().is_bound:
            return False
        ends: tuple[End, End] = ("low", "high")
        if not all(self._is_known(end) for end in ends):
            return True
        low, high = (self._replicas(self.arrivals, self._carries(end)) for end in ends)
        return low != high

    def _peak_rps(self, arrivals: float) -> float:
        return self.batch_rps

    def _step_rps(self, end: End) -> float | None:
        return None

    @property
    def _rates(self) -> Sequence[float]:
        """As long as one batch is over when the next one begins."""
        return [rate for rate in GRID if rate <= self.batch_rps]

    @property
    def _known_to(self) -> float:
        return 0.0 if self.is_bound else math.inf


def whole_batches(mix: OwnMix, row: Row, expected: Expected | None, run: str) -> Batches:
    """The same use, a month of it as batches. RecordError with the reason where no bill of one would be whole."""
    trials, size = len(mix.trials), (row.scheduled or 0) / len(mix.trials)
    if expected is None:
        raise RecordError(
            "no batch lasts all month: state `expected.requests_per_month`, all batches of a month together"
        )
    if unended := sum(trial.unended for trial in mix.trials):
        raise RecordError(f"the end of {plural(unended, 'request')} never came, so that the batch's bill is not whole")
    if mix.sandboxes:
        raise RecordError(
            f"priced_as.provisioned_concurrency: {mix.sandboxes}: a batch begins with nothing: leave it out"
        )
    batches = f"{count(mix.arrivals / size)} batches of {count(size)} requests"
    own = {field.name: getattr(mix, field.name) for field in fields(mix)}
    source = f"measured: {batches}, each as a trial of run {run} ({plural(trials, 'trial')})"
    return Batches(**{**own, "basis": "batch", "source": source, "batch_rps": (row.scheduled or 0) / row.seconds})


def count(number: float) -> str:
    """E.g. 30 or 30.4."""
    return f"{number:,.1f}".removesuffix(".0")
