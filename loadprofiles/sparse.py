"""Requests so rare that the keep-alive decides what each one costs. Basis: the long tail of Azure Functions 2019."""

# ruff: noqa: S311 - arrivals must be repeatable, not secret

import array
import itertools
import math
import random
from typing import Any, Self

from pydantic import Field, model_validator

from loadprofiles.contract import LoadProfile, earlier_seed
from loadprofiles.steady import poisson


def positive(value: Any) -> float | None:
    """The value as a positive finite number, else None: what is wrong with it is for its own field to say."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 < number < math.inf else None


class Sparse(LoadProfile):
    """Rare requests, exponential gaps with mean gap_s (give it instead of rate); at least one in every run."""

    gap_s: float | None = Field(None, gt=0, description="mean gap in modelled seconds; rate is compression / gap_s")

    @model_validator(mode="before")
    @classmethod
    def _fill_rate_or_gap(cls, parameters: Any) -> Any:
        if not isinstance(parameters, dict):
            return parameters
        filled = {key: value for key, value in parameters.items() if key not in ("rate", "gap_s") or value is not None}
        compression = positive(filled.get("compression", 1.0))
        for given, missing in (("gap_s", "rate"), ("rate", "gap_s")):
            number = positive(filled.get(given))
            if missing not in filled and number is not None and compression is not None:
                filled[missing] = compression / number
        return filled

    @model_validator(mode="after")
    def _check_agreement(self) -> Self:
        gap_s = self.compression / self.rate
        problems = []
        if self.gap_s is not None and not math.isclose(self.gap_s, gap_s, rel_tol=1e-5):
            problems.append(
                f"gap_s {self.gap_s:g} and rate {self.rate:g} disagree: leave one out, or set gap_s {gap_s:g}"
            )
        if self.rate * self.seconds < 1 - 1e-5:
            problems.append(f"seconds {self.seconds:g} is shorter than one mean gap: set at least {1 / self.rate:g}")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def time_compression(self) -> float:
        """How many modelled seconds pass in one second: gaps are drawn this many times shorter than gap_s."""
        return self.compression

    def rate_at(self, t: float) -> float:
        """Expected requests per second at `t` seconds from the start; 0 outside. With m = rate x seconds this is
        rate / (1 - exp(-m)), since empty draws are drawn again: 0.7 % above rate at m = 5 gaps, 58 % at one.
        """
        return self.rate / -math.expm1(-self.rate * self.seconds) if 0 <= t < self.seconds else 0.0

    def arrivals(self, seed: int) -> "array.array[float]":
        """Offsets in seconds, the first a gap from the start. An empty draw gives way to the seed's next stream."""
        streams = (random.Random(f"{seed}/sparse/{attempt}") for attempt in itertools.count())
        draws = (poisson(self.rate, self.seconds, stream) for stream in streams)
        return next(offsets for offsets in draws if offsets)

    def history(self, seed: int, seconds: float) -> "array.array[float]":
        """Without the one request that a run is sure to have: so rare are they that there may have been none."""
        return poisson(self.rate, seconds, random.Random(f"{earlier_seed(seed)}/sparse"))


PROFILE = Sparse
