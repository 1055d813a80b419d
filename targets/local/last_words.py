"""How a unit's end is told: what was wrong first, on one line; then how it ended, and the end of what it printed."""

import signal
import threading
from typing import IO

from targets.serving.failure import LOAD_FAILED

CAUSE = "The above exception was the direct cause of the following exception:"
"""Between the workload's own traceback and that of ours, which tells nothing."""
KEPT_BYTES = 16_384
MOST_LINES = 12
LONGEST_LINE = 300


class LastWords:
    """The end of a stream, however long it is, read in a thread of its own."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._kept = b""
        self.count = 0
        """Bytes so far."""
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def text(self, wait_s: float = 1.0) -> str:
        """What is kept; of a stream that has ended all of it."""
        self._thread.join(wait_s)
        return self._kept.decode(errors="replace")

    def since(self, count: int) -> bytes:
        """What came after so many bytes, the last of it where that is more than is kept."""
        new = self.count - count
        return self._kept[-new:] if new > 0 else b""

    def _follow(self) -> None:
        with self._stream:
            while piece := self._stream.read1(KEPT_BYTES):  # type: ignore[attr-defined]
                self._kept = (self._kept + piece)[-KEPT_BYTES:]
                self.count += len(piece)


def exit_words(status: int) -> str:
    """A process's status as subprocess has it, e.g. exit status 3, or killed by SIGSEGV."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"


def tell_end(ended: str, output: str) -> str:
    """Why a unit ended, for whoever reads one line: what load() raised, or else how it `ended` with its last line.

    The lines below hold the rest, MOST_LINES at most.
    """
    lines = [line.rstrip()[:LONGEST_LINE] for line in output.splitlines() if line.strip()]
    if not lines:
        return f"{ended}: it printed nothing"
    if (at := lines[-1].find(LOAD_FAILED)) >= 0:
        whole = output.rstrip().splitlines()[-1]
        own = lines[: lines.index(CAUSE) - 1] if CAUSE in lines else lines[:-1]
        return "\n".join([whole[at + len(LOAD_FAILED) :][:1000], ended, *_indent(own)])
    return "\n".join([f"{ended}: {lines[-1]}", *_indent(lines[:-1])])


def _indent(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines[-MOST_LINES:]]
