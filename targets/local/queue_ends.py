"""What becomes of the requests in a queue, as seen from this machine: how many wait, and each end as it comes."""

import threading
from collections.abc import Iterator
from typing import Any

import redis

from targets.clock import now_ns
from targets.contract import Completion, DeploymentError
from targets.local.crew import Depth
from targets.serving.streams import BODY, DELIVERIES, ENDS, REQUEST, REQUESTS, STATUS, WORKERS

POLL_MS = 200
AT_ONCE = 64
PATIENCE_S = 10.0


class QueueEnds:
    """Collects in a thread of its own, so that an end is stamped when it comes; the queue is rid of it then."""

    def __init__(self, address: str) -> None:
        self._queue: Any = redis.from_url(address, socket_timeout=PATIENCE_S)
        self._queue.xgroup_create(REQUESTS, WORKERS, id="0", mkstream=True)
        self._changed = threading.Condition()
        self._fresh: list[Completion] = []
        self._deliveries: dict[bytes, int] = {}
        """By the id of each request that has ended: how often it was given to a worker, as far as that was told."""
        self._handed = 0
        """Ends that were handed on."""
        self._closed = False
        self.failure: str | None = None
        """Why nothing more comes: the queue does not answer."""
        self._thread = threading.Thread(target=self._collect, name="queue-ends", daemon=True)
        self._thread.start()

    @property
    def repeats(self) -> int:
        """How often a request was given to a worker once more, or ended twice."""
        with self._changed:
            return sum(self._deliveries.values()) - len(self._deliveries)

    def depth(self) -> Depth:
        """Now. DeploymentError when the queue does not answer."""
        try:
            stream = self._queue.xinfo_stream(REQUESTS)
            running = int(self._queue.xpending(REQUESTS, WORKERS)["pending"])
        except (redis.RedisError, OSError) as error:
            raise DeploymentError(f"the queue does not answer: {type(error).__name__}: {error}") from error
        return Depth(max(0, int(stream["length"]) - running), running, int(stream["entries-added"]))

    def missing(self) -> int:
        """Accepted requests whose end was not handed on. DeploymentError when the queue does not answer."""
        accepted = self.depth().accepted
        with self._changed:
            return accepted - self._handed

    def take(self, limit_s: float) -> Iterator[Completion]:
        """Those that came since the last call, or else the next that come within `limit_s`.

        DeploymentError when the queue is gone."""
        missing = self.missing()
        with self._changed:
            if missing:
                self._changed.wait_for(lambda: self._fresh or self.failure, limit_s)
            fresh, self._fresh = self._fresh, []
            self._handed += len(fresh)
        yield from fresh
        if self.failure:
            raise DeploymentError(self.failure)

    def close(self) -> None:
        """Collect no more. Safe to call twice."""
        self._closed = True
        self._thread.join(PATIENCE_S + 1)
        self._queue.close()

    def _collect(self) -> None:
        last: bytes | str = "0-0"
        while not self._closed:
            try:
                told = self._queue.xread({ENDS: last}, count=AT_ONCE, block=POLL_MS)
                at_ns = now_ns()
                entries = told[0][1] if told else []
                self._keep([fields for _, fields in entries], at_ns)
                if entries:
                    last = entries[-1][0]
                    self._queue.xdel(ENDS, *(entry for entry, _ in entries))
            except (redis.RedisError, OSError) as error:
                self.failure = f"the queue does not answer: {type(error).__name__}: {error}"
                return

    def _keep(self, ends: list[dict[bytes, bytes]], at_ns: int) -> None:
        with self._changed:
            for end in ends:
                request = end[REQUEST]
                if request in self._deliveries:
                    self._deliveries[request] = max(self._deliveries[request] + 1, int(end[DELIVERIES]))
                    continue
                self._deliveries[request] = int(end[DELIVERIES])
                self._fresh.append(Completion(request.decode(), at_ns, int(end[STATUS]), end[BODY]))
            self._changed.notify_all()
