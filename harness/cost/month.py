"""What one month uses, as it can be billed: by what a run measured of each arrival, or by a forecast's quantities."""

import math
from dataclasses import dataclass
from typing import Literal

from harness.cost.nouns import Purchase, TermName
from harness.errors import RecordError
from harness.record.forecast import Figure, Quantities

End = Literal["value", "low", "high"]
"""Of a quantity: what is taken for it, or an end of its interval."""


@dataclass(frozen=True)
class Month:
    """Requests and time of 730 hours; what a side does not use is None."""

    arrivals: float
    invoked: float
    good: float
    late: float
    """Good answers that met a start and missed the objective."""
    billed_s: float | None = None
    """Of a function, initialisation included."""
    overflow_s: float | None = None
    """Those of `billed_s` that provisioned concurrency could not carry; None without any."""
    unit_hours: float | None = None
    """Replicas times hours."""
    busy_hours: float | None = None
    """Of slots that serve, one a vCPU."""
    told: float = 0.0
    """Requests of which the platform itself said what it bills."""
    source: str = "measured"
    """Where these quantities come from, in words."""

    @property
    def bad(self) -> float:
        """Arrivals without a good answer."""
        return max(0.0, self.arrivals - self.good)

    def per_arrival(self, quantity: float | None) -> float:
        """A share or a mean; 0 where nothing arrives."""
        return (quantity or 0.0) / self.arrivals if self.arrivals else 0.0

    def utilisation(self, purchase: Purchase) -> float | None:
        """Share of the replicas' time in which they infer, one inference at a time per vCPU; 1 at most."""
        if self.busy_hours is None or not self.unit_hours:
            return None
        return min(1.0, self.busy_hours / (self.unit_hours * slots_of(purchase)))

    def shares(self, purchase: Purchase) -> list[tuple[TermName, float]]:
        """Of the replicas' hours: the busy ones are compute, the rest idle; all compute where it is not known which."""
        busy = self.utilisation(purchase)
        return [("compute", 1.0)] if busy is None else [("compute", busy), ("idle", 1 - busy)]


def slots_of(purchase: Purchase) -> int:
    """Inferences at a time in one unit."""
    return max(1, math.floor(purchase.vcpus))


def month_of(quantities: Quantities, end: End, source: str) -> Month:
    """A forecast's month at one end of what it is sure of. RecordError for a quantity that is withheld."""
    good, invoked = (amount(name, getattr(quantities, name), end) for name in ("good", "invoked"))
    billed_s, overflow_s, unit_hours, late = (
        None if figure is None else amount(name, figure, end)
        for name, figure in (
            ("billed_s", quantities.billed_s),
            ("overflow_s", quantities.overflow_s),
            ("unit_hours", quantities.unit_hours),
            ("late", quantities.late),
        )
    )
    busy_hours = None if quantities.busy_hours is None else amount("busy_hours", quantities.busy_hours, "value")
    return Month(
        arrivals=quantities.arrivals,
        invoked=invoked,
        good=good,
        late=late or 0.0,
        billed_s=billed_s,
        overflow_s=overflow_s,
        unit_hours=unit_hours,
        busy_hours=busy_hours,
        source=source,
    )


def amount(name: str, figure: Figure, end: End) -> float:
    """A quantity at one end. RecordError with its reason where there is none."""
    found: float | None = getattr(figure, end)
    if found is None:
        raise RecordError(f"{name}: {figure.why or f'it has no {end} end'}")
    return found


def provisioned_overflow_s(billed_s: float, sandboxes: int, seconds: float) -> float | None:
    """Seconds on demand if just the mean of busy sandboxes counted: all that a run knows. None without sandboxes."""
    return max(0.0, billed_s - sandboxes * seconds) if sandboxes else None
