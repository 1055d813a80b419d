"""What a load profile is: a mean rate, a duration, and the arrivals that a seed draws."""

import array
import hashlib
from abc import abstractmethod

from pydantic import BaseModel, ConfigDict, Field


class LoadProfile(BaseModel):
    """Parameters of one profile. `rate` is the mean over `seconds`; every other time is in uncompressed seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    rate: float = Field(gt=0, le=100_000, description="mean requests per second")
    seconds: float = Field(gt=0, le=31 * 86_400, description="how long arrivals are drawn for")
    compression: float = Field(1.0, ge=1, le=86_400, description="how many seconds of the modelled time pass in one second")

    @abstractmethod
    def arrivals(self, seed: int) -> "array.array[float]":
        """Ascending offsets in seconds from the start, all below `seconds`: same parameters and seed, same bytes."""


def fingerprint(offsets: "array.array[float]") -> str:
    """SHA-256 of the schedule as little-endian float64: what two targets must share."""
    little = array.array("d", offsets)
    if array.array("H", [1]).tobytes()[0] == 0:
        little.byteswap()
    return hashlib.sha256(little.tobytes()).hexdigest()
