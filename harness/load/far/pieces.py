"""What is too long for one message, fetched piece by piece: who receives asks for each, so that nothing piles up."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.errors import TrialError

PIECE_BYTES = 2**20
"""Of one message. A whole number of records."""


class Offer:
    """What one side has ready for the other, by name: bytes, or files that no longer change."""

    def __init__(self, parts: Mapping[str, bytes | Path]) -> None:
        self._parts = parts
        self.sizes = {
            name: len(part) if isinstance(part, bytes) else part.stat().st_size for name, part in parts.items()
        }

    def piece(self, asked: Mapping[str, Any]) -> bytes | None:
        """What was asked for by `name` and `at`; None where that is nothing that there is."""
        name, at = asked.get("name"), asked.get("at")
        if not isinstance(name, str) or type(at) is not int or not 0 <= at < self.sizes.get(name, 0):
            return None
        part = self._parts[name]
        if isinstance(part, bytes):
            return part[at : at + PIECE_BYTES]
        with part.open("rb") as file:
            file.seek(at)
            return file.read(PIECE_BYTES)


Ask = Callable[[str, int], Any]
"""Asks the other side for the piece of this name that begins there, and returns what it says."""


def fetch(name: str, size: int, ask: Ask) -> Iterator[bytes]:
    """All pieces of one part, in order. TrialError as soon as one is not what was asked for."""
    at = 0
    while at < size:
        piece = ask(name, at)
        if not isinstance(piece, bytes) or len(piece) != min(PIECE_BYTES, size - at):
            raise TrialError(f"{name}: the piece at byte {at:,} of {size:,} did not come whole")
        yield piece
        at += len(piece)


def sizes_of(told: Any, names: Mapping[str, int]) -> dict[str, int]:
    """The sizes that the other side tells of these parts. TrialError unless each is there and at most as long as
    `names` allows."""
    sizes = told if isinstance(told, dict) else {}
    for name, most in names.items():
        size = sizes.get(name)
        if type(size) is not int or not 0 <= size <= most:
            raise TrialError(f"{name}: {size!a} bytes are not accepted: 0 to {most:,}")
    return {name: sizes[name] for name in names}
