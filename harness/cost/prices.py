"""Whose prices a costing rests on."""

from dataclasses import dataclass

from harness.cost.book import PriceBook, book_for, kept_book, price_books, read_book
from harness.errors import UsageError
from harness.files.problems import quote
from harness.record.folder import RunFolder
from harness.record.stated import Economics

CURRENCY = "USD"
"""Of everything that an experiment states."""


@dataclass(frozen=True)
class Found:
    """A book, what to call it, and what must be said of it."""

    book: PriceBook
    words: str
    notices: list[str]


def book_of(run: RunFolder, economics: Economics, given: PriceBook | None) -> Found:
    """The book given, or the one that the run keeps, or today's. UsageError when there is none or it is not in USD."""
    asked, kept, notices = economics.priced_as, run.manifest.prices, []
    if given is not None:
        book, whose = given, "the book given"
        if kept:
            notices.append("prices: not those that the run keeps, but those of the book given")
    elif kept:
        book, whose = kept_book(kept, run.manifest.run), "as the run keeps them"
    else:
        shipped = book_for(asked.provider, asked.region)
        if shipped is None:
            raise UsageError([no_prices(asked.provider, asked.region)])
        book, whose = shipped, "of today"
        notices.append("prices: the run keeps none, so today's are used")
    if book.currency != CURRENCY:
        told = (
            f"prices are in {book.currency}, but the experiment's stakes are in {CURRENCY}: give a book in {CURRENCY}"
        )
        raise UsageError([f"currency: {told}"])
    return Found(book, f"{book.provider} {book.region}, {whose}, {dates(book)}", notices)


def no_prices(provider: str, region: str) -> str:
    """What to do about it."""
    books = [read_book(path) for path in price_books()]
    known = ", ".join(f"{book.provider} {book.region}" for book in books)
    return (
        f"priced_as: no prices for {quote(provider)} {quote(region)}; there are books for {known}: "
        "name one, or give your own with --book"
    )


def dates(book: PriceBook) -> str:
    """From the oldest to the newest row, and how many have no date."""
    known = sorted(price.effective_on for price in book.prices if price.effective_on)
    undated = len(book.prices) - len(known)
    told = f"effective {known[0]} to {known[-1]}" if known else "without dates"
    return f"{told}, {undated} of {len(book.prices)} rows undated" if undated else told
