"""One local process of the serving code: on a socket that it inherits, on a leash, its output listened to."""

import os
import socket
import subprocess
import threading
from collections.abc import Callable
from io import FileIO
from typing import IO

from targets.descriptors import raise_descriptor_limit
from targets.local.processes import interpreter


class ServingProcess:
    """Starts `python -m module` and closes the caller's copy of `connection`. OSError when it cannot be started."""

    def __init__(
        self, module: str, environment: dict[str, str], connection: socket.socket, hear: Callable[[bytes], object]
    ) -> None:
        raise_descriptor_limit()  # inherited: a front has raised its own already, a run that starts replicas has not
        inherited_end, leash = os.pipe()
        # An object, not a number: when a start is interrupted, letting go of it closes it, and that ends the process.
        self._leash = FileIO(leash, "w")
        descriptors = {"FROSTLINE_SOCKET_FD": str(connection.fileno()), "FROSTLINE_LEASH_FD": str(inherited_end)}
        try:
            self._process = subprocess.Popen(
                [interpreter(), "-s", "-m", module],
                env=environment | descriptors,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                pass_fds=(connection.fileno(), inherited_end),
                start_new_session=True,
            )
            assert self._process.stdout is not None
            threading.Thread(target=_listen, args=(self._process.stdout, hear), daemon=True).start()
        except BaseException:
            self._leash.close()
            raise
        finally:
            connection.close()
            os.close(inherited_end)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """Kill and reap. Safe to call twice, and from two threads."""
        self._process.kill()
        self._process.wait()
        self._leash.close()


def _listen(output: IO[bytes], hear: Callable[[bytes], object]) -> None:
    with output:
        for line in output:
            hear(line)
