"""Traffic that grows until something gives. No trace stands behind it; the straight line is ours."""

# ruff: noqa: S311 - arrivals must be repeatable, not secret

import array
import math
import random
from typing import Any, Self

from pydantic import Field, model_validator

from loadprofiles.contract import LoadProfile, earlier_seed
from loadprofiles.steady import poisson


class Ramp(LoadProfile):
    """Independent callers who become more: Poisson arrivals at a rate that rises from from_rate to to_rate."""

    from_rate: float = Field(0.0, ge=0, le=100_000, description="requests per second at the start")
    to_rate: float | None = Field(
        None, gt=0, le=200_000, description="requests per second at the end; give it instead of rate, the mean"
    )

    @model_validator(mode="before")
    @classmethod
    def _fill_rate_or_end(cls, parameters: Any) -> Any:
        if not isinstance(parameters, dict):
            return parameters
        filled = {
            key: value for key, value in parameters.items() if key not in ("rate", "to_rate") or value is not None
        }
        begin, end, mean = (_number(filled.get(name, 0.0)) for name in ("from_rate", "to_rate", "rate"))
        if begin is not None and "rate" not in filled and end:
            filled["rate"] = (begin + end) / 2
        elif begin is not None and "to_rate" not in filled and mean and mean >= begin:
            filled["to_rate"] = 2 * mean - begin
        return filled

    @model_validator(mode="after")
    def _check_agreement(self) -> Self:
        end = 2 * self.rate - self.from_rate
        if self.to_rate is None or self.to_rate < self.from_rate:
            lower_rate = f"rate {self.rate:g}" if self.to_rate is None else f"to_rate {self.to_rate:g}"
            raise ValueError(f"from_rate {self.from_rate:g} is above {lower_rate}: a ramp rises, lower from_rate")
        if not math.isclose(self.to_rate, end, rel_tol=1e-5):
            mean = (self.from_rate + self.to_rate) / 2
            raise ValueError(
                f"rate {self.rate:g} is not the mean of from_rate {self.from_rate:g} and to_rate {self.to_rate:g}: "
                f"leave one out, or set rate {mean:g}"
            )
        return self

    @property
    def time_compression(self) -> float:
        """Always 1: the ramp is as long as the run, whatever the experiment compresses."""
        return 1.0

    @property
    def _rise(self) -> float:
        """Requests per second, per second."""
        return 2 * (self.rate - self.from_rate) / self.seconds

    def rate_at(self, t: float) -> float:
        """Expected requests per second at `t` seconds from the start; 0 outside the window."""
        return self.from_rate + self._rise * t if 0 <= t < self.seconds else 0.0

    def arrivals(self, seed: int) -> "array.array[float]":
        """Offsets in seconds: arrivals at rate 1, each put where as many are expected (time change; Cinlar, 1975).
        The count is Poisson with mean rate x seconds, so a very short window can be empty.
        """
        stream = random.Random(f"{seed}/ramp")
        offsets = array.array("d")
        expected = stream.expovariate(1.0)
        while (t := self._time_of(expected)) < self.seconds:
            offsets.append(t)
            expected += stream.expovariate(1.0)
        return offsets

    def history(self, seed: int, seconds: float) -> "array.array[float]":
        """What led up to it came at the first rate; nothing where that is 0."""
        if not self.from_rate:
            return array.array("d")
        return poisson(self.from_rate, seconds, random.Random(f"{earlier_seed(seed)}/ramp"))

    def _time_of(self, expected: float) -> float:
        # The root of from_rate t + rise t^2 / 2 = expected, written so that nothing cancels and a rise of 0 is no case.
        root = math.sqrt(self.from_rate**2 + 2 * self._rise * expected)
        speed = self.from_rate + root
        return 2 * expected / speed if speed else self.seconds


def _number(value: Any) -> float | None:
    """The value as a finite number from 0, else None: what is wrong with it is for its own field to say."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number < math.inf else None


PROFILE = Ramp
