"""The pace of one answer that comes in chunks: its first one, and the gaps between them, by one clock."""

from array import array

MOST_STAMPS = 100_000
"""So many chunks are stamped; of an answer with more the gaps are not known."""


class Pace:
    """Stamped with each chunk, by whoever makes them or whoever they reach."""

    __slots__ = ("_chunks", "_stamps")

    def __init__(self) -> None:
        self._stamps = array("q")
        self._chunks = 0

    def stamp(self, at_ns: int, chunks: int = 1) -> None:
        """So many chunks at this moment."""
        self._chunks += chunks
        if self._chunks <= MOST_STAMPS:
            self._stamps.extend([at_ns] * chunks)

    @property
    def first_ns(self) -> int | None:
        """When the first one came; None where none did."""
        return self._stamps[0] if self._stamps else None

    def gaps_ns(self, *shares: float) -> list[int | None]:
        """For each share the shortest gap that at least so many of the gaps do not exceed (nearest rank); None where
        there is no gap, or where they are not known."""
        if not 1 < self._chunks <= MOST_STAMPS:
            return [None] * len(shares)
        gaps = sorted(map(int.__sub__, self._stamps[1:], self._stamps))
        return [gaps[max(0, -int(-share * len(gaps) // 1) - 1)] for share in shares]
