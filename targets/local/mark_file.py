"""The channel of a container's marks: a file of ours that no other container is shown."""

import threading
from collections.abc import Callable
from pathlib import Path

from targets.clock import now_ns

LIMIT_BYTES = 65_536
"""Of all marks of one unit, many restarts included; what a container writes beyond is not read."""
LEAST_PAUSE_S, MOST_PAUSE_S = 0.005, 0.05
PAUSE_SHARE = 0.02
"""Of the time that is over: a look is late by so much of what it is a look at, and long starts cost few."""


class MarkFile:
    """Made before its container, and followed from each start on until init has ended. Safe from any thread.

    A file and no pipe, because an engine in a virtual machine shows its containers our files and nothing else of ours.
    """

    def __init__(self, folder: Path, unit: str) -> None:
        self.path = folder / f"{unit}.marks"
        self.path.touch()
        self.path.chmod(0o666)  # the container's user is nobody here; the folder above lets nobody else in
        self._offset = 0
        self._left = threading.Event()
        self._lock = threading.Lock()

    def follow(self, hear: Callable[[bytes], bool]) -> None:
        """Hand over each mark as it comes, in a thread of its own, until `hear` says True or `leave` is called."""
        self.leave()
        self._left = threading.Event()
        threading.Thread(target=self._follow, args=(hear, self._left), daemon=True).start()

    def leave(self) -> None:
        """Follow no longer."""
        self._left.set()

    def look(self, hear: Callable[[bytes], bool]) -> bool:
        """Hand over what has come since the last look; whether `hear` said True to any of it."""
        return True in [hear(line) for line in self._read()]

    def _follow(self, hear: Callable[[bytes], bool], left: threading.Event) -> None:
        begun_ns = now_ns()
        pause_s = LEAST_PAUSE_S
        while not left.wait(pause_s):
            if self.look(hear):
                return
            pause_s = min(max(LEAST_PAUSE_S, (now_ns() - begun_ns) / 1e9 * PAUSE_SHARE), MOST_PAUSE_S)

    def _read(self) -> list[bytes]:
        with self._lock:
            try:
                if self.path.stat().st_size == self._offset:
                    return []
                with self.path.open("rb") as file:
                    file.seek(self._offset)
                    whole, newline, _ = file.read(LIMIT_BYTES - self._offset).rpartition(b"\n")
            except FileNotFoundError:  # removed with its run, while a thread still looked
                return []
            self._offset += len(whole) + len(newline)
            return whole.splitlines()
