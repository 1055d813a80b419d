"""How many replicas a rate needs, from measured capacity; without one, from what the run itself shows was carried."""

import math
from dataclasses import dataclass

from harness.analysis.summary import Row
from harness.cost.nouns import Purchase
from harness.cost.usage import Use
from harness.record.capacity import KeptCapacity
from harness.record.estimate import Estimate
from harness.record.stated import SECONDS_PER_MONTH, Objective

MOST_REPLICAS = 100_000


@dataclass(frozen=True)
class Carried:
    """Requests per second that one replica carries, with the words that it rests on.

    `measured` says whether a search found it, or the run only shows that it is at least so much.
    """

    rate: Estimate
    measured: bool
    basis: str

    def replicas(self, peak_rps: float, rate: float | None = None) -> int | None:
        """Replicas needed at this peak; None where nothing is known of what a replica carries."""
        carried = self.rate.value if rate is None else rate
        if carried is None or not carried > 0:
            return None
        return min(MOST_REPLICAS, max(1, math.ceil(round(peak_rps / carried, 9))))


def carried_rate(row: Row, kept: KeptCapacity | None, objective: Objective | None) -> Carried:
    """What a replica carries, by the measured capacity that the run keeps, or by the row where it met the objective.

    Each fallback may only err towards too many replicas, so that the service is never priced below what it needs: a
    search that never failed gives its highest rate, and a run that met the objective its own, both as "at least".
    """
    if kept is not None:
        capacity, rate = kept.capacity, kept.capacity.rate.estimate
        goal = f"p{capacity.objective.percentile:g} within {capacity.objective.latency_ms:g} ms"
        if rate.value is not None:
            source = f"{goal}, n = {rate.n} steps, {kept.file}"
            basis = f"measured capacity of {rate.value:.3g} requests per second a replica ({source})"
            return Carried(rate, True, basis)
        if rate.low is not None:
            bound = Estimate(rate.low, n=rate.n, why="the search for its capacity was ended by its highest rate")
            basis = f"measured: a replica carries at least {rate.low:.3g} requests per second"
            return Carried(bound, False, f"{basis} ({kept.file}; a higher --most-rate would find the end)")
    least = least_carried(row, objective)
    if least is None:
        why = (
            "the run does not show that a replica meets the objective: find out with "
            "`frostline capacity --like EXPERIMENT`"
        )
        return Carried(Estimate(None, why=why), False, why)
    why = "the run keeps no measured capacity" if kept is None else "its measured capacity has no lower end"
    basis = (
        f"{why}: a replica is taken to carry {least:.3g} requests per second, the run's own rate, and may carry more; "
        "find out with `frostline capacity --like EXPERIMENT`"
    )
    return Carried(Estimate(least, n=row.rounds, why=why), False, basis)


def least_carried(row: Row, objective: Objective | None) -> float | None:
    """The row's own mean rate per replica, None where it missed the objective or, without one, any good answer."""
    if not row.scheduled or not row.seconds or row.ok is None:
        return None
    replicas = row.case.get("replicas", 1)
    own = row.scheduled / row.seconds / (replicas if isinstance(replicas, int) and replicas > 0 else 1)
    if objective is None:
        return own if row.ok == row.scheduled else None
    latency = row.latency_at(objective.percentile)
    return own if latency.value is not None and latency.value <= objective.latency_ms else None


def utilisation(purchase: Purchase, use: Use, arrivals: float, replicas: int) -> float:
    """Share of the replicas' time in which they infer, one inference at a time per vCPU; 1 at most."""
    slots = replicas * max(1, math.floor(purchase.vcpus))
    return min(1.0, arrivals / SECONDS_PER_MONTH * use.handler_s / slots)
