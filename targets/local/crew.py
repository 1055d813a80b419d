"""The workers behind a queue: as many as KEDA's rule wants, in real time; what dies is replaced, as a cluster does."""

import threading
from abc import abstractmethod
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple

from targets.clock import now_ns
from targets.contract import DeploymentError, UnitUsage
from targets.events import EventLog
from targets.local.last_words import tell_end
from targets.local.resources import Usage
from targets.local.service_deployment import Replica
from targets.rules.contract import Scaler, Seen
from targets.settings import QueueSettings

LOOK_S = 0.05
GRACE_S = 30.0
"""What a worker that is told to end may take for the request that it is about (Kubernetes' own grace period)."""
MOST_FAILED_STARTS = 3
"""In a row: then no worker will ever start, and whoever waits for ends must hear of it."""


class Depth(NamedTuple):
    """Requests in a queue."""

    waiting: int
    running: int
    """Given to a worker, and not ended."""
    accepted: int
    """So far, those that have ended among them."""


class Worker(Replica):
    """A unit that takes its requests itself."""

    leaving_since_ns: int | None = None
    """When it was told to end."""

    @abstractmethod
    def ask_to_end(self) -> None:
        """Let it finish what it is about, and end."""


class Crew:
    """Obeys the rule in a thread of its own; the times of the rule pass `pace` times as fast as ours."""

    def __init__(
        self, settings: QueueSettings, log: EventLog, new: Callable[[str], Worker], depth: Callable[[], Depth]
    ) -> None:
        self._settings, self._log, self._new, self._depth = settings, log, new, depth
        self._rule = settings.rule
        self._workers: list[Worker] = []
        self._seen: dict[str, Usage] = {}
        """By worker: what was counted for it when it was looked at last; what ends by itself takes its own along."""
        self._lock = threading.RLock()
        """Held while workers come and go."""
        self._count = self._failed_starts = self._accepted = 0
        self.failure: str | None = None
        """Why there will be no more workers; None while the rule is obeyed."""
        self._closed = threading.Event()
        self._begin()
        self._thread = threading.Thread(target=self._obey, name="crew", daemon=True)
        self._thread.start()

    def _begin(self) -> None:
        """With a rule that has seen nothing."""
        self._scaler: Scaler = self._rule.scaler()
        self._wanted, self._ticks, self._begun_ns = self._rule.first, 0, now_ns()

    def restart(self) -> None:
        """Remove every worker; from then on as at the begin. DeploymentError when one is left."""
        with self._lock:
            self._remove_all()
            self._begin()

    def usages(self) -> list[UnitUsage]:
        """What the kernel counts for each worker."""
        usages = [(worker.name, self._usage(worker)) for worker in list(self._workers)]
        return [
            UnitUsage(unit, use.memory_bytes, use.own_memory_bytes, use.cpu_ns, use.throttled_ns)
            for unit, use in usages
        ]

    @property
    def ready(self) -> int:
        """Workers that can take requests."""
        return sum(worker.is_ready for worker in list(self._workers))

    @property
    def size(self) -> int:
        """Workers that are there."""
        return len(self._workers)

    def close(self) -> None:
        """Remove every worker, and start none any more. DeploymentError when one is left. Safe to call twice."""
        self._closed.set()
        self._thread.join()
        self._remove_all()

    def _obey(self) -> None:
        while not self._closed.wait(LOOK_S):
            with self._lock:
                try:
                    self._look()
                except DeploymentError as error:
                    self.failure = str(error)
                    return

    def _look(self) -> None:
        for worker in list(self._workers):
            if why := worker.end_reason():
                self._bury(worker, why)
        tick_s = self._rule.tick_s / self._settings.pace
        while now_ns() >= self._begun_ns + int((self._ticks + 1) * tick_s * 1e9):
            self._ticks += 1
            self._wanted = self._scaler.decide(self._see())
        staying = [worker for worker in self._workers if worker.leaving_since_ns is None]
        for _ in range(self._wanted - len(staying)):
            self._add()
        for worker in reversed(staying[self._wanted :]):
            worker.leaving_since_ns = now_ns()
            self._usage(worker)
            worker.ask_to_end()
        for worker in self._workers:
            if worker.leaving_since_ns and now_ns() - worker.leaving_since_ns > GRACE_S * 1e9:
                self._remove(worker)

    def _see(self) -> Seen:
        depth = self._depth()
        came, self._accepted = depth.accepted - self._accepted, depth.accepted
        staying = [worker for worker in self._workers if worker.leaving_since_ns is None]
        ready = sum(worker.is_ready for worker in staying)
        return Seen(
            now_s=self._ticks * self._rule.tick_s,
            concurrency=float(depth.waiting + depth.running),
            requests=came,
            utilisation=min(1.0, depth.running / ready) if ready else 0.0,
            queued=depth.waiting,
            serving=depth.running,
            ready=ready,
            starting=len(staying) - ready,
        )

    def _add(self) -> None:
        self._count += 1
        worker = self._new(f"{self._count:04d}")
        self._log.write("create", worker.name, for_request=self._ticks > 0)
        self._workers.append(worker)
        worker.start()

    def _bury(self, worker: Worker, why: str) -> None:
        """Remove one that has ended; where it was not told to, say how. DeploymentError where none ever starts."""
        told = tell_end(f"worker {worker.name} ended: {why}", worker.last_words())
        if worker.leaving_since_ns is None:
            self._log.write("died", worker.name, why=told.split("\n")[0])
            self._failed_starts = 0 if worker.is_ready else self._failed_starts + 1
        self._remove(worker)
        if self._failed_starts >= MOST_FAILED_STARTS:
            raise DeploymentError(f"{self._failed_starts} workers in a row ended before they were ready: {told}")

    def _remove(self, worker: Worker) -> None:
        usage = self._last_usage(worker)
        worker.remove()
        self._log.write("removed", worker.name, **vars(usage))
        if not worker.is_gone():
            raise DeploymentError(f"worker {worker.name} is left after it was removed")
        with suppress(ValueError):
            self._workers.remove(worker)

    def _usage(self, worker: Worker) -> Usage:
        """Now, and kept for its end."""
        usage = worker.usage()
        if usage.cpu_ns is not None:
            self._seen[worker.name] = usage
        return usage

    def _last_usage(self, worker: Worker) -> Usage:
        """Now, or as it was seen last where it has ended; that memory ran out is known only then."""
        usage, seen = worker.usage(), self._seen.pop(worker.name, None)
        return usage if usage.cpu_ns is not None or seen is None else replace(seen, oom_killed=usage.oom_killed)

    def _remove_all(self) -> None:
        problems = []
        for worker in reversed(list(self._workers)):
            try:
                self._remove(worker)
            except DeploymentError as error:  # the others are removed all the same
                problems.append(str(error))
        if problems:
            raise DeploymentError("; ".join(problems))
