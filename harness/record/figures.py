"""Figures as people read them: significant digits, intervals, counts with their nouns."""

import math
from dataclasses import dataclass

from harness.record.estimate import Estimate

MISSING = "–"  # noqa: RUF001
DIGITS = 3
LEAST_MS = 0.01
"""Below this a single duration says nothing: the clocks of several processes take part in it."""


@dataclass(frozen=True)
class Cell:
    """A figure and, in small beside or below it, its interval or a remark."""

    main: str
    small: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing was measured here."""
        return self.main == MISSING


def decimals(value: float, digits: int = DIGITS) -> int:
    """Decimal places that leave this many significant digits; negative ones are left of the point. A stranger's file
    may make an infinite rate, which has none."""
    return digits - 1 - math.floor(math.log10(abs(value))) if value and math.isfinite(value) else 0


def fixed(value: float, places: int) -> str:
    """Rounded to `places`, written without an exponent."""
    return f"{round(value, places):.{max(0, places)}f}"


def figure(value: float | None) -> str:
    """A plain number to three significant digits."""
    return MISSING if value is None else fixed(value, decimals(value))


def money(value: float | None) -> str:
    """Dollars and cents; what is not known is not 0."""
    return MISSING if value is None else f"{value:,.2f}" if value >= 0.01 or value == 0 else figure(value)


def milliseconds(value: float | None) -> Cell:
    """A duration in ms without an interval: three significant digits, but nothing below 0.01 ms."""
    if value is None:
        return Cell(MISSING)
    if 0 < value < LEAST_MS:
        return Cell(f"<{LEAST_MS}")
    return Cell(fixed(value, min(2, decimals(value))))


def cell(estimate: Estimate | None) -> Cell:
    """A number and its interval; of an uncertain number only two digits of the uncertainty are shown."""
    if estimate is None or estimate.value is None:
        return Cell(MISSING)
    value, low, high = estimate.value, estimate.low, estimate.high
    places = decimals(value)
    if low is None or high is None:
        return Cell(fixed(value, places))
    half = min(value - low, high - value)
    if half > 0:
        places = min(places, decimals(half, 2))
    low_text, high_text = (fixed(end, places_of_end(end, places)) for end in (low, high))
    return Cell(fixed(value, places), f"{low_text}–{high_text}")  # noqa: RUF001


def places_of_end(end: float, places: int) -> int:
    """Of an interval: those of its value, but an end that is not 0 never reads as 0."""
    kept = min(places, decimals(end))
    return decimals(end, 1) if end and not round(end, kept) else kept


def percent(estimate: Estimate) -> Cell:
    """A share in percent."""
    return cell(estimate.scale(100))


def percent_of(share: float | None) -> Cell:
    """A share without an interval, in percent."""
    return Cell(MISSING if share is None else figure(100 * share))


def count(n: int | None) -> Cell:
    """A whole number."""
    return Cell(MISSING if n is None else f"{n:,}")


def plural(n: int, one: str, many: str | None = None) -> str:
    """A number with its noun, e.g. 1 round, 3 rounds."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"
