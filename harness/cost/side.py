"""One row of a run as a side of the decision: what it is bought as, what it uses, what that comes to."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

from harness.analysis.summary import Row
from harness.cost.bill import Bought, bill
from harness.cost.book import PriceBook
from harness.cost.break_even import Curve, Curves
from harness.cost.nouns import BILLED, TERMS, CostLine, SideCost, TermName
from harness.cost.platforms import way_for
from harness.cost.replicas import Carried, carried_rate, utilisation
from harness.cost.usage import TrialUse, Use, billed_per_arrival, read_use, use_of
from harness.cost.words import notes_of, terms_of, total
from harness.errors import RecordError
from harness.record.capacity import KeptCapacity
from harness.record.estimate import Estimate
from harness.record.figures import figure
from harness.record.folder import RunFolder
from harness.record.stated import DEFAULT_PEAK, SECONDS_PER_MONTH, Economics, objective_of

BYTES_PER_GB = 1e9
Terms = tuple[TermName, ...]


@dataclass(frozen=True)
class Measured:
    """What a bill takes from measurement: what an arrival uses, and requests per second that a replica carries."""

    use: Use
    carried_rps: float | None


@dataclass(frozen=True)
class Side:
    """Everything from which one side's cost follows; `arrivals` is a month's."""

    row: Row
    bought: Bought
    use: Use
    trials: list[TrialUse]
    carried: Carried
    arrivals: float
    peak_to_mean: float

    @cached_property
    def uncertain(self) -> Estimate:
        """The measured quantity whose interval is the cost's: what a replica carries, or seconds billed per arrival."""
        return self.carried.rate if self.bought.way.replicated else billed_per_arrival(self.trials)

    @property
    def measured(self) -> Measured:
        """Use and capacity as measured, at neither end."""
        return Measured(self.use, self.carried.rate.value)

    def at(self, end: float | None) -> Measured:
        """Use and capacity at one end of the uncertain quantity; as measured where it has none."""
        if end is None:
            return self.measured
        if self.bought.way.replicated:
            return Measured(self.use, end)
        return Measured(replace(self.use, billed_s=end), None)

    def replicas_at(self, arrivals: float, measured: Measured) -> int | None:
        """Units bought for the peak of this traffic; None where they are not bought by the hour, or not known."""
        if not self.bought.way.replicated:
            return None
        return self.carried.replicas(arrivals / SECONDS_PER_MONTH * self.peak_to_mean, measured.carried_rps)

    def lines_at(self, arrivals: float, measured: Measured) -> list[CostLine]:
        """The bill of a month at this traffic."""
        return bill(self.bought, measured.use, arrivals, self.replicas_at(arrivals, measured))

    @property
    def can_be_told(self) -> bool:
        """Whether a month can be told at all: replicas must be known where they are paid."""
        return not self.bought.way.replicated or self.replicas_at(self.arrivals, self.measured) is not None

    def curves(self, terms: Terms) -> Curves | None:
        """Cost of these terms over mean rates, as measured and at both ends; None where it cannot be told."""
        if not self.can_be_told:
            return None
        # A replica that carries more is the cheap end; a request that is billed longer is the dear one.
        low, high = self.uncertain.low, self.uncertain.high
        cheap, dear = (high, low) if self.bought.way.replicated else (low, high)
        value, least, most = (self.curve(terms, at) for at in (self.measured, self.at(cheap), self.at(dear)))
        return Curves(value, least, most, self.uncertain.n, self.known_to)

    def curve(self, terms: Terms, measured: Measured) -> Curve:
        """USD a month over mean requests per second."""
        return lambda rps: total(self.lines_at(rps * SECONDS_PER_MONTH, measured), *terms)

    @property
    def known_to(self) -> float:
        """Mean rate up to which one replica is enough even by the least that it carries; no bound where measured."""
        if not self.bought.way.replicated or self.carried.measured:
            return math.inf
        return (self.carried.rate.value or 0.0) / self.peak_to_mean

    def per_month(self, terms: Terms) -> Estimate:
        """USD a month of these terms. There is no interval where an end of the uncertain quantity is not known."""
        curves, rps, source = self.curves(terms), self.arrivals / SECONDS_PER_MONTH, self.uncertain
        if curves is None:
            return Estimate(None, why=self.carried.rate.why)
        ends = None not in (source.low, source.high)
        low, high = (curves.low(rps), curves.high(rps)) if ends else (None, None)
        return Estimate(curves.value(rps), low, high, curves.n, why=source.why, method=source.method)

    @property
    def good(self) -> float:
        """Good answers a month."""
        return self.arrivals * self.use.good

    @property
    def has_stated(self) -> bool:
        """Whether the experiment states anything that this side's bill has."""
        return any(line.term not in BILLED for line in self.lines_at(self.arrivals, self.measured))

    def cost(self) -> SideCost:
        """What this side costs, as tables and JSON have it."""
        replicas = self.replicas_at(self.arrivals, self.measured)
        lines = self.lines_at(self.arrivals, self.measured) if self.can_be_told else []
        month, whole = self.per_month(BILLED), self.per_month(TERMS) if self.has_stated else None
        bought = self.bought
        return SideCost(
            workload=self.row.workload,
            target=self.row.target,
            profile=self.row.profile,
            kind=bought.way.kind,
            purchase=bought.purchase,
            replicas=replicas,
            utilisation=utilisation(bought.purchase, self.use, self.arrivals, replicas) if replicas else None,
            terms=terms_of(bought, self.use, self.carried.basis, lines),
            lines=lines,
            per_month_usd=month,
            per_1k_usd=month.scale(1000 / self.good),
            notes=[*notes_of(bought, self.trials), *self.if_warm()],
            per_month_with_stated_usd=whole,
            per_1k_with_stated_usd=whole.scale(1000 / self.good) if whole else None,
            case=self.row.case,
        )

    def if_warm(self) -> Iterator[str]:
        """The cost without what short trials have too much of; only where a request's own time is billed."""
        if not self.bought.way.replicated:
            warm = Measured(self.use.without_starts(self.trials), None)
            usd = total(self.lines_at(self.arrivals, warm), *BILLED) * 1000 / self.good
            yield f"{figure(usd)} USD per 1,000 good answers if none met a start"


def price_side(run: RunFolder, row: Row, economics: Economics, book: PriceBook, capacity: KeptCapacity | None) -> Side:
    """A row as a side of the decision. RecordError with the reason where it cannot be priced."""
    parts = run.manifest.target(row.target).parts
    if len(parts) > 1:
        raise RecordError(f"a bill of several parts is not known here, and it has {len(parts)}")
    way = way_for(parts[0].bought_as if parts else None)
    objective = objective_of(run.manifest.experiment)
    trials = [read_use(run, record, objective.latency_ms if objective else 0.0, way.meter) for record in row.entered]
    use = use_of(trials)
    if use is None or not row.seconds:
        raise RecordError("nothing was answered")
    expected = economics.expected
    own = (row.scheduled or 0) / row.seconds * SECONDS_PER_MONTH
    purchase = way.purchase(row.case, economics.priced_as.architecture)
    return Side(
        row=row,
        bought=Bought(way, purchase, economics, book, image_gb(run, row)),
        use=use,
        trials=trials,
        carried=carried_rate(row, capacity, objective),
        arrivals=expected.requests_per_month if expected else own,
        peak_to_mean=expected.peak if expected else DEFAULT_PEAK,
    )


def image_gb(run: RunFolder, row: Row) -> float | None:
    """Size of the image that the row ran from; None where there was none."""
    size = run.manifest.packages.get(f"{row.workload}/{row.target}", {}).get("size_bytes")
    return size / BYTES_PER_GB if isinstance(size, int) and size > 0 else None
