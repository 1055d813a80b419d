"""What a function consumes, as AWS bills it: milliseconds that it told, requests, what is kept ready, its image."""

import math
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from targets.aws.common import architecture_of, image_gb
from targets.aws.report import Report
from targets.clock import now_ns
from targets.contract import Consumed, Order, Package, Source

MB_PER_GB, MS_PER_S = 1024, 1000
KEPT_STEP_S = 300
"""Provisioned concurrency is billed from its begin to its end, rounded up to five minutes (AWS Lambda pricing)."""
FREE_TMP_MB = 512
HOURS_PER_MONTH = 730
SECONDS_PER_HOUR = 3600
BYTES_PER_GB = 1e9
REPORT_BYTES = 512
"""Of log that one request writes at most, where its function prints nothing: START, END and REPORT."""


@dataclass(frozen=True)
class Size:
    """What of a function decides its prices."""

    sku: str
    """lambda.x86 or lambda.arm."""
    memory_mb: int
    provisioned: int
    tmp_mb: int
    image_gb: float

    @classmethod
    def of(cls, package: Package, order: Order, provisioned: int, tmp_mb: int) -> "Size":
        """Of a package as it is ordered."""
        sku = f"lambda.{architecture_of(package)[1]}"
        return cls(sku, order.sizing.memory_mb, provisioned, tmp_mb, image_gb(package))


class LambdaMeter:
    """Counts from its making on; may be asked by another thread."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._begun_ns = now_ns()
        self._ended_ns: int | None = None
        self._kept: list[tuple[int, int | None]] = []
        """When provisioned units were ordered and let go, each time anew."""
        self._lock = threading.Lock()
        self._billed_ms: dict[str, int] = {}
        """By request: whoever is told of twice is billed once."""
        self._untold_s, self._untold = 0.0, 0

    def hear(self, reports: Iterable[Report]) -> None:
        """Take in what Lambda told of requests; one that says no duration is left to be written off."""
        with self._lock:
            for report in reports:
                if report.billed_ms is not None:
                    self._billed_ms[report.request_id] = report.billed_ms

    @property
    def told(self) -> int:
        """How many requests Lambda has told of."""
        with self._lock:
            return len(self._billed_ms)

    def write_off(self, requests: int, held_s: float) -> None:
        """Count requests of which nothing was told by what they can have cost at most."""
        with self._lock:
            self._untold += requests
            self._untold_s += held_s

    def provision(self) -> None:
        """Provisioned units are ordered."""
        with self._lock:
            self._kept.append((now_ns(), None))

    def release(self) -> None:
        """They are let go."""
        with self._lock:
            self._kept = [(begun_ns, ended_ns or now_ns()) for begun_ns, ended_ns in self._kept]

    def end(self) -> None:
        """It is gone: what is billed for being there is billed no more."""
        self.release()
        self._ended_ns = self._ended_ns or now_ns()

    def consumed(self) -> list[Consumed]:
        """All of it so far."""
        with self._lock:
            billed_ms, told = sum(self._billed_ms.values()), len(self._billed_ms)
            untold, untold_s = self._untold, self._untold_s
            kept_s = [((ended_ns or now_ns()) - begun_ns) / 1e9 for begun_ns, ended_ns in self._kept]
        return [
            *self._by_use(told, billed_ms / MS_PER_S, "witnessed"),
            *(self.bound(untold, untold_s) if untold else ()),
            *self.standing(((self._ended_ns or now_ns()) - self._begun_ns) / 1e9, kept_s),
        ]

    def bound(self, requests: int, held_s: float) -> list[Consumed]:
        """What so many requests cost at most that hold a unit for so long, all together."""
        return list(self._by_use(requests, held_s, "bound"))

    def standing(self, seconds: float, kept_s: Iterable[float] = ()) -> Iterator[Consumed]:
        """What is billed for being there; provisioned units each time that they were kept, for whole steps."""
        size = self._size
        yield Consumed("ecr.gb-month", size.image_gb * _hours(seconds) / HOURS_PER_MONTH, "image", "clock")
        if stepped_s := sum(math.ceil(each / KEPT_STEP_S) * KEPT_STEP_S for each in kept_s) * size.provisioned:
            sku = size.sku.replace("lambda.", "lambda.provisioned.") + ".kept.gb-second"
            yield Consumed(sku, stepped_s * size.memory_mb / MB_PER_GB, "provisioned units", "clock")

    def _by_use(self, requests: int, seconds: float, source: Source) -> Iterator[Consumed]:
        size = self._size
        # What provisioned units serve is billed at less: taken as on demand, it is never more than this.
        yield Consumed(f"{size.sku}.gb-second", seconds * size.memory_mb / MB_PER_GB, "function", source)
        yield Consumed("lambda.request", requests, "function", source)
        yield Consumed("logs.gb-ingested", requests * REPORT_BYTES / BYTES_PER_GB, "log", "bound")
        if size.tmp_mb > FREE_TMP_MB:
            more_gb = (size.tmp_mb - FREE_TMP_MB) / MB_PER_GB
            yield Consumed("lambda.ephemeral.gb-second", seconds * more_gb, "function", source)


def _hours(seconds: float) -> float:
    return seconds / SECONDS_PER_HOUR
