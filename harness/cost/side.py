"""One row of a run as a side of the decision: what it is bought as, what it uses, what that comes to."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

from harness.analysis.summary import Row
from harness.cost.bill import Order, bill, utilisation
from harness.cost.book import PriceBook
from harness.cost.break_even import Curve, Curves
from harness.cost.metering import Metered, metered
from harness.cost.nouns import TERMS, CostLine, SideCost, Term, TermName
from harness.cost.replicas import Carried, carried_by
from harness.cost.sku import Kind, purchase_of
from harness.cost.terms import basis_of, notes_of
from harness.cost.use import Use, billed_of, use_of
from harness.errors import RecordError
from harness.files.problems import shown
from harness.record.capacity import Capacity
from harness.record.estimate import Estimate
from harness.record.figures import figure
from harness.record.folder import RunFolder
from harness.record.stated import DEFAULT_PEAK, SECONDS_PER_MONTH, Economics, objective_of

BYTES_PER_GB = 1e9


@dataclass(frozen=True)
class Side:
    """Everything about one side; `arrivals` a month."""

    row: Row
    order: Order
    use: Use
    trials: list[Metered]
    carried: Carried
    arrivals: float
    peak_to_mean: float

    @property
    def kind(self) -> Kind:
        """Service or function."""
        return self.order.kind

    def replicas_at(self, arrivals: float, rate: float | None = None) -> int | None:
        """Of a service at the peak of this traffic."""
        peak_rps = arrivals / SECONDS_PER_MONTH * self.peak_to_mean
        return self.carried.replicas(peak_rps, rate) if self.kind == "service" else None

    @cached_property
    def billed(self) -> Estimate:
        """Of a function, seconds per arrival."""
        return billed_of(self.trials)

    def lines_at(self, arrivals: float, billed_s: float | None = None, rate: float | None = None) -> list[CostLine]:
        """The bill at another traffic, or at an end of what was measured."""
        return bill(self.order, self.use.at(billed_s), arrivals, self.replicas_at(arrivals, rate))

    def total(
        self,
        arrivals: float,
        without: Sequence[TermName] = (),
        billed_s: float | None = None,
        rate: float | None = None,
    ) -> float:
        """USD a month."""
        lines = self.lines_at(arrivals, billed_s, rate)
        return float(sum(line.ListCost for line in lines if line.term not in without))

    @property
    def tellable(self) -> bool:
        """Whether a month can be told at all: a service's replicas must be known."""
        return self.kind == "function" or self.replicas_at(self.arrivals) is not None

    def curves(self, without: Sequence[TermName] = ()) -> Curves | None:
        """Cost over mean rates; None where it cannot be told."""
        if not self.tellable:
            return None
        if self.kind == "function":
            ends, n = (self.billed.low, self.billed.high), self.billed.n
            low, high = ({"billed_s": end} for end in ends)
        else:
            number = self.carried.rate
            low, high, n = {"rate": number.high}, {"rate": number.low}, number.n
        value = self._curve(without)
        return Curves(value, self._curve(without, **low), self._curve(without, **high), n, self._known_to())

    def _known_to(self) -> float:
        """Mean rate up to which one replica is enough even by the least that it carries; no bound where measured."""
        if self.kind == "function" or self.carried.measured:
            return math.inf
        return (self.carried.rate.value or 0.0) / self.peak_to_mean

    def _curve(self, without: Sequence[TermName], **end: float | None) -> Curve:
        return cache(lambda rps: self.total(rps * SECONDS_PER_MONTH, without, **end))

    def per_month(self) -> Estimate:
        """All terms; the interval is of billed time (function) or of capacity (service)."""
        curves, rps = self.curves(), self.arrivals / SECONDS_PER_MONTH
        if curves is None:
            return Estimate(None, why=self.carried.rate.why)
        source = self.billed if self.kind == "function" else self.carried.rate
        ends = None not in (source.low, source.high)
        low, high = (curves.low(rps), curves.high(rps)) if ends else (None, None)
        return Estimate(curves.value(rps), low, high, curves.n, why=source.why, method=source.method)

    def per_1k(self) -> Estimate:
        """For 1,000 good answers."""
        return self.per_month().scaled(1000 / self.good)

    @property
    def good(self) -> float:
        """Good answers a month."""
        return self.arrivals * self.use.good

    def cost(self) -> SideCost:
        """As it is told."""
        replicas = self.replicas_at(self.arrivals)
        lines = self.lines_at(self.arrivals) if self.tellable else []
        return SideCost(
            workload=self.row.workload,
            target=self.row.target,
            profile=self.row.profile,
            kind=self.kind,
            purchase=self.order.purchase,
            replicas=replicas,
            utilisation=utilisation(self.order.purchase, self.use, self.arrivals, replicas) if replicas else None,
            terms=[self._term(name, lines) for name in TERMS] if lines else [],
            lines=lines,
            per_month_usd=self.per_month(),
            per_1k_usd=self.per_1k(),
            notes=[*notes_of(self.order, self.trials), *self._beside(lines)],
        )

    def _beside(self, lines: list[CostLine]) -> Iterator[str]:
        """The same figure without what is only stated, and without what short trials have too much of."""
        if lines:
            usd = self.total(self.arrivals, ("engineering",)) * 1000 / self.good
            yield f"{figure(usd)} USD per 1,000 good answers without engineering"
        if self.kind == "function":
            warm = bill(self.order, self.use.without_starts(self.trials), self.arrivals, None)
            usd = float(sum(line.ListCost for line in warm if line.term != "engineering")) * 1000 / self.good
            yield f"{figure(usd)} if besides none met a start"

    def _term(self, name: TermName, lines: list[CostLine]) -> Term:
        own = [line for line in lines if line.term == name]
        basis, known = basis_of(name, self.order, self.use, self.carried.basis)
        return Term(name, float(sum(line.ListCost for line in own)) if known else None, basis)


def side_of(
    run: RunFolder,
    row: Row,
    economics: Economics,
    book: PriceBook,
    capacity: Capacity | None,
) -> Side:
    """RecordError with the reason where the row cannot be priced."""
    kind = run.manifest.targets.get(row.target, {}).get("kind")
    if kind not in ("service", "function"):
        raise RecordError(f"the manifest does not say whether {shown(row.target)} is a service or a function")
    objective = objective_of(run.manifest.experiment)
    trials = [metered(run, record, objective.latency_ms if objective else 0.0) for record in row.entered]
    use = use_of(trials)
    if use is None or not row.seconds:
        raise RecordError("nothing was answered")
    expected = economics.expected
    own = (row.scheduled or 0) / row.seconds * SECONDS_PER_MONTH
    return Side(
        row=row,
        order=Order(
            kind, purchase_of(kind, row.case, economics.priced_as.architecture), economics, book, image_gb(run, row)
        ),
        use=use,
        trials=trials,
        carried=carried_by(row, capacity, objective),
        arrivals=expected.requests_per_month if expected else own,
        peak_to_mean=expected.peak_to_mean if expected else DEFAULT_PEAK,
    )


def image_gb(run: RunFolder, row: Row) -> float | None:
    """Of the image that the row ran from; None where there was none."""
    size = run.manifest.packages.get(f"{row.workload}/{row.target}", {}).get("size_bytes")
    return size / BYTES_PER_GB if isinstance(size, int) and size > 0 else None
