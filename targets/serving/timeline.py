"""When the parts of a start happened, on the kernel's monotonic clock."""

from targets.clock import now_ns

ENTERED_NS = now_ns()
"""The first moment that code of ours runs: the runtime's own boot lies before it."""

from collections.abc import Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402


class Timeline:
    """Durations of the phases of one start, in ns by name; a phase entered twice adds up."""

    def __init__(self) -> None:
        self.entered_ns = ENTERED_NS
        self.ended_ns: int | None = None
        self.phases_ns: dict[str, int] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Stamp one phase. Phases do not nest: the inner one would be counted twice."""
        begun = now_ns()
        try:
            yield
        finally:
            self.phases_ns[name] = self.phases_ns.get(name, 0) + now_ns() - begun

    def end(self) -> int:
        """The start is over, what comes now is an invocation; returns the stamp."""
        self.ended_ns = now_ns()
        return self.ended_ns
