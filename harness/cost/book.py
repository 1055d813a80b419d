"""Dated prices, a row per SKU, exact arithmetic over their tiers, and whose prices a costing rests on.

Nothing here is fetched or guessed.
"""

import itertools
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from harness.errors import RecordError, UsageError
from harness.files.problems import problems_in, quote
from harness.files.strict_yaml import ExactLoader, read_mapping
from harness.record.folder import RunFolder
from harness.record.forms import Sku
from harness.record.stated import Economics

SHIPPED = Path(__file__).parent / "books"
STALE_DAYS = 120
CURRENCY = "USD"
"""Of everything that an experiment states."""
NUMBER = re.compile(r"(?:[0-9]{1,60}(?:\.[0-9]{0,60})?|\.[0-9]{1,60})(?:[eE][+-]?[0-9]{1,3})?")
"""As price lists write one, in ASCII; its digits are all kept, and an exponent cannot blow it up."""
Text = Annotated[str, Field(min_length=1, max_length=200)]


class Entry(BaseModel):
    """A piece of the book: unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Tier(Entry):
    """From this many units a month on, each further one costs so much."""

    begin: Decimal = Field(alias="from", ge=0, le=10**15)
    price: Decimal = Field(ge=0, le=10**9)

    @field_validator("begin", "price", mode="before")
    @classmethod
    def _exact(cls, value: Any) -> Any:
        """With every digit that was written; what has lost digits already, or is no plain number, is refused."""
        if isinstance(value, float):
            raise ValueError(f'{value} is a number that may have lost digits: write it in quotes, "{value}"')
        text = str(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else ""
        if not NUMBER.fullmatch(text):
            raise ValueError(f"{quote(value)} is not accepted: a number of at least 0 is, without commas")
        return value


class Price(Entry):
    """One row of a book: what a SKU costs, since when and by which source."""

    sku: Sku
    service: Text
    unit: Text
    tiers: Annotated[list[Tier], Field(min_length=1)]
    effective_on: date | None
    """None where the source gives no date."""
    source: Text
    confidence: Literal["verified", "corroborated", "unverified"]
    read_on: date | None = None
    """When `prices refresh` last found it in its source: a price may hold for years and yet be today's."""

    @field_validator("tiers")
    @classmethod
    def _ascending(cls, tiers: list[Tier]) -> list[Tier]:
        begins = [tier.begin for tier in tiers]
        if begins[0] != 0 or any(later <= earlier for earlier, later in itertools.pairwise(begins)):
            raise ValueError(f"{', '.join(map(str, begins))}: tiers begin at 0 and ascend")
        return tiers

    def parts(self, units: Decimal, before: Decimal = Decimal(0)) -> list[tuple[Decimal, Decimal]]:
        """(units, unit price) for each tier that so many units reach, where the month had so many `before` them.

        ValueError for less than none.
        """
        if units < 0 or before < 0:
            raise ValueError(f"{min(units, before)} {self.unit}: not less than 0")
        after = before + units
        ends = [*(tier.begin for tier in self.tiers[1:]), after]
        units_of = [
            max(Decimal(0), min(after, end) - max(before, tier.begin))
            for tier, end in zip(self.tiers, ends, strict=True)
        ]
        return [(part, tier.price) for part, tier in zip(units_of, self.tiers, strict=True) if part]

    def cost(self, units: Decimal) -> Decimal:
        """What so many units a month cost, each tier at its own price. ValueError for less than none."""
        return sum((part * price for part, price in self.parts(units)), Decimal(0))

    def doubts(self, today: date) -> list[str]:
        """Why this row should be looked up again before it is quoted."""
        doubts = ["unverified"] if self.confidence == "unverified" else []
        seen = self.read_on or self.effective_on
        ahead = [day for day in (self.effective_on, self.read_on) if day is not None and day > today]
        doubts += [f"{ahead[0]} is in the future"] if ahead else []
        if seen is None:
            return ["not dated", *doubts]
        age = (today - seen).days
        return [f"{age} days old, more than {STALE_DAYS}", *doubts] if age > STALE_DAYS else doubts


class PriceBook(Entry):
    """What one provider asks in one region, in one currency."""

    provider: Text
    region: Text
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
    prices: Annotated[list[Price], Field(min_length=1)]

    @field_validator("prices")
    @classmethod
    def _once(cls, prices: list[Price]) -> list[Price]:
        skus = [price.sku for price in prices]
        if twice := sorted({sku for sku in skus if skus.count(sku) > 1}):
            raise ValueError(f"{', '.join(twice)}: given twice, keep one row per SKU")
        return prices

    def to_json(self) -> dict[str, Any]:
        """The book as a run keeps it: exact prices as text."""
        return self.model_dump(mode="json", by_alias=True)

    def price(self, sku: str) -> Price:
        """The row of a SKU. UsageError that lists what there is."""
        row = next((price for price in self.prices if price.sku == sku), None)
        if row is None:
            known = ", ".join(price.sku for price in self.prices)
            raise UsageError([f"sku: {sku!a} has no price in {self.provider} {self.region}, which has: {known}"])
        return row


def price_books() -> list[Path]:
    """The books that come with Frostline."""
    return sorted(SHIPPED.glob("*.yaml"))


def read_book(path: Path) -> PriceBook:
    """Read a book from its file. UsageError with every problem."""
    try:
        return PriceBook.model_validate(read_mapping(path, ExactLoader))
    except ValidationError as error:
        raise UsageError([f"{path}: {line}" for line in problems_in(error)]) from None


def book_for(provider: str, region: str) -> PriceBook | None:
    """The shipped book of a region; None when there is none."""
    books = (_read_as_written(path, path.stat().st_mtime_ns) for path in price_books())
    return next((book for book in books if (book.provider, book.region) == (provider, region)), None)


@lru_cache(maxsize=8)  # asked for every run of a history: read again only once its file was written
def _read_as_written(path: Path, written_ns: int) -> PriceBook:
    return read_book(path)


def read_kept_book(prices: dict[str, Any], source: str) -> PriceBook:
    """Read the book that a run keeps. RecordError with every problem."""
    try:
        return PriceBook.model_validate(prices)
    except ValidationError as error:
        raise RecordError("\n".join(f"{source}: prices: {line}" for line in problems_in(error))) from None


def check_books(paths: list[Path], today: date) -> list[str]:
    """A line for each row that is stale or unverified. UsageError when a book is malformed."""
    lines = []
    for book in map(read_book, paths):
        for price in book.prices:
            if doubts := price.doubts(today):
                reasons = f"{'; '.join(doubts)} (effective {price.effective_on or 'unknown'}, {price.source})"
                lines.append(f"{book.provider} {book.region} {price.sku}: {reasons}")
    return lines


@dataclass(frozen=True)
class ChosenBook:
    """The book that a costing rests on, what to call it, and what must be said of it."""

    book: PriceBook
    words: str
    notices: list[str]


def choose_book(run: RunFolder, economics: Economics, given: PriceBook | None) -> ChosenBook:
    """The book given, or the one that the run keeps, or today's. UsageError when there is none or it is not in USD."""
    terms, kept, notices = economics.priced_as, run.manifest.prices, []
    if given is not None:
        book, whose = given, "the book given"
        if kept:
            notices.append("prices: not those that the run keeps, but those of the book given")
    elif kept:
        book, whose = read_kept_book(kept, run.manifest.run), "as the run keeps them"
    else:
        shipped = book_for(terms.provider, terms.region)
        if shipped is None:
            raise UsageError([no_prices(terms.provider, terms.region)])
        book, whose = shipped, "of today"
        notices.append("prices: the run keeps none, so today's are used")
    if book.currency != CURRENCY:
        problem = f"prices are in {book.currency}, but the experiment's stakes are in {CURRENCY}"
        raise UsageError([f"currency: {problem}: give a book in {CURRENCY}"])
    return ChosenBook(book, f"{book.provider} {book.region}, {whose}, {dates_of(book)}", notices)


def no_prices(provider: str, region: str) -> str:
    """A problem in words: there is no book for this region, which there are, and what to do about it."""
    books = [read_book(path) for path in price_books()]
    known = ", ".join(f"{book.provider} {book.region}" for book in books)
    return (
        f"priced_as: no prices for {quote(provider)} {quote(region)}; there are books for {known}: "
        "name one, or give your own with --book"
    )


def dates_of(book: PriceBook) -> str:
    """The dates of the oldest and the newest row in words, and how many rows have none."""
    dates = sorted(price.effective_on for price in book.prices if price.effective_on)
    undated = len(book.prices) - len(dates)
    words = f"effective {dates[0]} to {dates[-1]}" if dates else "without dates"
    return f"{words}, {undated} of {len(book.prices)} rows undated" if undated else words
