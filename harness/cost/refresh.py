"""`frostline prices refresh`: a price book made from public price lists. Runs keep the prices that they were made with.

A new file begins as the shipped book of the same file name; where there is none, as an empty book of AWS in the region
asked for. A row that no list tells stays as it was, with its old date. Tested against hand-made lists in the documented
format: no live list has been read yet, and the command says so.
"""

import re
from datetime import date
from pathlib import Path
from typing import Any

from harness.clock import utc_now
from harness.cost.book import SHIPPED, Price, PriceBook, read_book
from harness.cost.lists.aws import OFFERED, read_aws
from harness.cost.lists.listing import Listing
from harness.cost.lists.source import Fetch, fetch_list
from harness.errors import MissingError, UsageError
from harness.files.problems import quote
from harness.files.strict_yaml import ExactLoader, write_mapping
from harness.files.whole import replacing

PROVIDER = "AWS"
UNTRIED = "note: this reader was tried on hand-made lists only: look the rows over before you use the book"
REGION = re.compile(r"[a-z]{2,}[a-z0-9-]{1,38}")
HEAD = """\
# What {provider} asks in {region}, one row per SKU. Written by `frostline prices refresh` on {today}.
# Prices are text, so that no digit is lost; a tier begins at `from` units a month, without what is free to an account.
# effective_on: since when the source asks this, null where it gives no date. read_on: when it was last read there.
"""


def refresh(book: Path, region: str, fetch: Fetch = fetch_list, today: date | None = None) -> list[str]:
    """Write the book and tell each change, each row that stayed and why, and each list that could not be read.

    UsageError for what is no book or another region's; MissingError, and nothing written, when nothing can be read.
    """
    old = starting_fields(book, region)
    today = today or utc_now().date()
    listing = read_aws(old["region"], old["currency"], today, fetch)
    if not listing.prices:
        why = listing.unread or [f"{sku}: {reason}" for sku, reason in listing.refused.items()]
        fix = "try again where the network lets you reach it, or edit the book by hand"
        raise MissingError("\n".join([*why, f"no price was read and nothing is written: {fix}"]))
    before: dict[str, Price] = {price.sku: price for price in old["prices"]}
    rows, lines = merge_rows(before, listing, old)
    write_book(book, PriceBook.model_validate(old | {"prices": rows}), today)
    confirmed = sum(sku in before and has_same_tiers(before[sku], price) for sku, price in listing.prices.items())
    kept = len(rows) - len(listing.prices)
    count = f"{len(listing.prices)} rows read, {confirmed} of them at the price they had, {kept} kept as they were"
    return [*listing.unread, *lines, *listing.remarks, UNTRIED, f"written: {book}: {count}"]


def starting_fields(book: Path, region: str) -> dict[str, Any]:
    """The fields of the book to start from; `prices` may be empty. UsageError when it cannot be refreshed."""
    if not book.parent.is_dir() or book.is_dir():
        raise UsageError([f"book: {book} cannot be a file: name one in a folder that exists"])
    if any(
        (folder / "manifest.json").exists() and (folder / "requests").is_dir() for folder in book.absolute().parents
    ):
        raise UsageError([f"book: {book} lies in a run, which keeps its prices: name another file"])
    start = book if book.exists() else SHIPPED / book.name
    if not start.exists():
        if not REGION.fullmatch(region):
            raise UsageError([f"region: {quote(region)} is no region: write it as us-east-1"])
        return {"provider": PROVIDER, "region": region, "currency": "USD", "prices": []}
    start_book = read_book(start)
    if start_book.provider != PROVIDER:
        raise UsageError(
            [f"{start}: provider: {quote(start_book.provider)} has no list that is read here, {PROVIDER} has"]
        )
    if not REGION.fullmatch(start_book.region):
        raise UsageError([f"{start}: region: {quote(start_book.region)} is no region: write it as us-east-1"])
    if start_book.region != region:
        mismatch = f"{start} is of {start_book.region}, not of {region}"
        raise UsageError([f"region: {mismatch}: give --region {start_book.region} or another --book"])
    return {name: getattr(start_book, name) for name in ("provider", "region", "currency", "prices")}


def merge_rows(before: dict[str, Price], listing: Listing, old: dict[str, Any]) -> tuple[list[Price], list[str]]:
    """The new rows in the order of the old book, then those that it lacked; and what is to be said of each."""
    rows: list[Price] = []
    lines: list[str] = []
    for sku, was in before.items():
        now = listing.prices.get(sku)
        if now is not None and now.unit != was.unit:
            listing.refused[sku] = f"the book counts it per {was.unit}, the list per {now.unit}"
            now = None
            del listing.prices[sku]
        if now is None:
            why = listing.refused.get(sku, "it is in no list that is read")
            lines.append(f"{sku}: kept at {tiers_text(was)}, effective {was.effective_on or 'unknown'}: {why}")
        elif not has_same_tiers(was, now):
            change = f"{tiers_text(was)} -> {tiers_text(now)}"
            lines.append(f"{sku}: {change} {old['currency']} per {now.unit}, since {now.effective_on}")
        rows.append(now or was)
    for row in OFFERED:
        now = listing.prices.get(row.sku)
        if row.sku not in before and now is not None:
            lines.append(
                f"{row.sku}: new: {tiers_text(now)} {old['currency']} per {now.unit}, since {now.effective_on}"
            )
            rows.append(now)
        elif row.sku not in before:
            lines.append(f"{row.sku}: left out: {listing.refused[row.sku]}")
    return rows, lines


def has_same_tiers(was: Price, now: Price) -> bool:
    """Whether every tier costs what it did."""
    return was.tiers == now.tiers


def tiers_text(price: Price) -> str:
    """A price's tiers in words, e.g. 0.0000166667, from 6000000000 on 0.000015."""
    first, *others = price.tiers
    return ", ".join(
        [
            plain_number(first.price),
            *(f"from {plain_number(tier.begin)} on {plain_number(tier.price)}" for tier in others),
        ]
    )


def plain_number(number: Any) -> str:
    """A number with all its digits and no exponent."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def write_book(path: Path, book: PriceBook, today: date) -> None:
    """Replace the file as a whole, after what is written has been read back. MissingError when it cannot be written."""
    rows = [row_of(price) for price in book.prices]
    fields = {"provider": book.provider, "region": book.region, "currency": book.currency, "prices": rows}
    text = HEAD.format(provider=book.provider, region=book.region, today=today)
    text += write_mapping(fields, default_flow_style=None, width=1000, allow_unicode=False)
    if PriceBook.model_validate(ExactLoader(text).get_single_data()) != book:
        raise AssertionError("a price book is not read as it was written")
    try:
        with replacing(path) as file:
            file.write(text.encode())
    except OSError as error:
        raise MissingError(f"{path} cannot be written ({error.strerror}): name another --book") from None


def row_of(price: Price) -> dict[str, Any]:
    """A row as the book's file has it: exact prices as text, no field that is not set."""
    row = price.model_dump(mode="python", exclude={"tiers"}, exclude_none=True) | {"effective_on": price.effective_on}
    begins = [(tier.begin, plain_number(tier.price)) for tier in price.tiers]
    tiers = [{"from": int(n) if n == n.to_integral_value() else plain_number(n), "price": asks} for n, asks in begins]
    order = ("sku", "service", "unit", "tiers", "effective_on", "source", "confidence", "read_on")
    return {name: (row | {"tiers": tiers})[name] for name in order if name in row or name == "tiers"}
