"""A queue before a function: what is put in is carried out later, and its end is kept for whoever asks."""

import threading
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tests.fakes.far.pool import Throttled

AGAIN_S = 0.05
MOST_WORKERS = 32


class Queue:
    """Takes any number; a message that is throttled is tried again until it is carried out."""

    def __init__(self, workers: int, invoke: Callable[[bytes, str], bytes]) -> None:
        self._invoke = invoke
        self._workers = ThreadPoolExecutor(min(MOST_WORKERS, workers))
        self._changed = threading.Condition()
        self._closed = False
        self._open = 0
        self._ends: list[dict[str, object]] = []

    def put(self, body: bytes, request_id: str) -> None:
        """Take a message in."""
        with self._changed:
            self._open += 1
        self._workers.submit(self._carry_out, body, request_id)

    def read(self, after: int, limit_s: float) -> list[dict[str, object]]:
        """Ends without the first `after`, as soon as there are any."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._ends) > after, limit_s)
            return self._ends[after:]

    @property
    def state(self) -> dict[str, int]:
        """How many have ended, and how many have not."""
        with self._changed:
            return {"ended": len(self._ends), "open": self._open}

    def close(self) -> None:
        """Take no more, and try nothing again."""
        self._closed = True
        self._workers.shutdown(wait=False, cancel_futures=True)

    def _carry_out(self, body: bytes, request_id: str) -> None:
        while (reply := self._try(body, request_id)) is None:
            if self._closed:
                return
            time.sleep(AGAIN_S)
        with self._changed:
            self._open -= 1
            self._ends.append({"request_id": request_id, "status": 200, "body": b64encode(reply).decode()})
            self._changed.notify_all()

    def _try(self, body: bytes, request_id: str) -> bytes | None:
        try:
            return self._invoke(body, request_id)
        except Throttled:
            return None
