"""What tasks consume, as AWS bills them: seconds of vCPU and memory, at least a minute each, what stands before them,
and public addresses."""

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass

from targets.aws.common import architecture_of, image_gb
from targets.clock import now_ns
from targets.contract import Consumed, Order, Package, Source

LEAST_TASK_S = 60.0
"""A task is billed for at least so long (AWS Fargate pricing)."""
SECONDS_PER_HOUR, HOURS_PER_MONTH, MB_PER_GB = 3600, 730, 1024


@dataclass(frozen=True)
class Size:
    """What of the tasks decides their prices."""

    sku: str
    """fargate.x86 or fargate.arm."""
    cpus: float
    memory_mb: int
    zones: int
    """In which the load balancer stands, with a public address in each; 0 without one."""
    image_gb: float

    @classmethod
    def of(cls, package: Package, order: Order, zones: int) -> "Size":
        """Of a package as it is ordered."""
        sku = f"fargate.{architecture_of(package)[1]}"
        return cls(sku, order.sizing.cpus, order.sizing.memory_mb, zones, image_gb(package))


class TaskMeter:
    """Counts from its making on; may be asked by another thread. A task counts from its order until it is known to have
    ended, which is more than AWS bills: that begins as its image is pulled."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._begun_ns = now_ns()
        self._ended_ns: int | None = None
        self._balanced_ns: int | None = None
        self._untold = 0
        self._lock = threading.Lock()
        self._tasks: dict[str, tuple[int, int | None]] = {}
        """By a name of ours: when it was ordered, and when it was known to have ended."""

    def begin(self, task: str) -> None:
        """One more task is ordered."""
        with self._lock:
            self._tasks.setdefault(task, (now_ns(), None))

    def end(self, task: str) -> None:
        """It is known to have ended."""
        with self._lock:
            begun_ns, ended_ns = self._tasks[task]
            self._tasks[task] = begun_ns, ended_ns or now_ns()

    def balance(self) -> None:
        """The load balancer is ordered."""
        self._balanced_ns = self._balanced_ns or now_ns()

    def bound(self, tasks: int) -> None:
        """So many more may be there at any time, and nobody tells of each."""
        self._untold = tasks

    def close(self) -> None:
        """All of it is gone."""
        with self._lock:
            self._ended_ns = self._ended_ns or now_ns()
            self._tasks = {name: (begun, ended or self._ended_ns) for name, (begun, ended) in self._tasks.items()}

    def consumed(self) -> list[Consumed]:
        """All of it so far."""
        with self._lock:
            until_ns = self._ended_ns or now_ns()
            lived = [((ended or until_ns) - begun) / 1e9 for begun, ended in self._tasks.values()]
            stood_s = 0.0 if self._balanced_ns is None else (until_ns - self._balanced_ns) / 1e9
        there_s = (until_ns - self._begun_ns) / 1e9
        told = self.bill(lived, stood_s, there_s, "clock")
        return [*told, *self._tasks_of([there_s] * self._untold, "bound")]

    def bill(self, lived_s: list[float], balanced_s: float, kept_s: float, source: Source) -> Iterator[Consumed]:
        """For tasks that lived so long each, a load balancer that stood so long, and an image that was kept so long."""
        size = self._size
        yield from self._tasks_of(lived_s, source)
        if balanced_s and size.zones:
            hours = math.ceil(balanced_s / SECONDS_PER_HOUR)
            yield Consumed("alb.hour", hours, "load balancer", source)
            yield Consumed("alb.lcu-hour", hours, "load balancer", "bound")
            yield Consumed("ipv4.hour", hours * size.zones, "load balancer's addresses", source)
        yield Consumed("ecr.gb-month", size.image_gb * kept_s / SECONDS_PER_HOUR / HOURS_PER_MONTH, "image", source)

    def _tasks_of(self, lived_s: list[float], source: Source) -> Iterator[Consumed]:
        size = self._size
        hours = sum(max(LEAST_TASK_S, seconds) for seconds in lived_s) / SECONDS_PER_HOUR
        if lived_s:
            yield Consumed(f"{size.sku}.vcpu-hour", hours * size.cpus, "tasks", source)
            yield Consumed(f"{size.sku}.gb-hour", hours * size.memory_mb / MB_PER_GB, "tasks", source)
            yield Consumed("ipv4.hour", hours, "tasks' addresses", source)
