"""When the parts of a start happened, on the kernel's monotonic clock."""

from targets.clock import now_ns

ENTERED_NS = now_ns()
"""The first moment that code of ours runs: the runtime's own boot lies before it."""

import re  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import AbstractContextManager, contextmanager  # noqa: E402

NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""What a workload may call a phase of its start."""


class Timeline:
    """Durations of the phases of one start, in ns by name, in the order in which they were first entered."""

    def __init__(self) -> None:
        self.entered_ns = ENTERED_NS
        self.ended_ns: int | None = None
        self.phases_ns: dict[str, int] = {}
        self.failed_in: str | None = None
        """The innermost phase that an error ended."""

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
        """Stamp one phase; entered twice, it adds up. Phases do not nest: the inner one would be counted twice."""
        self.phases_ns.setdefault(name, 0)
        begun = now_ns()
        try:
            yield
        except BaseException:
            self.failed_in = self.failed_in or name
            raise
        finally:
            self.phases_ns[name] += now_ns() - begun

    def end(self) -> int:
        """The start is over, what comes now is an invocation; returns the stamp."""
        self.ended_ns = now_ns()
        return self.ended_ns
