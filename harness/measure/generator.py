"""What the generator saw, how well it kept its schedule, and what about that makes a trial INVALID."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from harness.load.failures import fix_of
from harness.load.process import Sent
from harness.load.wire import STAMPS, UNSEEN, Fate
from harness.measure import validity
from harness.record.nouns import GeneratorRecord

DURATIONS = ("connect_ns", "tls_ns")
GAPS = ("chunk_gap_p50_ns", "chunk_gap_p95_ns")
MOMENT_NS = 1_000
"""Arrivals no further apart than this are one burst. Among random ones at 100,000 per second a tenth are so close: they
are pairs, of which the second one is allowed one turn."""
TURN_NS = 250_000
"""One worker sends one after the other: those of a burst may take this long each, with a new connection."""
PAUSE_NS = 64 * TURN_NS
"""Between two of them a worker reads what came for others: of as many as it sends at once. More is lateness."""
ENDED = (Fate.ANSWERED, Fate.FAILED, Fate.TIMED_OUT)
"""Fates with an end that the generator saw."""


def validity_problems(sent: Sent, good: NDArray[np.bool_], steal_share: float | None, throttled: bool) -> list[str]:
    """What makes a trial INVALID by what its generator and its machine did; `good` says which answers were right."""
    records, limits = sent.records, validity.in_force
    exhausted = np.flatnonzero(records["fate"] == Fate.EXHAUSTED)
    why = sent.errors[exhausted[0]] if len(exhausted) else ""
    heard = [worker for worker in sent.workers if worker["cap"]]
    far = [worker["far"] for worker in sent.workers if worker["far"]]
    steal_shares = [share for share in (steal_share, *(each["steal_share"] for each in far)) if share is not None]
    cap = min((worker["cap"] for worker in heard), default=None)
    descriptors = min((worker["descriptors"] for worker in heard), default=None)
    problems = [
        validity.exhausted_problem(len(exhausted), why, fix_of(why)),
        validity.shed_problem(int((records["fate"] == Fate.SHED).sum()), cap, descriptors),
        validity.steal_problem(max(steal_shares, default=None), limits),
    ]
    if sent.workers:
        service_ns = (records["done_ns"] - records["sent_ns"])[good]
        problems += [
            validity.lag_problem(
                validity.percentile_ns(lags_ns(sent), 0.99),
                validity.percentile_ns(service_ns, 0.5),
                limits,
                cpu_share(sent),
            ),
            validity.unfinished_problem(int((records["fate"] == Fate.UNFINISHED).sum())),
            validity.rate_problem(pace_of(sent), limits),
            validity.throttle_problem(throttled or any(each["throttled"] for each in far), limits),
            validity.clock_problem(clock_bound_ns(sent), validity.percentile_ns(service_ns, 0.5), limits),
        ]
    return [problem for problem in problems if problem]


def lags_ns(sent: Sent) -> NDArray[np.int64]:
    """How late each arrival was begun on that the generator began on; of a burst, beyond what sending all of it may
    take."""
    return _lateness_ns(sent)[sent.records["started_ns"] > 0]


def raw_lags_ns(sent: Sent) -> NDArray[np.int64]:
    """How long after its moment each was begun on, with what its burst takes."""
    begun = sent.records[sent.records["started_ns"] > 0]
    lags: NDArray[np.int64] = begun["started_ns"] - begun["scheduled_ns"]
    return lags


def pace_of(sent: Sent) -> float | None:
    """Achieved over planned rate, as `validity.pace` has it; None where it cannot be told."""
    scheduled, started = sent.records["scheduled_ns"], sent.records["started_ns"]
    return validity.pace(scheduled, np.where(started > 0, scheduled + _lateness_ns(sent), 0))


def places_in_burst(scheduled_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many arrivals of the same moment stand before each."""
    at = np.arange(len(scheduled_ns))
    follows = np.zeros(len(at), np.bool_)
    follows[1:] = np.abs(np.diff(scheduled_ns)) <= MOMENT_NS
    places: NDArray[np.int64] = at - np.maximum.accumulate(np.where(follows, 0, at))
    return places


def _lateness_ns(sent: Sent) -> NDArray[np.int64]:
    """How late each was begun on; one of a burst as late as its first one, and by what all of them took too long, or
    by the longest time before it in which its worker began on none."""
    scheduled, started = sent.records["scheduled_ns"], sent.records["started_ns"]
    first = np.arange(len(scheduled)) - places_in_burst(scheduled)
    sizes = np.bincount(first, minlength=len(first))[first]
    begun = np.where(started[first] > 0, started[first], scheduled[first])
    turns_ns = (np.ceil(sizes / max(1, len(sent.workers))).astype(np.int64) - 1) * TURN_NS
    lost_ns = np.maximum(started - begun - turns_ns, _pauses_ns(started, first, max(1, len(sent.workers))))
    lateness: NDArray[np.int64] = begun - scheduled[first] + np.maximum(lost_ns, 0)
    return lateness


def _pauses_ns(started: NDArray[np.int64], first: NDArray[np.int64], workers: int) -> NDArray[np.int64]:
    """By how much the longest pause of its worker was too long, within its burst and up to each."""
    longest = np.zeros(len(started), np.int64)
    for rank in range(workers):  # who take the arrivals in turn
        times, bursts = started[rank::workers], first[rank::workers]
        too_long = np.zeros(len(times), np.int64)
        follows = (bursts[1:] == bursts[:-1]) & (times[1:] > 0) & (times[:-1] > 0)
        too_long[1:] = np.where(follows, np.maximum(np.diff(times) - PAUSE_NS, 0), 0)
        # each burst on a step of its own, so that the highest so far is that of the burst
        step = np.cumsum(np.append(False, bursts[1:] != bursts[:-1])[: len(times)]) * (too_long.max(initial=0) + 1)
        longest[rank::workers] = np.maximum.accumulate(too_long + step) - step
    return longest


def clock_bound_ns(sent: Sent) -> int | None:
    """By how much stamps of workers on other machines may be off on this one's clock, of the worst; None without."""
    clocks = [worker["far"]["clock"] for worker in sent.workers if worker["far"]]
    return max((clock["bound_ns"] for clock in clocks if clock), default=None)


def cpu_share(sent: Sent) -> float | None:
    """How many cores the busiest worker used; None where none came to say so."""
    return max((worker["cpu_share"] for worker in sent.workers if worker["cpu_share"] is not None), default=None)


def generator_record(sent: Sent, throttled: bool) -> GeneratorRecord | None:
    """How well the schedule was kept; None where there was none."""
    if not sent.workers:
        return None
    lags, workers = lags_ns(sent), sent.workers
    return GeneratorRecord(
        workers=len(workers),
        timer=workers[0]["timer"],
        priority=workers[0]["priority"],
        lag_p50_ns=validity.percentile_ns(lags, 0.5),
        lag_p99_ns=validity.percentile_ns(lags, 0.99),
        lag_max_ns=int(np.max(lags)) if len(lags) else None,
        cpu_share=cpu_share(sent),
        throttled=throttled,
        prewarmed=sum(worker["prewarmed"] for worker in workers),
        clock_bound_ns=clock_bound_ns(sent),
    )


def connection_warnings(sent: Sent) -> list[str]:
    """What the server made of the generator's connections that their user did not ask for."""
    told = [problem for worker in sent.workers for problem in (worker["prewarm_problem"], worker["turns_problem"])]
    return sorted({problem for problem in told if problem})


def generator_columns(sent: Sent, payloads: list[str]) -> dict[str, pa.Array]:
    """What the generator itself saw of each arrival; a stamp or a duration of 0 did not happen, and is empty."""
    records, happened = sent.records, {name: sent.records[name] != 0 for name in (*STAMPS, *DURATIONS, "chunks")}
    happened["scheduled_ns"] = np.ones(len(records), bool)
    happened["done_ns"] &= np.isin(records["fate"], ENDED)
    columns = {name: pa.array(records[name] - sent.begin_ns, mask=~happened[name]) for name in STAMPS}
    for name in GAPS:
        columns[name] = pa.array(
            np.ascontiguousarray(records[name]), mask=(records["chunks"] < 2) | (records[name] < 0)
        )
    for name in (*DURATIONS, "chunks"):
        columns[name] = pa.array(np.ascontiguousarray(records[name]), mask=~happened[name])
    has_reply, was_sent = records["status"] != 0, happened["sent_ns"]
    turns = (records["index"] % len(payloads)).astype(np.int32)
    return columns | {
        "index": pa.array(np.ascontiguousarray(records["index"])),
        "payload": pa.DictionaryArray.from_arrays(pa.array(turns), payloads),
        "status": pa.array(np.ascontiguousarray(records["status"]), mask=~has_reply),
        "new_connection": pa.array(records["fresh"] != 0, mask=records["fresh"] == UNSEEN),
        "resent": pa.array(records["resent"] != 0),
        "in_flight": pa.array(np.ascontiguousarray(records["in_flight"])),
        "bytes_in": pa.array(np.ascontiguousarray(records["body_bytes"]), mask=~was_sent),
        "reply_bytes": pa.array(np.ascontiguousarray(records["reply_bytes"]), mask=~has_reply),
    }
