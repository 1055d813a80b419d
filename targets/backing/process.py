"""A backing service that is a process of this machine, on a socket that only this user can reach."""

import os
import shutil
import signal
import subprocess
import sys
from io import FileIO
from pathlib import Path
from typing import Any

from targets.backing.contract import Running, Server, wait_until_ready
from targets.contract import DeploymentError
from targets.local import own_children
from targets.local.last_words import LastWords, exit_words
from targets.ownership import Owner, variables, work_folder

END_LIMIT_S = 10.0


def missing(server: Server) -> str | None:
    """Why it cannot be started here, and the fix; None when it can."""
    if shutil.which(server.program):
        return None
    return f"{server.program} is not on the PATH: install it ({server.install}), or use a docker- target"


def start(server: Server, run_id: str) -> Running:
    """Start it; returns once it answers. DeploymentError."""
    if why := missing(server):
        raise DeploymentError(why)
    running = ServerProcess(server, run_id)
    try:
        running.facts["version"] = wait_until_ready(server, running)
    except BaseException:
        running.remove()
        raise
    return running


class ServerProcess:
    """On a leash: it ends with the process that started it."""

    network: str | None = None

    def __init__(self, server: Server, run_id: str) -> None:
        program = shutil.which(server.program)
        assert program is not None
        self._folder = work_folder("service")
        self.address = self.inner_address = server.socket_address(self._folder)
        self.facts: dict[str, Any] = {"server": server.name, "program": program, "limits": None}
        inherited_end, leash = os.pipe()
        self._leash = FileIO(leash, "w")
        try:
            self._process = own_children.start(
                [sys.executable, "-m", "targets.backing.leashed", *server.process_command(program, self._folder)],
                env={**os.environ, **variables(run_id, Owner.current()), "FROSTLINE_LEASH_FD": str(inherited_end)},
                cwd=Path(__file__).parents[2],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=(inherited_end,),
            )
        except BaseException:
            self._leash.close()
            shutil.rmtree(self._folder, ignore_errors=True)
            raise
        finally:
            os.close(inherited_end)
        assert self._process.stdout is not None
        self._printed = LastWords(self._process.stdout)

    def end_reason(self) -> str | None:
        """Its exit status in words when it has ended."""
        status = self._process.poll()
        return None if status is None else exit_words(status)

    def last_words(self) -> str:
        """The end of what it printed."""
        return self._printed.text()

    def remove(self) -> None:
        """Ask it to end, then kill it and all of its group."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(END_LIMIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
        self._leash.close()
        shutil.rmtree(self._folder, ignore_errors=True)
