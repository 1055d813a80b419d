"""A side's month by the run's own mix: what an arrival used in it, at another rate; and its replicas."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.analysis.fitness import unfit
from harness.analysis.summary import Row
from harness.cost.book import PriceBook
from harness.cost.buying import buy
from harness.cost.curves import Curve, Curves
from harness.cost.month import End, Month, provisioned_overflow_s, slots_of
from harness.cost.nouns import Basis
from harness.cost.replicas import Carried, carried_rate
from harness.cost.side import PriceOf, Side
from harness.cost.usage import TrialUse, Use, billed_per_arrival, read_use, use_of
from harness.cost.words import doubts_of
from harness.errors import RecordError
from harness.record.capacity import KeptCapacity
from harness.record.estimate import Estimate
from harness.record.figures import figure
from harness.record.folder import RunFolder
from harness.record.stated import DEFAULT_PEAK, SECONDS_PER_MONTH, Economics, objective_of

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
            carries = self._carries(end)
            step = None if carries is None else carries / self.peak_to_mean
            return Curve(lambda rps: price(self._known_month(rps * SECONDS_PER_MONTH, end)), step)

        value = curve("value")
        assert value is not None
        return Curves(value, curve("low"), curve("high"), self.n, known_to=self._known_to)

    def notes(self, price: PriceOf) -> Iterator[str]:
        """What of the billed time had to be assumed; and what it costs if nothing met a start."""
        if self.billed is not None:
            yield from doubts_of(self.trials)
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
        return self.carried.replicas(arrivals / SECONDS_PER_MONTH * self.peak_to_mean, rate)

    @property
    def _known_to(self) -> float:
        """Mean rate up to which one replica is enough even by the least that it carries; no bound where measured."""
        if self.carried is None or self.carried.known == "measured":
            return math.inf
        return (self.carried.rate.low or 0.0) / self.peak_to_mean


def price_row(run: RunFolder, row: Row, economics: Economics, book: PriceBook, capacity: KeptCapacity | None) -> Side:
    """A row as a side of the decision. RecordError with the reason where it cannot be priced."""
    if reasons := unfit(row, "cost"):
        raise RecordError("; ".join(reasons))
    objective, expected = objective_of(run.manifest.experiment), economics.expected
    bought = buy(run, row.workload, row.target, row.case, economics, book)
    way = bought.way
    trials = [read_use(run, record, objective.latency_ms if objective else 0.0, way.meter) for record in row.entered]
    use = use_of(trials)
    if use is None or not row.seconds:
        raise RecordError("nothing was answered")
    own = (row.scheduled or 0) / row.seconds * SECONDS_PER_MONTH
    carried, busy_s = None, use.handler_s if way.replicated else use.further_s
    if (by_hour := bought.replicated) is not None:
        if not busy_s > 0:
            raise RecordError("no time in the handler is known, so nothing bounds what a replica carries")
        carried = carried_rate(row, capacity, objective, slots_of(by_hour.purchase) / busy_s)
    return Side(
        workload=row.workload,
        target=row.target,
        profile=row.profile,
        case=row.case,
        bought=bought,
        grounds=OwnMix(
            use=use,
            trials=trials,
            carried=carried,
            billed=billed_per_arrival(trials) if bought.by_use else None,
            busy_s=busy_s,
            arrivals=expected.requests_per_month if expected else own,
            peak_to_mean=expected.peak if expected else DEFAULT_PEAK,
            sandboxes=economics.priced_as.provisioned_concurrency if bought.by_use else 0,
            source=f"measured: the own mix of run {run.manifest.run}, {len(trials)} trials",
        ),
    )
