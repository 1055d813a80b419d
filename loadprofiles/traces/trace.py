"""What reading a file of recorded traffic leaves."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]

MOST_ARRIVALS = 50_000_000
"""Held in memory at once: 400 MB of offsets."""
UNKNOWN_SIZE = -1


class TraceError(ValueError):
    """The file cannot be read as a trace; the message names the file, what was found, and the fix."""


@dataclass(frozen=True)
class Choice:
    """Which of a file's requests are meant."""

    app: str | None = None
    function: str | None = None
    """None: those of all functions, or of all of the app's, added up."""
    failed: str = "drop"
    """Requests that the file marks as failed: drop or keep."""


@dataclass
class Take:
    """What is read so far."""

    starts: list[Floats] = field(default_factory=list)
    """Seconds since an origin that all pieces share."""
    sizes: dict[str, list[NDArray[np.int32]]] = field(default_factory=dict)
    dropped: Counter[str] = field(default_factory=Counter)
    """Rows by the reason why they do not count."""
    notes: list[str] = field(default_factory=list)
    others: dict[str, set[str]] = field(default_factory=dict)
    """By field, names that were met and not asked for; a few, for a message."""
    arrivals: int = 0

    def drop(self, reason: str, count: int) -> None:
        """Count rows that are left out."""
        if count:
            self.dropped[reason] += count


@dataclass(frozen=True)
class Trace:
    """Recorded arrivals, as far as they can be used."""

    file: str
    """Its name, without folders."""
    sha256: str
    """Of the file's bytes."""
    format: str
    offsets_s: Floats
    """Ascending seconds since the first arrival, or, of counts, since the begin of the first interval."""
    period_s: float
    """How long it lasts: after so many seconds it begins again where it is repeated."""
    tick_s: float = 0.0
    """Length of the ticks within which arrivals are to be spread; 0 where the file's own moments count."""
    sizes: dict[str, NDArray[np.int32]] = field(default_factory=dict)
    """tokens_in and tokens_out of each arrival, where the file has them; -1 where a row has none."""
    dropped: dict[str, int] = field(default_factory=dict)
    """Rows that do not count, by reason."""
    notes: list[str] = field(default_factory=list)
    """What a reader of any figure must know: sorted, spread, dropped."""

    @property
    def rate(self) -> float:
        """Mean requests per second over all of it."""
        return len(self.offsets_s) / self.period_s
