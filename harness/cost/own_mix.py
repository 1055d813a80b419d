"""A side's month by the run's own mix: what an arrival used in it, at another rate; and its replicas."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.cost.curves import GRID, Curve, Curves
from harness.cost.month import End, Month, provisioned_overflow_s
from harness.cost.nouns import Basis
from harness.cost.replicas import Carried
from harness.cost.side import PriceOf
from harness.cost.usage import TrialUse, Use
from harness.cost.words import doubts_of
from harness.record.estimate import Estimate
from harness.record.figures import figure
from harness.record.stated import SECONDS_PER_MONTH

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True)
class OwnMix:
    """What an arrival of one row used, taken to be the same at every rate. `carried` is None where no units are bought
    by the hour, `billed` where nothing is by use; of two parts one may be bought so and the other so."""

    use: Use
    trials: Sequence[TrialUse]
    carried: Carried | None
    billed: Estimate | None
    """Seconds billed per arrival."""
    busy_s: float
    """Of a replica's slot, per arrival."""
    arrivals: float
    """A month's."""
    peak_to_mean: float
    sandboxes: int
    """Of provisioned concurrency."""
    source: str
    basis: Basis = "run"

    @cached_property
    def uncertain(self) -> Estimate:
        """The measured quantity whose interval is the cost's: what a replica carries, or seconds billed per arrival."""
        uncertain = self.carried.rate if self.carried else self.billed
        assert uncertain is not None, "one of the two is what it is bought by"
        return uncertain

    @property
    def n(self) -> int:
        """Trials, or steps of a capacity search."""
        return self.uncertain.n

    @property
    def why(self) -> str | None:
        """Why an end is not there, or is but a bound."""
        return self.uncertain.why

    @property
    def method(self) -> str:
        """Of the interval."""
        return self.uncertain.method

    @property
    def is_bound(self) -> bool:
        """Whether nobody measured what a replica carries, so that its cost is only bounded."""
        return self.carried is not None and self.carried.known != "measured"

    @property
    def replicas(self) -> int | None:
        """Of a service at its peak."""
        return None if self.carried is None else self._replicas(self.arrivals, self._carries("value"))

    def month(self, end: End) -> Month | None:
        """The month that is priced."""
        return self._known_month(self.arrivals, end) if self._is_known(end) else None

    def curves(self, price: PriceOf) -> Curves:
        """Cost over mean rates, with a step where each replica is full."""

        def curve(end: End) -> Curve | None:
            if not self._is_known(end):
                return None
            return Curve(lambda rps: price(self._known_month(rps * SECONDS_PER_MONTH, end)), self._step_rps(end))

        value = curve("value")
        assert value is not None
        return Curves(value, curve("low"), curve("high"), self.n, self._rates, known_to=self._known_to)

    def notes(self, price: PriceOf) -> Iterator[str]:
        """What of the billed time had to be assumed; and what it costs if nothing met a start."""
        if self.billed is not None:
            yield from doubts_of(self.trials)
            if all(trial.billed.warm_seconds == trial.billed.seconds for trial in self.trials):
                return  # where units are paid while they live, nobody can tell what a start has added
            warm = self.use.without_starts(list(self.trials))
            month = self._used(self.arrivals, warm, warm.billed_s, "value")
            yield f"{figure(price(month) * 1000 / month.good)} USD per 1,000 good answers if none met a start"

    @property
    def words(self) -> str:
        """On what the replicas rest."""
        return self.carried.basis if self.carried else ""

    def _is_known(self, end: End) -> bool:
        """Whether everything that is uncertain has this end."""
        wanted = [by for by, what in ((self._carries, self.carried), (self._bills, self.billed)) if what is not None]
        return all(by(end) is not None for by in wanted)

    def _carries(self, end: End) -> float | None:
        """Requests per second of one replica at one end of the COST: one that carries more is the cheap one."""
        turned: dict[End, End] = {"low": "high", "high": "low", "value": "value"}
        rate: float | None = getattr(self.carried.rate, turned[end]) if self.carried else None
        return rate

    def _bills(self, end: End) -> float | None:
        """Seconds billed per arrival at one end."""
        at: float | None = getattr(self.billed, end) if self.billed else None
        return self.use.billed_s if self.billed and at is None and end == "value" else at

    def _known_month(self, arrivals: float, end: End) -> Month:
        return self._used(arrivals, self.use, self._bills(end), end)

    def _used(self, arrivals: float, use: Use, billed_s: float | None, end: End) -> Month:
        billed = None if billed_s is None else billed_s * arrivals
        hours = None
        if self.carried is not None:
            hours = self._replicas(arrivals, self._carries(end)) * SECONDS_PER_MONTH / SECONDS_PER_HOUR
        return Month(
            arrivals=arrivals,
            invoked=use.invoked * arrivals,
            good=use.good * arrivals,
            late=use.late * arrivals,
            billed_s=billed,
            overflow_s=None if billed is None else provisioned_overflow_s(billed, self.sandboxes, SECONDS_PER_MONTH),
            unit_hours=hours,
            busy_hours=None if hours is None else arrivals * self.busy_s / SECONDS_PER_HOUR,
            told=use.told * arrivals,
            source=self.source,
        )

    def _replicas(self, arrivals: float, rate: float | None) -> int:
        assert self.carried is not None and rate is not None
        return self.carried.replicas(self._peak_rps(arrivals), rate)

    def _peak_rps(self, arrivals: float) -> float:
        return arrivals / SECONDS_PER_MONTH * self.peak_to_mean

    def _step_rps(self, end: End) -> float | None:
        """Mean rate at which one replica is full; None where none are bought."""
        carries = self._carries(end)
        return None if carries is None else carries / self.peak_to_mean

    @property
    def _rates(self) -> Sequence[float]:
        """Mean rates to look at."""
        return GRID

    @property
    def _known_to(self) -> float:
        """Mean rate up to which one replica is enough even by the least that it carries; no bound where measured."""
        if self.carried is None or self.carried.known == "measured":
            return math.inf
        return (self.carried.rate.low or 0.0) / self.peak_to_mean
