"""Lambda's rules for one function's units: one request each, reuse, start, throttle, expiry."""

from bisect import insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter

START_WINDOW_NS = 10_000_000_000
"""A start counts towards the start rate for less than this."""


class Decision(IntEnum):
    """What becomes of a request."""

    REUSE = 0
    START = 1
    """It waits for a unit that is started for it."""
    THROTTLE_CONCURRENCY = 2
    THROTTLE_STARTS = 3


@dataclass(frozen=True)
class Taken:
    """The answer to a request: `unit` holds it until it is put back or lost; None where the request is throttled."""

    decision: Decision
    unit: int | None = None


@dataclass(frozen=True)
class PoolLimits:
    """What a function may have. ValueError where a limit is no whole number, is negative or holds less than is
    provisioned."""

    keep_alive_ns: int = 300_000_000_000
    """How long an idle unit is kept. AWS publishes none; 5 to 7 minutes were observed (mikhail.io, 2021)."""
    concurrency_limit: int = 1000
    """Most units at once: an account's default (AWS, Lambda quotas, read 2026-08)."""
    starts_per_10_s: int = 1000
    """A function's own rate (AWS, Lambda scaling behavior, read 2026-08)."""
    provisioned: int = 0
    """Units that are there from the begin, take requests first and never expire (AWS, provisioned concurrency)."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 0:
                raise ValueError(f"{name}: {value} is not accepted: a whole number of 0 or more")
        if self.provisioned > self.concurrency_limit:
            message = f"provisioned: {self.provisioned} is not accepted: at most concurrency_limit"
            raise ValueError(f"{message}, which is {self.concurrency_limit}")


class LambdaPool:
    """The state of one function's pool. Moments in nanoseconds, of any origin, never go back.

    What ends at the moment of an arrival comes first: `put_back` is called before `take`.
    """

    def __init__(self, limits: PoolLimits) -> None:
        self.limits = limits
        self._count = limits.provisioned
        self._provisioned = set(range(self._count))
        self._free_provisioned = list(range(self._count))
        self._idle: deque[tuple[int, int]] = deque()
        """(idle since, unit) of units that expire; the longest idle first."""
        self._busy: set[int] = set()
        self._starts: deque[int] = deque()

    @property
    def size(self) -> int:
        """Units that exist, busy or idle; those that start are busy."""
        return len(self._busy) + len(self._free_provisioned) + len(self._idle)

    @property
    def idle(self) -> list[int]:
        """Units that hold no request; those that expire come first, in the order in which they do."""
        return [unit for _, unit in self._idle] + self._free_provisioned

    @property
    def next_expiry_ns(self) -> int | None:
        """When the next idle unit expires, unless it is taken before."""
        return self._idle[0][0] + self.limits.keep_alive_ns if self._idle else None

    def take(self, now_ns: int) -> Taken:
        """Decide on a request that arrives now: provisioned units first, then the most recently used, then a start."""
        self.expire(now_ns)
        if self._free_provisioned:
            return self._hold(Decision.REUSE, self._free_provisioned.pop())
        if self._idle:  # the last one put back: the others age towards their expiry
            return self._hold(Decision.REUSE, self._idle.pop()[1])
        if self.size >= self.limits.concurrency_limit:
            return Taken(Decision.THROTTLE_CONCURRENCY)
        while self._starts and now_ns - self._starts[0] >= START_WINDOW_NS:
            self._starts.popleft()
        if len(self._starts) >= self.limits.starts_per_10_s:
            return Taken(Decision.THROTTLE_STARTS)
        self._starts.append(now_ns)
        return self._hold(Decision.START, self._new())

    def put_back(self, unit: int, now_ns: int) -> None:
        """The unit's request has ended. ValueError where it holds none."""
        self._release(unit)
        if unit in self._provisioned:
            self._free_provisioned.append(unit)
        else:
            self._idle.append((now_ns, unit))

    def lose(self, unit: int) -> int | None:
        """The unit is gone, busy or idle; a provisioned one is replaced at once, by the unit that is returned."""
        if unit in self._provisioned:
            return self._replace(unit)
        if unit in self._busy:
            self._busy.remove(unit)
        else:
            kept = [(since_ns, other) for since_ns, other in self._idle if other != unit]
            if len(kept) == len(self._idle):
                raise ValueError(f"unit {unit} is not in the pool")
            self._idle = deque(kept)
        return None

    def expire(self, now_ns: int) -> list[int]:
        """Let go of the units that have been idle for the keep-alive, and return them, the longest idle first."""
        gone = []
        while self._idle and now_ns - self._idle[0][0] >= self.limits.keep_alive_ns:
            gone.append(self._idle.popleft()[1])
        return gone

    def adopt(self, idle_since_ns: Sequence[int], busy: int = 0) -> list[int]:
        """Take in units that are there already: idle ones, and then so many that hold a request until they are put
        back; returns theirs, in that order. They count as no start.

        ValueError where the concurrency limit holds fewer.
        """
        more = len(idle_since_ns) + busy
        if self.size + more > self.limits.concurrency_limit:
            raise ValueError(f"a pool of {self.limits.concurrency_limit} cannot take in {more} more")
        units = [self._new() for _ in range(more)]
        for since_ns, unit in zip(idle_since_ns, units, strict=False):
            insort(self._idle, (since_ns, unit), key=itemgetter(0))  # after those of the same moment
        self._busy.update(units[len(idle_since_ns) :])
        return units

    def _new(self) -> int:
        self._count += 1
        return self._count - 1

    def _hold(self, decision: Decision, unit: int) -> Taken:
        self._busy.add(unit)
        return Taken(decision, unit)

    def _release(self, unit: int) -> None:
        if unit not in self._busy:
            raise ValueError(f"unit {unit} holds no request")
        self._busy.remove(unit)

    def _replace(self, unit: int) -> int:
        self._provisioned.remove(unit)
        if unit in self._busy:
            self._busy.remove(unit)
        else:
            self._free_provisioned.remove(unit)
        new = self._new()
        self._provisioned.add(new)
        self._free_provisioned.append(new)
        return new
