"""Lines on standard output by which a start is followed from outside: they exist before any request is answered."""

import json
from typing import Literal, get_args

KEY = "frostline.mark"
MarkKind = Literal["init_begin", "init_end"]


def mark(kind: MarkKind, unit: str, at_ns: int) -> str:
    """One line for standard output."""
    return json.dumps({KEY: kind, "unit": unit, "at_ns": at_ns})


def parse(line: bytes) -> tuple[MarkKind, int] | None:
    """(kind, at_ns) when the line is a mark; None for anything else that a function prints."""
    if KEY.encode() not in line:
        return None
    try:
        fields = json.loads(line)
        kind, at_ns = fields[KEY], int(fields["at_ns"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):  # a function may print anything
        return None
    return (kind, at_ns) if kind in get_args(MarkKind) else None  # it may print a mark of its own invention, too
