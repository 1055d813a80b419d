"""One unit of local processes: the serving code's on a socket that it inherits, on a leash, and all that it starts."""

import os
import secrets
import socket
import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from io import BufferedReader, FileIO

import psutil

from targets.descriptors import raise_descriptor_limit
from targets.local import own_children, process_tree
from targets.local.last_words import LastWords
from targets.local.processes import interpreter
from targets.local.resources import Usage
from targets.local.tree_meter import TreeMeter
from targets.serving.marks import DESCRIPTOR_VARIABLE

LINE_BYTES = 4096
"""More than any mark has."""
END_S = 1.0
"""How long a process that has hung up may take to end by itself."""


class ServingProcess:
    """Starts `python -m module` and closes the caller's copy of `connection`, where it is to have one. OSError when it
    cannot be started.

    When that process ends, whatever it has started ends with it: nothing else holds its socket or its output. `hear` is
    given the lines of the channel of its marks; what it prints is another stream, of which the end is kept: one for
    standard output and standard error, so that it stands in the order in which it was printed.
    """

    def __init__(
        self,
        module: str,
        environment: dict[str, str],
        connection: socket.socket | None,
        hear: Callable[[bytes], object],
    ) -> None:
        raise_descriptor_limit()  # inherited: a front has raised its own already, a run that starts replicas has not
        self.mark = secrets.token_hex(8)
        """By which all its processes are found (targets.local.process_tree)."""
        inherited_end, leash = os.pipe()
        # An object, not a number: when a start is interrupted, letting go of it closes it, and that ends the process.
        self._leash = FileIO(leash, "w")
        heard, told = os.pipe()
        marks = FileIO(heard)  # likewise: until somebody reads it
        sockets = () if connection is None else (connection.fileno(),)
        own = {
            "FROSTLINE_SOCKET_FD": "".join(map(str, sockets)),
            "FROSTLINE_LEASH_FD": str(inherited_end),
            DESCRIPTOR_VARIABLE: str(told),
            process_tree.MARK_VARIABLE: self.mark,
        }
        try:
            self._process = own_children.start(
                [interpreter(), "-s", "-m", module],
                env=environment | own,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(*sockets, inherited_end, told),
            )
            assert self._process.stdout is not None
            self.last_words = LastWords(self._process.stdout)
            """The end of what it has printed."""
            threading.Thread(target=_listen, args=(marks, hear), daemon=True).start()
            self._main = psutil.Process(self._process.pid)
            self._meter = TreeMeter(self._process.pid)
            self._left: TimeoutError | None = None
            self._end = threading.Thread(target=self._end_with_main, daemon=True)
            self._end.start()
        except BaseException:
            self._leash.close()
            raise
        finally:
            if connection is not None:
                connection.close()
            os.close(inherited_end)
            os.close(told)  # from here on the marks end with the process: whoever reads them waits for that

    @property
    def pid(self) -> int:
        """Its main process id."""
        return self._process.pid

    @property
    def status(self) -> int | None:
        """The main process's exit status, once nothing of the unit is left; None before."""
        return self._process.returncode

    def wait(self, seconds: float) -> int | None:
        """Its status where it ends by itself in that time: one that has hung up may be about to, and has its own."""
        self._end.join(seconds)
        return self.status

    def usage(self) -> Usage:
        """What all its processes use now, together."""
        return self._meter.usage()

    def ask_to_end(self) -> None:
        """Tell its main process to end (SIGTERM); what it is about it may finish. Nothing where it has ended."""
        with suppress(psutil.Error):
            self._main.terminate()

    def kill(self) -> None:
        """Kill and reap all its processes. Safe to call twice, and from two threads. TimeoutError when one stays."""
        if self._process.returncode is None:
            process_tree.kill(self._main)
        self._end.join(2 * process_tree.END_LIMIT_S)
        self._leash.close()
        if self._left is not None:
            raise self._left

    def is_gone(self) -> bool:
        """Whether nothing of it lives, by the kernel's word."""
        return self.status is not None and self._left is None and not process_tree.marked(self.mark)

    def _end_with_main(self) -> None:
        """Wait for the main process; it is reaped last, so that its number stays its own until then."""
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        else:
            self._process.wait()
        try:
            process_tree.kill_rest(self._main, self.mark)
        except TimeoutError as error:  # for kill to tell
            self._left = error
        self._process.wait()


def _listen(marks: FileIO, hear: Callable[[bytes], object]) -> None:
    with BufferedReader(marks) as lines:
        while line := lines.readline(LINE_BYTES):
            hear(line)
