"""frostline/load/1: what became of a load, as JSON has it."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.analysis.stats import Floats
from harness.commands.load.advice import failure_of
from harness.commands.load.expectations import Expectations
from harness.commands.load.figures import Durations
from harness.commands.load.order import LoadOrder
from harness.commands.load.reasons import Reasons, find_reasons
from harness.commands.load.secrets import without_secrets
from harness.load.host_times import HostTimes
from harness.load.process import Sent
from harness.load.stripes import Records, unkept
from harness.load.wire import Fate, WorkerReport
from harness.measure.generator import lags_ns, pace_of, places_in_burst, raw_lags_ns, validity_problems
from harness.measure.rows.answers import THROTTLED_STATUS

SCHEMA = "frostline/load/1"
ORDERED = ("profile", "rate", "seconds", "seed", "workers", "insecure")
"""What of an order its summary repeats, beside the URL."""
MOST_REASONS = 100
"""Different reasons that a summary tells; of further ones only how many there are."""
LEAST_BURST = 10
"""Arrivals of one moment that are worth a word."""
ENDS = {"timed_out": (Fate.TIMED_OUT,), "shed": (Fate.SHED, Fate.EXHAUSTED), "unfinished": (Fate.UNFINISHED,)}
"""Fates that are counted beside what failed."""


def summarise(
    sent: Sent, order: LoadOrder, before: HostTimes, expectations: Expectations | None = None
) -> dict[str, Any]:
    """Counts, latency from the schedule over all arrivals (a failure is infinitely late), lag, and why not all is good.

    `before`: the machine's times when the process began. Without `expectations` they are those of the order.
    """
    records, now, worker = sent.records, HostTimes.read(), sent.workers[0]
    expectations = expectations or Expectations.read(order.expect_status, order.expect_json)[0]
    reasons = find_reasons(sent, expectations, lambda text, is_cut: without_secrets(text, order.secrets, is_cut))
    pace = pace_of(sent)
    durations = _durations(sent, reasons.good)
    withheld = {name: missing for name, found in durations.items() if (missing := found.withheld())}
    return {
        "schema": SCHEMA,
        "url": order.shown_url,
        **{name: getattr(order, name) for name in ORDERED},
        "timer": worker["timer"],
        "priority": worker["priority"],
        "scheduled": len(records),
        "achieved_rate": None if pace is None else round(order.rate * pace, 4),
        **_counts(records, reasons),
        **{name: found.to_json() for name, found in durations.items()},
        "intervals": {name: found.intervals() for name, found in durations.items()},
        "withheld": withheld,
        "addresses": _each_once(address for worker in sent.workers for address in worker["addresses"]),
        "prewarmed": sum(worker["prewarmed"] for worker in sent.workers),
        "new_connections": int((records["fresh"] == 1).sum()),
        "resent": int(records["resent"].sum()),
        **_first_connection(sent),
        **_chunk_counts(records, reasons.good),
        **_burst(records),
        **_clocks(sent),
        "cpu_share": [None if each["cpu_share"] is None else round(each["cpu_share"], 3) for each in sent.workers],
        "notes": _each_once([*(note for worker in sent.workers for note in _notes(worker)), *_unheard(sent)]),
        **_told(reasons),
        "failure": None if reasons.good.any() else failure_of(reasons, order),
        "problems": sent.problems
        + validity_problems(sent, reasons.good, now.steal_share(before), now.was_throttled_since(before)),
    }


def _clocks(sent: Sent) -> dict[str, Any]:
    """Of workers on other machines: how far off their stamps may be on this machine's clock, and how theirs drifted."""
    if not (far := [worker["far"] for worker in sent.workers if worker["far"]]):
        return {}
    clocks = [each["clock"] for each in far]
    return {
        "clocks": [
            None
            if clock is None
            else {"bound_ms": round(clock["bound_ns"] / 1e6, 4), "drift_ms": round(clock["drift_ns"] / 1e6, 4)}
            for clock in clocks
        ]
    }


def _notes(worker: WorkerReport) -> Iterator[str]:
    """What a worker did otherwise than asked, because of the server."""
    yield from filter(None, (worker["prewarm_problem"], worker["turns_problem"]))


def _unheard(sent: Sent) -> Iterator[str]:
    """Workers that had no answer although others had: a server that serves one connection keeps that of one worker."""
    count, fates = len(sent.workers), sent.records["fate"]
    answered = [bool((fates[rank::count] == Fate.ANSWERED).any()) for rank in range(count)]
    silent = [rank for rank in range(count) if not answered[rank] and (fates[rank::count] == Fate.TIMED_OUT).any()]
    if silent and any(answered):
        yield (
            f"{len(silent)} of {count} workers had no answer while others had: "
            "a server that serves few connections at a time serves as many workers: give --workers 1"
        )


def _each_once(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _counts(records: Records, reasons: Reasons) -> dict[str, Any]:
    """How many requests came to which end, how many replies had which status, and how long they were."""
    fates, status, good = records["fate"], records["status"], reasons.good
    whole = (fates == Fate.ANSWERED) | unkept(records)
    ends = {name: int(np.isin(fates, those).sum()) for name, those in ENDS.items()}
    numbers, times = np.unique(status[whole], return_counts=True)
    return {
        "good": int(good.sum()),
        "failed": len(records) - int(good.sum()) - sum(ends.values()),
        "throttled": int((whole & ~good & (status == THROTTLED_STATUS)).sum()),
        **ends,
        "statuses": {str(number): int(count) for number, count in zip(numbers, times, strict=True)},
        **_sizes(records["reply_bytes"][whole]),
    }


def _sizes(sizes: NDArray[np.int64]) -> dict[str, Any]:
    """Of the bodies of replies that came whole."""
    if not len(sizes):
        return {}
    figures = {"median": float(np.median(sizes)), "least": int(sizes.min()), "most": int(sizes.max())}
    return {"reply_bytes": {"replies": len(sizes), **figures, "empty": int((sizes == 0).sum())}}


def _durations(sent: Sent, good: NDArray[np.bool_]) -> dict[str, Durations]:
    """All in ms, by name."""
    records = sent.records
    latency: Floats = np.where(good, records["done_ns"] - records["scheduled_ns"], np.inf)
    chunked = records[good & (records["chunks"] > 0)]
    found = {
        "latency_ms": Durations.take(latency / 1e6),
        "service_ms": Durations.take((records["done_ns"] - records["sent_ns"])[good] / 1e6, "good answers"),
        "lag_ms": Durations.take(lags_ns(sent) / 1e6),
        "raw_lag_ms": Durations.take(raw_lags_ns(sent) / 1e6),
    }
    for name in ("connect", "tls"):
        if len(taken := records[f"{name}_ns"][records[f"{name}_ns"] > 0]):
            found[f"{name}_ms"] = Durations.take(taken / 1e6, "connections")
    for name in ("first_chunk", "last_chunk") if len(chunked) else ():
        taken = chunked[f"{name}_ns"] - chunked["sent_ns"]
        found[f"{name}_ms"] = Durations.take(taken / 1e6, "replies in chunks")
    return found


def _first_connection(sent: Sent) -> dict[str, float]:
    """How long it took to open the first one, with nothing beside it."""
    opened = [each for worker in sent.workers for each in worker["opened"] if each is not None]
    names = ("first_connect_ms", "first_tls_ms")
    return {
        name: round(taken / 1e6, 4) for name, taken in zip(names, opened[0] if opened else (), strict=False) if taken
    }


def _chunk_counts(records: Records, good: NDArray[np.bool_]) -> dict[str, Any]:
    chunks = records["chunks"][good & (records["chunks"] > 0)]
    if not len(chunks):
        return {}
    return {"chunks": {"replies": len(chunks), "least": int(chunks.min()), "most": int(chunks.max())}}


def _burst(records: Records) -> dict[str, Any]:
    """The most arrivals that are of one moment, and how long the generator took to send them one after the other."""
    places = places_in_burst(records["scheduled_ns"])
    last = int(np.argmax(places)) if len(places) else 0
    if not len(places) or places[last] + 1 < LEAST_BURST:
        return {}
    started = records["started_ns"][last - int(places[last]) : last + 1]
    started = started[started > 0]
    spread = {"sent_within_ms": round(float(np.ptp(started)) / 1e6, 4)} if len(started) else {}
    return {"burst": {"requests": int(places[last]) + 1, **spread}}


def _told(reasons: Reasons) -> dict[str, Any]:
    """Why requests had no good answer: the most frequent first, then in the order in which they came."""
    counts = reasons.counts()
    told = dict(list(counts.items())[:MOST_REASONS])
    others = {"kinds": len(counts) - len(told), "requests": sum(counts.values()) - sum(told.values())}
    return {
        "errors": told,
        **({"other_errors": others} if others["kinds"] else {}),
        **(
            {"examples": {text: reasons.examples[text] for text in told if text in reasons.examples}}
            if reasons.examples
            else {}
        ),
    }
