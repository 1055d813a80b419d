"""The worker's entry point: takes a request from the queue, infers, stores the answer and acknowledges, until SIGTERM.

A request whose worker has died in the middle of it is claimed by another one, once its visibility is over.
"""

import json
import os
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from targets.clock import now_ns
from targets.serving.core import Core, cpu_limit, failed_reply, load_core, to_json
from targets.serving.streams import (
    ACCEPTED_NS,
    BODY,
    DELIVERIES,
    DELIVERIES_VARIABLE,
    ENDS,
    QUEUE_VARIABLE,
    REQUEST,
    REQUESTS,
    STATUS,
    VISIBILITY_VARIABLE,
    WORKERS,
)

if TYPE_CHECKING:
    from redis import Redis

WAIT_MS = 500
"""How long the queue is waited at for a request before this looks again whether it is to end."""
CLAIMS_A_VISIBILITY = 4
PATIENCE_S = 30.0
"""For any answer of the queue."""


class GivenUp(Exception):
    """A request was given to workers so often without an end that it has failed."""


@dataclass(frozen=True)
class Item:
    """A request as the queue gives it out."""

    id: bytes
    fields: dict[bytes, bytes]
    deliveries: int = 1


class Worker:
    """One request at a time, with all vCPUs of the unit; `go_on` says whether to take another one."""

    def __init__(self, core: Core, queue: "Redis", visibility_s: float, most_deliveries: int) -> None:
        self._core, self._queue = core, queue
        self._visibility_ms, self._most_deliveries = int(visibility_s * 1000), most_deliveries
        self._next_claim_ns = 0
        self.go_on = True

    def work(self) -> None:
        """Until `go_on` is False; a request that was taken is ended first. redis.RedisError when the queue is gone."""
        while self.go_on:
            if item := self._claim() or self._take():
                self._end(item, *self._answer(item))

    def _take(self) -> Item | None:
        """The next that nobody was given yet, waited for."""
        told: Any = self._queue.xreadgroup(WORKERS, self._core.unit, {REQUESTS: ">"}, count=1, block=WAIT_MS)
        return Item(*told[0][1][0]) if told else None

    def _claim(self) -> Item | None:
        """One that its worker has not ended in its time; looked for a few times in that time."""
        if now_ns() < self._next_claim_ns:
            return None
        told: Any = self._queue.xautoclaim(REQUESTS, WORKERS, self._core.unit, self._visibility_ms, count=1)
        if not told[1]:
            self._next_claim_ns = now_ns() + self._visibility_ms * 1_000_000 // CLAIMS_A_VISIBILITY
            return None
        ((entry, fields),) = told[1]
        (pending,) = self._queue.xpending_range(REQUESTS, WORKERS, entry, entry, 1)
        return Item(entry, fields, int(pending["times_delivered"]))

    def _answer(self, item: Item) -> tuple[int, bytes]:
        """Status and body, as a service would have answered."""
        evidence = self._core.evidence(received_ns=int(item.fields[ACCEPTED_NS]))
        try:
            if item.deliveries > self._most_deliveries:
                raise GivenUp(f"{self._most_deliveries} workers took the request, and none came to its end")
            return 200, to_json(self._core.call(json.loads(item.fields[BODY]), evidence).whole())
        except Exception as error:  # a model's error is an answer, and the worker goes on
            return 500, failed_reply(error, evidence)

    def _end(self, item: Item, status: int, body: bytes) -> None:
        with self._queue.pipeline(transaction=True) as both:
            both.xadd(ENDS, {REQUEST: item.id, STATUS: status, BODY: body, DELIVERIES: item.deliveries})
            both.xack(REQUESTS, WORKERS, item.id)
            both.xdel(REQUESTS, item.id)
            both.execute()


def main() -> None:
    """Load, connect, work."""
    if leash := os.environ.get("FROSTLINE_LEASH_FD"):
        from targets.serving.leash import hold

        hold(int(leash))
    core = load_core(threads=cpu_limit())
    with core.timeline.stamp("imports"):
        import redis
    with core.timeline.stamp("connections"):
        queue = redis.from_url(os.environ[QUEUE_VARIABLE], socket_timeout=PATIENCE_S)
        queue.ping()
    limits = float(os.environ[VISIBILITY_VARIABLE]), int(os.environ[DELIVERIES_VARIABLE])
    worker = Worker(core, queue, *limits)
    signal.signal(signal.SIGTERM, lambda *_: setattr(worker, "go_on", False))
    core.ready()
    worker.work()


if __name__ == "__main__":
    main()
