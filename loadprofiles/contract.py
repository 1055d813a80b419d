"""What a load profile is: a mean rate, a duration, and the arrivals that a seed draws."""

# ruff: noqa: S311 - arrivals must be repeatable, not secret

import array
import hashlib
import random
from abc import abstractmethod
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field


class LoadProfile(BaseModel):
    """Parameters of one profile. `rate` is the mean over `seconds`; every other time is in uncompressed seconds."""

    seeded: ClassVar[bool] = True
    """Whether another seed draws other arrivals."""
    reads_file: ClassVar[bool] = False
    """Whether it needs a parameter `file`; then rate and seconds are the file's own where they are not given."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rate: float = Field(gt=0, le=100_000, description="mean requests per second")
    seconds: float = Field(gt=0, le=31 * 86_400, description="how long arrivals are drawn for")
    compression: float = Field(1.0, ge=1, le=86_400, description="seconds of modelled time per second")

    @classmethod
    def compression_parameters(cls, compression: float) -> dict[str, float]:
        """Parameters that an experiment's own compression gives this profile, unless they are written out."""
        return {"compression": compression}

    @property
    def time_compression(self) -> float:
        """How many seconds of modelled time pass in one second, whichever parameter set it."""
        return 1.0

    @property
    def record(self) -> dict[str, Any]:
        """Parameters that an experiment keeps beside those that were written: what a file holds, and not its name."""
        return {}

    @property
    def notes(self) -> list[str]:
        """What a reader of any figure under these arrivals must know, a sentence each."""
        return []

    def rate_at(self, t: float) -> float | None:
        """Expected requests per second at second `t`; None where the intensity itself is random."""
        return None

    @abstractmethod
    def arrivals(self, seed: int) -> "array.array[float]":
        """Ascending offsets in seconds from the start, all below `seconds`: same parameters and seed, same bytes."""

    def history(self, seed: int, seconds: float) -> "array.array[float]":
        """The same traffic over the `seconds` before the start, as offsets from their begin: what led up to arrivals.

        Where a profile says nothing else it is another window of the same, drawn with a seed of its own."""
        return self.model_copy(update={"seconds": seconds}).arrivals(earlier_seed(seed))


def earlier_seed(seed: int) -> int:
    """What the time before the start is drawn with."""
    return random.Random(f"{seed}/history").getrandbits(63)


def fingerprint(offsets: "array.array[float]") -> str:
    """SHA-256 of the schedule as little-endian float64: what two targets must share."""
    little = array.array("d", offsets)
    if array.array("H", [1]).tobytes()[0] == 0:
        little.byteswap()
    return hashlib.sha256(little.tobytes()).hexdigest()
