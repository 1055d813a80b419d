"""One side over the spells of one resample, under its platform's rule, by samples of the rounds that were drawn."""

from collections.abc import Iterator, Sequence

import numpy as np

from harness.analysis.stats import Floats
from harness.forecast.outcome import Served
from harness.forecast.pool_loop import PoolMonth, run_pool
from harness.forecast.samples import Bag
from harness.forecast.service_loop import ServiceMonth, run_service
from harness.forecast.spells import Spell
from targets.rules.contract import Rule
from targets.rules.lambda_pool import PoolLimits

LONGEST_WAIT_S = 900.0
"""Of an edge for its core: no function runs longer (AWS Lambda's published quota)."""


def serve_by_function(
    warm: Bag,
    cold: Bag,
    limits: PoolLimits,
    spells: Sequence[Spell],
    rounds: Sequence[int],
    stream: np.random.Generator,
    idle_ages_s: Sequence[float] = (),
) -> Served:
    """A function's pool, which begins each spell with units of these ages: who meets none idle waits for a start."""
    n = sum(len(spell.arrivals_s) for spell in spells)
    own, met = warm.draw(n, rounds, stream), cold.draw(n, rounds, stream)
    warm_s, cold_s, died = warm["whole_s"][own], cold["whole_s"][met], warm["died"][own] > 0
    months = list[PoolMonth]()
    for spell, here in zip(spells, places_of(spells), strict=True):
        requests = (spell.arrivals_s, warm_s[here], cold_s[here], died[here])
        months.append(run_pool(*requests, limits, spell.end_s, from_s=spell.from_s, idle_ages_s=idle_ages_s))
    counted = counted_places(spells)
    own, met = own[counted], met[counted]
    started, throttled, provisioned, latency_s = counted_of(months, "cold", "throttled", "provisioned", "latency_s")
    good = (warm["good"][own] > 0) & ~throttled
    return Served(
        latency_s=np.where(good, latency_s, np.inf),
        cold=started,
        throttled=throttled,
        good=good,
        billed_s=np.where(throttled, 0.0, np.where(started, cold["billed_s"][met], warm["billed_s"][own])),
        overflow=~provisioned & ~throttled if limits.provisioned else np.zeros(len(own), np.bool_),
        busy_s=np.where(throttled, 0.0, latency_s),
        queue_s=None,
        unit_s_by_hour=np.concatenate([month.unit_s_by_hour for month in months]),
        units_peak=max(month.peak_size for month in months),
        spells=spells,
        busy_peak=max(month.peak_busy for month in months),
    )


def serve_by_service(
    warm: Bag,
    cold: Bag,
    rule: Rule,
    slots: int,
    spells: Sequence[Spell],
    rounds: Sequence[int],
    stream: np.random.Generator,
) -> Served:
    """Replicas behind one queue. What a request takes beside its slot, on the way there and back, is added to it."""
    n = sum(len(spell.arrivals_s) for spell in spells)
    own = warm.draw(n, rounds, stream)
    held_s, starts = warm["held_s"][own], max(1, len(cold))
    start_s = (cold["waiting_s"] + cold["starting_s"])[cold.draw(starts, rounds, stream)] if len(cold) else np.empty(0)
    months = [
        run_service(spell.arrivals_s, held_s[here], rule, slots, start_s, 0.0, spell.end_s, from_s=spell.from_s)
        for spell, here in zip(spells, places_of(spells), strict=True)
    ]
    own = own[counted_places(spells)]
    queue_s, latency_s, waited = counted_of(months, "queue_s", "latency_s", "cold")
    served = np.isfinite(latency_s)
    good = (warm["good"][own] > 0) & served
    none = np.zeros(len(own), np.bool_)
    return Served(
        latency_s=np.where(good, latency_s + warm["beside_s"][own], np.inf),
        cold=waited,
        throttled=none,
        good=good,
        billed_s=np.zeros(len(own)),
        overflow=none,
        busy_s=np.where(served, warm["held_s"][own], 0.0),
        queue_s=queue_s,
        unit_s_by_hour=np.concatenate([month.replica_s_by_hour for month in months]),
        units_peak=max(month.peak for month in months),
        spells=spells,
    )


def serve_by_hybrid(
    warm: Bag,
    cold: Bag,
    limits: PoolLimits,
    rule: Rule,
    slots: int,
    spells: Sequence[Spell],
    rounds: Sequence[int],
    stream: np.random.Generator,
) -> Served:
    """A function's pool before replicas: first the queue that its requests meet there, then the pool that holds each
    until its answer. A request comes to the replicas as it arrives: what the edge does before is left out there.

    The queue that was measured is taken out of each request, and the one of this month put in its place.
    """
    n = sum(len(spell.arrivals_s) for spell in spells)
    own, met = warm.draw(n, rounds, stream), cold.draw(n, rounds, stream)
    held_s, died = warm["held_s"][own], warm["died"][own] > 0
    rest_s = np.maximum(0.0, warm["whole_s"][own] - warm["core_queue_s"][own])
    queues_s, core_s_by_hour, months = list[Floats](), list[Floats](), list[PoolMonth]()
    for spell, here in zip(spells, places_of(spells), strict=True):
        queue_s, core = queue_at_core(spell, held_s[here], rule, slots)
        waits_s = np.minimum(queue_s, LONGEST_WAIT_S)
        requests = (spell.arrivals_s, rest_s[here] + waits_s, cold["whole_s"][met[here]] + waits_s, died[here])
        months.append(run_pool(*requests, limits, spell.end_s, from_s=spell.from_s))
        queues_s.append(queue_s)
        core_s_by_hour.append(core.replica_s_by_hour)
    counted = counted_places(spells)
    own, met, queue_s = own[counted], met[counted], np.concatenate(queues_s)[counted]
    started, throttled, provisioned, latency_s = counted_of(months, "cold", "throttled", "provisioned", "latency_s")
    good = (warm["good"][own] > 0) & ~throttled & np.isfinite(queue_s)
    usual_s = np.maximum(0.0, warm["billed_s"][own] - warm["core_queue_s"][own])
    billed_s = np.where(started, cold["billed_s"][met], usual_s) + np.minimum(queue_s, LONGEST_WAIT_S)
    return Served(
        latency_s=np.where(good, latency_s, np.inf),
        cold=started,
        throttled=throttled,
        good=good,
        billed_s=np.where(throttled, 0.0, billed_s),
        overflow=~provisioned & ~throttled if limits.provisioned else np.zeros(len(own), np.bool_),
        busy_s=np.where(throttled, 0.0, warm["held_s"][own]),
        queue_s=queue_s[warm["held_s"][own] > 0],
        unit_s_by_hour=np.concatenate([month.unit_s_by_hour for month in months]),
        units_peak=max(month.peak_size for month in months),
        spells=spells,
        core_s_by_hour=np.concatenate(core_s_by_hour),
        busy_peak=max(month.peak_busy for month in months),
    )


def queue_at_core(spell: Spell, held_s: Floats, rule: Rule, slots: int) -> tuple[Floats, ServiceMonth]:
    """How long each request of a spell waits before the replicas, 0 where it never asks them; and what they come to."""
    asks, queue_s = held_s > 0, np.zeros(len(held_s))
    core = run_service(
        spell.arrivals_s[asks], held_s[asks], rule, slots, np.empty(0), 0.0, spell.end_s, from_s=spell.from_s
    )
    queue_s[asks] = core.queue_s
    return queue_s, core


def places_of(spells: Sequence[Spell]) -> Iterator[slice]:
    """Of all arrivals of the spells, one after the other, those of each."""
    first = 0
    for spell in spells:
        yield slice(first, first + len(spell.arrivals_s))
        first += len(spell.arrivals_s)


def counted_of(months: Sequence[PoolMonth] | Sequence[ServiceMonth], *names: str) -> Iterator[np.ndarray]:
    """These figures of all requests that count, over all spells."""
    for name in names:
        yield np.concatenate([getattr(month, name)[month.counted] for month in months])


def counted_places(spells: Sequence[Spell]) -> np.ndarray:
    """Of all arrivals of the spells, one after the other, those that count."""
    begins = np.cumsum([0, *(len(spell.arrivals_s) for spell in spells[:-1])])
    pairs = zip(begins, spells, strict=True)
    return np.concatenate([begin + np.arange(spell.counted.start, spell.counted.stop) for begin, spell in pairs])
