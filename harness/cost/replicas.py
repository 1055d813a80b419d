"""How many replicas a rate needs, from measured capacity; without one, from what the run itself shows was carried."""

import math
from dataclasses import dataclass
from typing import Any

from harness.capacity.record import Capacity
from harness.estimate import Estimate
from harness.summary import Row

MOST_REPLICAS = 100_000


@dataclass(frozen=True)
class Carried:
    """Requests per second that one replica carries; `measured` says whether a search found it or the run only shows
    that it is at least so much. `basis` is for people."""

    rate: Estimate
    measured: bool
    basis: str

    def replicas(self, peak_rps: float, rate: float | None = None) -> int | None:
        """At this peak; None where nothing is known of what a replica carries."""
        carried = self.rate.value if rate is None else rate
        if carried is None or not carried > 0:
            return None
        return min(MOST_REPLICAS, max(1, math.ceil(round(peak_rps / carried, 9))))


def carried_by(row: Row, capacity: Capacity | None, objective: dict[str, Any] | None) -> Carried:
    """By the newest search that fits the row, or by the row itself where it met the objective."""
    if capacity is not None and capacity.rate.value is not None:
        number = capacity.rate
        found = Estimate(number.value, number.low, number.high, number.n, method=number.method)
        return Carried(found, True, f"measured capacity of {number.value:.3g} requests per second a replica")
    rate = shown_by(row, objective)
    if rate is None:
        why = "the run does not show that a replica meets the objective: find out with `frostline capacity`"
        return Carried(Estimate(None, why=why), False, why)
    why = "no capacity was measured"
    basis = (
        f"{why}: a replica is taken to carry {rate:.3g} requests per second, the run's own rate, and may carry more; "
        "find out with `frostline capacity`"
    )
    return Carried(Estimate(rate, n=row.rounds, why=why), False, basis)


def shown_by(row: Row, objective: dict[str, Any] | None) -> float | None:
    """The row's own mean rate per replica, None where it missed the objective or, without one, any good answer."""
    if not row.scheduled or not row.seconds or row.ok is None:
        return None
    replicas = row.case.get("replicas", 1)
    own = row.scheduled / row.seconds / (replicas if isinstance(replicas, int) and replicas > 0 else 1)
    if not objective:
        return own if row.ok == row.scheduled else None
    latency = {50: row.latency_p50_ms, 95: row.latency_p95_ms, 99: row.latency_p99_ms}.get(objective["percentile"])
    met = latency is not None and latency.value is not None and latency.value <= objective["latency_ms"]
    return own if met else None
