"""A number with its uncertainty, and how numbers are written into JSON."""

import math
from dataclasses import dataclass, fields, is_dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """`value` is None when it may not be told: `why` says it in words, `need` is the sample size that is asked for."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int = 0
    need: int | None = None
    why: str | None = None
    method: str = ""
    warnings: tuple[str, ...] = ()

    def scale(self, factor: float) -> "Estimate":
        """The same estimate in another unit."""
        value, low, high = (None if x is None else x * factor for x in (self.value, self.low, self.high))
        return Estimate(value, low, high, self.n, self.need, self.why, self.method, self.warnings)

    def to_json(self) -> dict[str, Any]:
        """The six fields of a number with uncertainty in frostline/summary/1."""
        return {name: plain(getattr(self, name)) for name in ("value", "low", "high", "n", "need", "why")}


def round_digits(value: float, digits: int = 6) -> float | None:
    """To significant digits; what is not finite has no place in JSON and becomes None."""
    return float(f"{value:.{digits}g}") if math.isfinite(value) else None


def plain(value: Any) -> Any:
    """Any stored value as strict JSON: floats rounded and finite, keys strings, dataclasses by to_json or fields."""
    if hasattr(value, "to_json"):
        return value.to_json()
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return round_digits(value)
    return value
