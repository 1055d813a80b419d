"""What was found in a provider's price lists, ready for a price book."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime

from harness.cost.book import Price
from harness.cost.lists.units import Refused, Tiers


@dataclass
class Listing:
    """Prices by SKU, by SKU why there is none, lists that could not be read, and remarks."""

    prices: dict[str, Price] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def add(self, sku: str, look_up: Callable[[], tuple[Price, str | None]]) -> None:
        """A row's price; when that is refused, its reason."""
        try:
            self.prices[sku], remark = look_up()
        except Refused as refusal:
            self.refused[sku] = str(refusal)
        else:
            self.remarks += [remark] if remark else []


@dataclass(frozen=True)
class Row:
    """What a row of the book is, and how its unit may be called in the list."""

    sku: str
    service: str
    unit: str
    nouns: tuple[str, ...]

    def price(self, tiers: Tiers, effective_on: date, source: str, today: date) -> tuple[Price, str | None]:
        """The row as read today, and what is to be said of it."""
        fields = {
            "sku": self.sku,
            "service": self.service,
            "unit": self.unit,
            "tiers": [{"from": begin, "price": price} for begin, price in tiers.steps],
            "effective_on": effective_on,
            "source": source,
            "confidence": "verified",
            "read_on": today,
        }
        price = Price.model_validate(fields)
        if tiers.free is None:
            return price, None
        return price, f"{self.sku}: the first {tiers.free:,.0f} a month are free to an account: left out"


def agree(prices: list[tuple[Tiers, datetime]]) -> tuple[Tiers, datetime]:
    """The one answer, or several that agree on the price. Refused when there is none, or they differ."""
    if not prices:
        raise Refused("not found in the list")
    if any(tiers != prices[0][0] for tiers, _ in prices):
        raise Refused(f"{len(prices)} different prices fit")
    return prices[0][0], max(at for _, at in prices)
