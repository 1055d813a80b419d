"""Programs that a profile names to be asked for credentials, run from any thread.

gevent takes away what subprocess starts processes with, and its own serves the main thread only.
"""

import os
from typing import Any

from harness.load.native import native


class Program:
    """As much of subprocess.Popen as botocore uses. What the program says of an error is nobody's: it may be secret."""

    def __init__(self, command: list[str], **_: Any) -> None:
        """Start it. OSError where that cannot be."""
        self._output, inner = os.pipe()
        try:
            quiet = [(os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0)]
            deaf = [(os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)]  # ours is the pipe by which plans come
            actions = [*deaf, (os.POSIX_SPAWN_DUP2, inner, 1), *quiet]
            spawn = native("os", "posix_spawnp")
            self._pid = spawn(command[0], command, os.environ, file_actions=actions)
        except OSError:
            os.close(self._output)
            raise
        finally:
            os.close(inner)
        self.returncode: int | None = None

    def communicate(self) -> tuple[bytes, bytes]:
        """Wait for its end; all that it wrote, and nothing of its errors."""
        with os.fdopen(self._output, "rb") as file:
            said = file.read()
        try:
            _, status = native("os", "waitpid")(self._pid, 0)
        except ChildProcessError:  # gevent has waited for it: what it said tells whether it was of use
            status = 0
        self.returncode = os.waitstatus_to_exitcode(status)
        return said, b""
