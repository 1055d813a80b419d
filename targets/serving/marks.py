"""Marks by which a start is followed from outside, on a channel that nothing else writes to: a model may print what it
likes, or close its standard output. They exist before any request is answered."""

import json
import os
from typing import Literal, get_args

from targets.clock import now_ns

KEY = "frostline.mark"
FILE_VARIABLE = "FROSTLINE_MARKS"
"""A file that whoever started this unit reads: what a container is given."""
DESCRIPTOR_VARIABLE = "FROSTLINE_MARKS_FD"
"""A pipe to whoever started this unit: what a process inherits."""
MarkKind = Literal["init_begin", "init_end"]


class Channel:
    """Where this unit's marks go. Nobody listens where neither variable is set: then they go nowhere."""

    def __init__(self) -> None:
        descriptor = os.environ.pop(DESCRIPTOR_VARIABLE, None)
        self._descriptor = int(descriptor) if descriptor else None
        self._path = os.environ.get(FILE_VARIABLE)
        if self._descriptor is not None:
            os.set_inheritable(self._descriptor, False)  # what the model starts must not hold it open

    def tell(self, kind: MarkKind, unit: str, at_ns: int) -> None:
        """Write one mark, in one call. OSError when that cannot be: no start is followed blindly."""
        line = mark(kind, unit, at_ns).encode() + b"\n"
        if self._descriptor is not None:
            os.write(self._descriptor, line)
        elif self._path:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(file, line)
            finally:
                os.close(file)

    def close(self) -> None:
        """No mark follows."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def mark(kind: MarkKind, unit: str, at_ns: int) -> str:
    """One line of the channel."""
    return json.dumps({KEY: kind, "unit": unit, "at_ns": at_ns})


def accept(line: bytes, unit: str, begun_ns: int) -> tuple[MarkKind, int] | None:
    """(kind, at_ns) of a mark that can be true: of this unit, and of a moment since it was asked to start until now.

    None for anything else, which is to be ignored: a model that searches for the channel could write to it."""
    mark = parse(line, unit)
    return mark if mark and begun_ns <= mark[1] <= now_ns() else None


def parse(line: bytes, unit: str | None = None) -> tuple[MarkKind, int] | None:
    """(kind, at_ns) when the line is a mark, of that unit where one is given; None for anything else."""
    if KEY.encode() not in line:
        return None
    try:
        fields = json.loads(line)
        kind, at_ns = fields[KEY], int(fields["at_ns"])
        if unit is not None and fields["unit"] != unit:
            return None
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None
    return (kind, at_ns) if kind in get_args(MarkKind) else None
