"""The sandboxes of one function: which is asked next, when one more is started, and when one goes."""

import random
import threading
import time

from targets.clock import now_ns
from tests.fakes.far.rules import Rules
from tests.fakes.far.sandbox import Ended, Sandbox, TooLate
from tests.fakes.far.truth import Truth

LOOK_S = 0.05


class Throttled(Exception):
    """Too many requests are being handled."""


class Pool:
    """One request per sandbox: one started ahead first, then the latest. A start may bring another one with it."""

    def __init__(self, rules: Rules, environment: dict[str, str], truth: Truth) -> None:
        self.truth = truth
        self._rules = rules
        self._environment = environment
        self._draw = random.Random(f"pool/{rules.seed}")
        self._lock = threading.Lock()
        self._all: list[Sandbox] = []
        self._idle: list[Sandbox] = []
        self._busy = 0
        self._count = 0
        self._closed = False
        threading.Thread(target=self._evict_for_ever, daemon=True).start()

    def take(self) -> Sandbox:
        """A sandbox for one request; one without a process yet has to be started. Throttled beyond the limit."""
        with self._lock:
            if self._closed or self._busy >= self._rules.concurrency_limit:
                self.truth.events.write("throttled", reason=f"{self._busy} requests are being handled")
                raise Throttled
            self._busy += 1
            now = now_ns()
            if ready := [sandbox for sandbox in self._idle if sandbox.usable_ns <= now]:
                chosen = next((sandbox for sandbox in ready if sandbox.asked == 0), ready[-1])
                self._idle.remove(chosen)
                return chosen
            sandbox = self._add(for_request=True)
            if self._draw.random() < self._rules.proactive_share:
                threading.Thread(target=self._start_ahead, args=(self._add(for_request=False),), daemon=True).start()
            return sandbox

    def put_back(self, sandbox: Sandbox) -> None:
        """Its request has ended; one whose runtime has ended is kept as well, for a reset."""
        with self._lock:
            self._busy -= 1
            self._rest(sandbox)

    def renew(self, environment: dict[str, str], truth: Truth | None = None) -> None:
        """End what there is, busy or not, and start everything from now on with this environment; with another truth
        also count units anew."""
        with self._lock:
            self._environment = environment
            self._retire_all()
            if truth is not None:
                self.truth, self._count = truth, 0

    def close(self) -> None:
        """End what there is and start nothing more."""
        with self._lock:
            self._closed = True
            self._retire_all()

    def _add(self, for_request: bool) -> Sandbox:
        self._count += 1
        sandbox = Sandbox(f"{self._count:04d}", self._environment, self.truth.events)
        sandbox.truth.write("create", sandbox.unit, for_request=for_request)
        self._all.append(sandbox)
        return sandbox

    def _start_ahead(self, sandbox: Sandbox) -> None:
        try:
            sandbox.init_ns = sandbox.start(self._rules.init_timeout_s)
        except (TooLate, Ended):
            with self._lock:
                self._retire([sandbox])
            return
        with self._lock:
            sandbox.usable_ns = now_ns() + int(self._rules.rest_s * 1e9)
            self._rest(sandbox)

    def _rest(self, sandbox: Sandbox) -> None:
        if not sandbox.retired:
            sandbox.idle_ns = now_ns()
            self._idle.append(sandbox)

    def _evict_for_ever(self) -> None:
        while not self._closed:
            time.sleep(LOOK_S)
            with self._lock:
                oldest_ns = now_ns() - int(self._rules.keep_alive_s * 1e9)
                self._retire([sandbox for sandbox in self._idle if max(sandbox.idle_ns, sandbox.usable_ns) < oldest_ns])

    def _retire_all(self) -> None:
        self._retire(list(self._all))

    def _retire(self, sandboxes: list[Sandbox]) -> None:
        for sandbox in sandboxes:
            if sandbox.retired:
                continue
            sandbox.retire()
            self._all.remove(sandbox)
            if sandbox in self._idle:
                self._idle.remove(sandbox)
