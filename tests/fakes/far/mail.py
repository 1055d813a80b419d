"""A log that its owner keeps: what becomes of one request is mailed in one piece, late, some twice and some never."""

import heapq
import itertools
import random
import threading
from dataclasses import dataclass

from targets.clock import now_ns


@dataclass(frozen=True)
class Post:
    """How badly it is delivered."""

    seed: int = 1
    latest_s: float = 1.5
    """No piece takes longer; each takes another time, so they come out of order."""
    twice_share: float = 0.1
    never_share: float = 0.05


class Mail:
    """Pieces of several lines each; what is due can be read from any thread."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._draw = random.Random(f"mail/{post.seed}")  # repeatable, not secret
        self._number = itertools.count()
        self._underway: list[tuple[int, int, list[str]]] = []
        self._delivered: list[str] = []
        self._lock = threading.Lock()

    def send(self, lines: list[str], surely: bool = False) -> bool:
        """Send one piece, `surely` or with the usual luck; returns whether it will ever arrive."""
        with self._lock:
            fate = self._draw.random()
            if fate < self._post.never_share and not surely:
                return False
            for _ in range(2 if fate > 1 - self._post.twice_share else 1):
                due_ns = now_ns() + int(self._draw.random() * self._post.latest_s * 1e9)
                heapq.heappush(self._underway, (due_ns, next(self._number), lines))
            return True

    def read(self, after: int) -> list[str]:
        """Everything that has been delivered, without the first `after` lines."""
        with self._lock:
            while self._underway and self._underway[0][0] <= now_ns():
                self._delivered += heapq.heappop(self._underway)[2]
            return self._delivered[after:]
