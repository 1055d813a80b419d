"""The bill of one month: priced lines, each quantity x unit price = cost to the last digit."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal

from harness.cost.book import PriceBook
from harness.cost.month import Month
from harness.cost.nouns import CostLine, Purchase, TermName
from harness.cost.usage import Meter
from harness.errors import RecordError
from harness.files.problems import quote
from harness.record.nouns import Case
from harness.record.stated import HOURS_PER_MONTH, Economics

MB_PER_GB = 1024
HYBRID = "hybrid"
"""The kind of what has parts of both kinds."""
PLACES = Decimal("0.000001")
STATED_BY = "stated in the experiment"
STATED = "stated"
"""Source of a quantity that the experiment states, or leaves to a default that its notices tell."""
IMAGE_SIZE = "measured size of the image, times the versions stated"


@dataclass(frozen=True)
class Way:
    """A way of buying: a file of `cost/platforms`, by whose name targets say that they are bought so."""

    kind: str
    """The side of the question, for which people's hours may be stated: service or function."""
    replicated: bool
    """Whether units are bought by the hour for the peak, and not by what each request uses."""
    purchase: Callable[[Case, str], Purchase]
    """The nearest size that is sold, for a case and an architecture. RecordError where there is none."""
    meter: Meter
    lines: Callable[["Bought", Month], Iterator[CostLine]]
    """What the provider bills besides the registry."""
    basis: Callable[["Bought", Month, TermName, str], str]
    """On what a billed term rests; the text is on what the replicas rest."""
    least_units: int = 0
    """Paid for all month even where fewer carry the traffic."""


@dataclass(frozen=True)
class Bought:
    """What a bill is written for. `image_gb` is None where the image's size is not known."""

    way: Way
    purchase: Purchase
    economics: Economics
    book: PriceBook
    image_gb: float | None
    further: "tuple[Bought, ...]" = ()
    """Parts behind the one that requests reach: each is bought on its own, from the same image."""
    beside: str = ""
    """The server that its units need, which no bill has."""

    @property
    def kind(self) -> str:
        """service, function, or hybrid where parts are of both kinds."""
        kinds = {part.way.kind for part in self.parts}
        return self.way.kind if len(kinds) == 1 else HYBRID

    @property
    def parts(self) -> "tuple[Bought, ...]":
        """All of it."""
        return (self, *self.further)

    @property
    def replicated(self) -> "Bought | None":
        """The part whose units are bought by the hour, if there is one."""
        return next((part for part in self.parts if part.way.replicated), None)

    @property
    def by_use(self) -> bool:
        """Whether any part is billed by what each request uses."""
        return any(not part.way.replicated for part in self.parts)

    def paid(self, month: Month) -> Month:
        """The month with the units that are paid for at least."""
        least = self.way.least_units * HOURS_PER_MONTH
        return month if month.unit_hours is None else replace(month, unit_hours=max(least, month.unit_hours))

    @property
    def memory_gb(self) -> float:
        """Memory of one replica or sandbox."""
        return self.purchase.memory_mb / MB_PER_GB


def bill(bought: Bought, month: Month) -> list[CostLine]:
    """A month's lines."""
    of_parts = [line for part in bought.parts for line in part.way.lines(part, month)]
    billed = [*of_parts, *_registry(bought)]
    return [*billed, *_penalty(bought, month), *_people(bought)]


def _registry(bought: Bought) -> Iterator[CostLine]:
    if bought.image_gb is not None:
        kept_gb = bought.image_gb * bought.economics.priced_as.image_versions
        yield from lines(bought, "platform", "ecr.gb-month", kept_gb, IMAGE_SIZE)


def _penalty(bought: Bought, month: Month) -> Iterator[CostLine]:
    stakes = bought.economics.stakes
    for name, requests, usd in (
        ("late", month.late, stakes.late_request_usd),
        ("failed", month.bad, stakes.failed_request_usd),
    ):
        if usd is not None:
            sku = f"stated.{name}-request"
            yield _stated(bought, "scaling penalty", sku, "request", requests, usd, month.source)


def _people(bought: Bought) -> Iterator[CostLine]:
    stakes, kind = bought.economics.stakes, bought.kind
    if (usd := stakes.platform_usd(kind)) is not None:
        yield _stated(bought, "stated platform", "stated.platform", "month", 1, usd, STATED)
    if (stated := stakes.engineering(kind)) is not None:
        hours, usd_per_hour = stated
        yield _stated(bought, "engineering", "stated.engineering", "hour", hours, usd_per_hour, STATED)


def lines(bought: Bought, term: TermName, sku: str, units: float, source: str) -> Iterator[CostLine]:
    """One line per price tier that so many units a month reach. UsageError when the book has no such row.

    `source` says where the units come from.
    """
    book = bought.book
    price = book.price(sku)
    for quantity, unit_price in price.parts(_exact(units)):
        cost, region = quantity * unit_price, book.region
        yield CostLine(
            term, price.service, price.sku, region, price.unit, quantity, unit_price, cost, book.currency, source
        )


def _stated(bought: Bought, term: TermName, sku: str, unit: str, units: float, usd: float, source: str) -> CostLine:
    quantity, unit_price = _exact(units), Decimal(str(usd))
    region, currency = bought.book.region, bought.book.currency
    return CostLine(term, STATED_BY, sku, region, unit, quantity, unit_price, quantity * unit_price, currency, source)


def _exact(units: float) -> Decimal:
    return Decimal(repr(units)).quantize(PLACES, ROUND_HALF_UP)


def size_of(case: Case, name: str) -> float:
    """Memory or vCPU that a row was measured with. RecordError when the run does not say."""
    value = case.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise RecordError(f"case.{name}: {quote(value)} is not a size, so nothing can be priced")
    return float(value)


def refuse_accelerators(case: Case, seller: str) -> None:
    """RecordError for a row that was measured with GPUs, where none are sold: its bill would lack the dearest part."""
    if (count := case.get("accelerators")) not in (None, 0):
        raise RecordError(
            f"case.accelerators: {quote(count)} GPUs a unit are not sold by {seller}: no bill can be made"
        )
