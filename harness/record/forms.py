"""Forms that stored values have, whatever they are of: texts, counts, numbers, and the record that refuses others."""

import math
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, Strict

from harness.files.problems import quote

Text = Annotated[str, Field(max_length=2000)]
Share = Annotated[float, Field(ge=0, le=1.001)]
Count = Annotated[int, Field(ge=0)]
Amount = Annotated[float, Field(ge=0, le=1e15)]
Sku = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9.-]{0,99}$")]
"""What is sold, as a price book calls it."""
MOST_SECONDS = 1e9
Seconds = Annotated[float, Field(ge=0, le=MOST_SECONDS)]
Span = Annotated[float, Field(ge=-MOST_SECONDS, le=MOST_SECONDS)]
"""Seconds, of either sign."""
Switch = Annotated[bool, Strict()]


def as_seconds(value: Any) -> float | None:
    """As a length of time that can be stored; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_SECONDS:
        return None
    return float(value)


def _number(value: Any) -> float:
    if isinstance(value, int) and not isinstance(value, bool):
        accepted = -(2**63) <= value < 2**63  # a longer one becomes no float: isfinite would raise OverflowError
    else:
        accepted = isinstance(value, float) and math.isfinite(value)
    if not accepted:
        raise ValueError(f"{quote(value)} is not accepted: a finite number is, within 64 bits")
    number: float = value
    return number


Number = Annotated[float, PlainValidator(_number)]
"""As it was written: 1769 stays a whole number."""


class Record(BaseModel):
    """Stored data: unknown fields are kept out, so that a newer file is noticed instead of half-read."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
