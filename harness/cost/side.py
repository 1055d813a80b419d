"""One side of the decision: what it is bought as, what a month of it uses, and what that costs."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from harness.cost.bill import Bought, bill
from harness.cost.curves import Curves
from harness.cost.month import End, Month
from harness.cost.nouns import BILLED, TERMS, Basis, CostLine, SideCost, TermName
from harness.cost.words import notes_of, terms_of, total
from harness.record.estimate import Estimate
from harness.record.nouns import Case

Terms = tuple[TermName, ...]
PriceOf = Callable[[Month], float]


class Grounds(Protocol):
    """Where a side's quantities come from: a run's own mix, or a forecast."""

    @property
    def basis(self) -> Basis:
        """Which of the two."""

    @property
    def n(self) -> int:
        """Trials, steps of a capacity search, or resamples."""

    @property
    def why(self) -> str | None:
        """Why an end is not there, or is but a bound."""

    @property
    def method(self) -> str:
        """Of the interval."""

    @property
    def source(self) -> str:
        """Where the quantities come from, in words."""

    @property
    def words(self) -> str:
        """On what the replicas rest."""

    @property
    def is_bound(self) -> bool:
        """Whether the cost lies anywhere within its interval."""

    @property
    def replicas(self) -> int | None:
        """Of a service, in the month that is priced."""

    def month(self, end: End) -> Month | None:
        """The month that is priced, at the cheap and at the dear end; None for an end that is not known."""

    def curves(self, price: PriceOf) -> Curves:
        """What a month costs over mean rates."""

    def notes(self, price: PriceOf) -> Iterator[str]:
        """What must be said of the quantities."""


@dataclass(frozen=True)
class Side:
    """A target under one traffic, with everything from which its cost follows."""

    workload: str
    target: str
    profile: str
    case: Case
    bought: Bought
    grounds: Grounds

    @property
    def traffic(self) -> tuple[str, str, Basis]:
        """What two sides must share to be set beside each other."""
        return self.workload, self.profile, self.grounds.basis

    @property
    def month(self) -> Month:
        """The one that is priced; a side without it is never made."""
        month = self.grounds.month("value")
        assert month is not None
        return month

    def lines(self) -> list[CostLine]:
        """The bill of the month."""
        return bill(self.bought, self.month)

    def price_of(self, terms: Terms) -> PriceOf:
        """USD of these terms in a month."""
        return lambda month: total(bill(self.bought, month), *terms)

    def curves(self, terms: Terms) -> Curves:
        """Cost of these terms over mean rates, with both ends."""
        return self.grounds.curves(self.price_of(terms))

    def estimate(self, of: Callable[[Month, End], float]) -> Estimate:
        """A cost with both ends; none for an end that is not known."""
        value, low, high = (
            None if (month := self.grounds.month(end)) is None else of(month, end) for end in ("value", "low", "high")
        )
        if low is not None and high is not None:
            low, high = min(low, high), max(low, high)
        return Estimate(value, low, high, self.grounds.n, why=self.grounds.why, method=self.grounds.method)

    def per_month(self, terms: Terms) -> Estimate:
        """USD a month of these terms."""
        price = self.price_of(terms)
        return self.estimate(lambda month, _: price(month))

    def per_1k(self, terms: Terms) -> Estimate:
        """The same for 1,000 good answers: the cheap end has the most of them, the dear one the fewest."""
        price = self.price_of(terms)

        def cost(month: Month, end: End) -> float:
            other: End = "high" if end == "low" else "low" if end == "high" else "value"
            against = self.grounds.month(other) or month
            return price(month) * 1000 / against.good

        return self.estimate(cost)

    @property
    def has_stated(self) -> bool:
        """Whether the experiment states anything that this side's bill has."""
        return any(line.term not in BILLED for line in self.lines())

    def cost(self) -> SideCost:
        """What this side costs, as tables and JSON have it."""
        bought, month, lines = self.bought, self.month, self.lines()
        by_hour = bought.replicated or bought
        return SideCost(
            workload=self.workload,
            target=self.target,
            profile=self.profile,
            kind=bought.kind,
            purchase=bought.purchase,
            further=[part.purchase for part in bought.further],
            replicas=self.grounds.replicas,
            utilisation=by_hour.paid(month).utilisation(by_hour.purchase),
            terms=terms_of(bought, month, self.grounds.words, lines),
            lines=lines,
            per_month_usd=self.per_month(BILLED),
            per_1k_usd=self.per_1k(BILLED),
            notes=[*notes_of(bought), *self.grounds.notes(self.price_of(BILLED))],
            per_month_with_stated_usd=self.per_month(TERMS) if self.has_stated else None,
            per_1k_with_stated_usd=self.per_1k(TERMS) if self.has_stated else None,
            case=self.case,
            basis=self.grounds.basis,
            arrivals=month.arrivals,
            source=self.grounds.source,
            is_bound=self.grounds.is_bound,
        )
