"""How far two machines' clocks are apart, from messages that went there and back."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.load.stripes import Records
from harness.load.wire import STAMPS, WorkerClock

PINGS = 20
"""Of these the quickest counts: the others were held up somewhere."""


@dataclass(frozen=True)
class Ping:
    """One message there and back: when it left and came back by our clock, and the other's clock in between, ns."""

    sent_ns: int
    theirs_ns: int
    heard_ns: int


@dataclass(frozen=True)
class Ahead:
    """How far a worker's clock is ahead of ours, and what this may be off by, ns."""

    ns: int
    bound_ns: int

    @classmethod
    def of(cls, pings: Sequence[Ping]) -> "Ahead":
        """From the quickest of these: its answer was written at some moment between both ends, wherever the time went,
        so that half of what it took bounds the error (Cristian, Probabilistic clock synchronization, 1989)."""
        best = min(pings, key=lambda ping: ping.heard_ns - ping.sent_ns)
        trip_ns = best.heard_ns - best.sent_ns
        return cls(best.theirs_ns - (best.sent_ns + trip_ns // 2), trip_ns // 2 + 1)


def clock_between(before: Ahead, after: Ahead) -> WorkerClock:
    """What is known of a worker's clock over a schedule: its stamps are moved by what was measured before it, which the
    beginning was told by; in the end they are off by the drift as well. A drift within both bounds may be none."""
    drift_ns = after.ns - before.ns
    bound_ns = max(before.bound_ns, abs(drift_ns) + after.bound_ns)
    return {"ahead_ns": before.ns, "bound_ns": bound_ns, "drift_ns": drift_ns}


def move(records: Records, ahead_ns: int) -> None:
    """Put stamps of a clock that is so far ahead onto ours, in place. What did not happen has none."""
    for name in STAMPS:
        stamps = records[name]
        stamps[stamps != 0] -= ahead_ns
