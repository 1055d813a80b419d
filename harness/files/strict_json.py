"""JSON as Frostline stores it. What it never writes is refused at the door, so that no figure has to allow for it."""

import json
import math
import re
from typing import Any

MOST_DEPTH = 100
MOST_DIGITS = 20
HALF_PAIR = re.compile(rb"\\u[dD][89a-fA-F]")


def strict_json(text: bytes) -> Any:
    """The value. ValueError for anything but UTF-8, NaN, infinities, more than 64 bits, and deep nesting."""
    try:
        value = json.loads(text.decode(), parse_int=whole, parse_float=finite, parse_constant=refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if is_deep(value):
        raise ValueError(f"nested more than {MOST_DEPTH} deep")
    if HALF_PAIR.search(text):
        json.dumps(value, ensure_ascii=False).encode()  # UnicodeEncodeError: half a surrogate pair is no character
    return value


def whole(digits: str) -> int:
    """An integer of at most 64 bits; a longer one would not fit a float, and Python would not even print it."""
    if len(digits) > MOST_DIGITS or abs(int(digits)) >= 2**64:
        raise ValueError(f"{digits[:MOST_DIGITS]}... has more than 64 bits")
    return int(digits)


def finite(digits: str) -> float:
    """A number that a float can hold."""
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits[:MOST_DIGITS]} is too large for a number")
    return value


def refuse(name: str) -> Any:
    """ValueError for NaN, Infinity and -Infinity, which are no JSON."""
    raise ValueError(f"{name} is no number")


def is_deep(value: Any) -> bool:
    """Whether lists and objects lie in each other more than MOST_DEPTH deep."""
    level = [value]
    for _ in range(MOST_DEPTH + 1):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in of(outer)]
        if not level:
            return False
    return True


def of(outer: dict[str, Any] | list[Any]) -> list[Any]:
    """What lies in a list or an object and may itself hold something."""
    values = outer.values() if isinstance(outer, dict) else outer
    return [inner for inner in values if isinstance(inner, dict | list)]
