"""Lines on standard output by which a start is followed from outside: they exist before any request is answered."""

import json

KEY = "frostline.mark"


def mark(kind: str, unit: str, at_ns: int) -> str:
    """One line: kind is init_begin or init_end."""
    return json.dumps({KEY: kind, "unit": unit, "at_ns": at_ns})


def parse(line: bytes) -> tuple[str, int] | None:
    """(kind, at_ns) when the line is a mark; None for anything else that a function prints."""
    if KEY.encode() not in line:
        return None
    try:
        fields = json.loads(line)
        return str(fields[KEY]), int(fields["at_ns"])
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):  # a function may print anything
        return None
