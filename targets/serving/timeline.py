"""When the parts of a start happened, on the kernel's monotonic clock."""

from targets.clock import now_ns

ENTERED_NS = now_ns()
"""The first moment that code of ours runs: the runtime's own boot lies before it."""

import _thread  # noqa: E402 - threading would be one more import of a sandbox that starts cold
import re  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import AbstractContextManager, contextmanager  # noqa: E402

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""What a workload may call a phase of its start."""


class Timeline:
    """Durations of the phases of one start, in ns by name, in the order in which they were first entered.

    Each moment belongs to one phase, the latest entered of those that are open, so that they never add up to more than
    the start took: an inner phase is no part of the outer one, and phases of several threads share their time.
    """

    def __init__(self) -> None:
        self.entered_ns = ENTERED_NS
        self.ended_ns: int | None = None
        self.phases_ns: dict[str, int] = {}
        self.failed_in: str | None = None
        """The innermost phase that an error ended."""
        self._open: list[str] = []
        self._since_ns = 0
        self._lock = _thread.allocate_lock()

    def phase(self, name: str) -> AbstractContextManager[None]:
        """A phase of the workload's own choice. ValueError when the name is one of the bench's, or no name."""
        from targets.workloads.contract import (
            RESERVED_PHASES,  # here, because a sandbox that starts cold pays for every import
        )

        if name in RESERVED_PHASES:
            raise ValueError(f"phase {name!r} is told by the bench itself: give yours another name")
        if not NAME.fullmatch(name):
            raise ValueError(f"phase {name[:80]!r}: a name is a-z, then up to 39 of a-z, 0-9 and _: rename it")
        return self.stamp(name)

    @contextmanager
    def stamp(self, name: str) -> Iterator[None]:
        """Stamp one phase; entered twice, it adds up. After the start it stamps nothing: that is an invocation's."""
        with self._lock:
            self._charge()
            self._open.append(name)
            if self.ended_ns is None:
                self.phases_ns.setdefault(name, 0)
        try:
            yield
        except BaseException:
            self.failed_in = self.failed_in or name
            raise
        finally:
            with self._lock:
                self._charge()
                self._open.reverse()
                self._open.remove(name)
                self._open.reverse()

    def _charge(self) -> None:
        """Give the time since the last look to the phase that it belongs to."""
        now = now_ns()
        if self._open and self.ended_ns is None:
            self.phases_ns[self._open[-1]] += now - self._since_ns
        self._since_ns = now

    @contextmanager
    def within_request(self) -> Iterator[None]:
        """The part of a start that is done in a request: what is stamped meanwhile are its phases as well."""
        ended_ns, self.ended_ns = self.ended_ns, None
        try:
            yield
        finally:
            self.end()
            self.ended_ns = ended_ns

    def end(self) -> int:
        """The start is over, what comes now is an invocation; returns the stamp."""
        with self._lock:
            self._charge()
            self.ended_ns = self._since_ns
        return self.ended_ns
