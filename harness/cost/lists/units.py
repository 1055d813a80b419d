"""Units of price lists, and prices per single unit: what is not surely understood is refused, never guessed."""

import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any

from harness.clock import moment_of
from harness.files.problems import quote

UNIT = re.compile(
    r"(?P<count>\d{1,9}(?:,\d{3})*)?\s*(?P<scale>million|thousand|[km](?![a-z]))?\s*(?P<noun>.*)", re.DOTALL
)
SCALES = {None: 1, "thousand": 1_000, "k": 1_000, "million": 1_000_000, "m": 1_000_000}
NUMBER = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,60})?(?:[eE][+-]?[0-9]{1,2})?")
EXACTLY = Context(prec=400, traps=[Inexact, InvalidOperation])
"""No price is rounded: a result of more digits is none."""


class Refused(Exception):
    """Why a row of a price list is not taken, in words."""


@dataclass(frozen=True)
class Step:
    """From `begin` listed units on, each further one costs `price`; `end` is None where none is given or for ever."""

    begin: Decimal
    end: Decimal | None
    price: Decimal


@dataclass(frozen=True)
class Tiers:
    """Per single unit. `free` units a month cost nothing in the list and are left out of the steps."""

    steps: list[tuple[Decimal, Decimal]]
    free: Decimal | None


def unit_size(unit: Any, nouns: tuple[str, ...]) -> int:
    """How many of the book's units a listed unit is, e.g. 1,000,000 for `1M Requests`. Refused unless it is surely so.

    `nouns` are accepted, in lower case with hyphens.
    """
    match = UNIT.fullmatch(unit.strip().lower()) if isinstance(unit, str) and len(unit) <= 60 else None
    noun = re.sub(r"[\s-]+", "-", match["noun"]) if match else None
    if match is None or noun not in nouns:
        raise Refused(f"its unit {quote(unit)} is not known")
    size = int((match["count"] or "1").replace(",", "")) * SCALES[match["scale"]]
    if not re.fullmatch("10*", str(size)):
        raise Refused(f"its unit {quote(unit)} is no power of ten")
    return size


def number(value: Any) -> Decimal:
    """A number that is exact and not negative, from text or JSON. Refused for anything else."""
    text = str(value) if isinstance(value, str | int | Decimal) and not isinstance(value, bool) else ""
    if not NUMBER.fullmatch(text):
        raise Refused(f"{quote(value)} is no price or amount")
    return Decimal(text)


def moment(value: Any) -> datetime:
    """A time stamp, in UTC. Refused for anything else."""
    try:
        return moment_of(value if isinstance(value, str) else "")
    except ValueError:
        raise Refused(f"{quote(value)} is no date") from None


def tiers(steps: list[Step], size: int) -> Tiers:
    """Steps per single unit, from 0 on and without gaps. Refused otherwise, and for what would cost nothing.

    A free first step is an account's, not a workload's: it is left out, as the book leaves out all such grants.
    """
    steps = sorted(steps, key=lambda step: step.begin)
    begins = [step.begin for step in steps]
    if not steps or begins[0] != 0 or len(set(begins)) < len(begins):
        raise Refused("its tiers do not begin at 0 and ascend")
    if any(step.end is not None and step.end != begin for step, begin in zip(steps[:-1], begins[1:], strict=True)):
        raise Refused("its tiers have gaps")
    free = None
    if steps[0].price == 0 and len(steps) > 1:
        free = steps[1].begin * size
        steps = [Step(Decimal(0), steps[1].end, steps[1].price), *steps[2:]]
    if any(step.price == 0 for step in steps):
        raise Refused("it is listed as costing nothing")
    units = Decimal(size)
    return Tiers([(EXACTLY.multiply(s.begin, units), EXACTLY.divide(s.price, units)) for s in steps], free)
