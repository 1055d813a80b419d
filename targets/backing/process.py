"""A backing service that is a process of this machine, on a socket that only this user can reach."""

import os
import pwd
import shutil
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any

from targets.backing.contract import (
    FILL_LIMIT_S,
    FILL_SIZING,
    Backing,
    Running,
    Server,
    backed,
    check_filled,
    wait_until_ready,
)
from targets.contract import DeploymentError, Order, Package
from targets.local import own_children, processes
from targets.local.last_words import LastWords, exit_words
from targets.local.serving_process import ServingProcess
from targets.ownership import Owner, variables, work_folder

END_LIMIT_S = 10.0
NOBODY = "nobody"
FILL = "targets.serving.fill"


def missing(server: Server) -> str | None:
    """Why it cannot be started here, and the fix; None when it can."""
    if (program := server.program()) is None:
        return f"there is no {server.name} on this machine: install it ({server.install}), or use a docker- target"
    if _as_nobody(server) and not _is_open(Path(program)):
        return (
            f"{server.name} does not run as root, and {program} is closed to the user {NOBODY}: open the folders above "
            "it to all (chmod o+x), be another user, or use a docker- target"
        )
    return None


def _as_nobody(server: Server) -> bool:
    return not server.runs_as_root and os.geteuid() == 0


def _is_open(program: Path) -> bool:
    """Whether any user may run it."""
    whole = program.resolve()
    return all(path.stat().st_mode & 0o001 for path in (whole, *whole.parents))


def back(package: Package, order: Order, stack: ExitStack) -> Backing:
    """`backed` by a process. DeploymentError."""
    return backed(package, order, stack, lambda server: start(server, order.run_id), partial(_fill, package))


def _fill(package: Package, backing: Backing) -> str:
    """Have the workload put the content in, in a process as a unit's that ends with that; what it printed."""
    environment = processes.serving_environment(package, replace(backing.order, sizing=FILL_SIZING))
    filling = ServingProcess(FILL, environment, None, lambda line: None)
    try:
        status = filling.wait(FILL_LIMIT_S)
        printed = filling.last_words.text()
    finally:
        filling.kill()
    check_filled(backing.name, status, printed)
    return printed


def start(server: Server, run_id: str) -> Running:
    """Start it; returns once it answers. DeploymentError."""
    if why := missing(server):
        raise DeploymentError(why)
    running = ServerProcess(server, run_id)
    try:
        wait_until_ready(server, running)
    except BaseException:
        running.remove()
        raise
    return running


class ServerProcess:
    """On a leash: it ends with the process that started it."""

    network: str | None = None

    def __init__(self, server: Server, run_id: str) -> None:
        program = server.program()
        assert program is not None
        self._folder = work_folder("service")
        place, user = self._own_place(server)
        self.address = self.inner_address = server.socket_address(place)
        self.facts: dict[str, Any] = {"server": server.name, "program": program, "limits": None}
        inherited_end, leash = os.pipe()
        self._leash = FileIO(leash, "w")
        try:
            self._process = own_children.start(
                [sys.executable, "-m", "targets.backing.leashed", *server.process_command(program, place)],
                env={
                    # What else stands in ours may be a secret, or a setting of the server's of which nobody thinks.
                    **{name: os.environ[name] for name in processes.INHERITED if name in os.environ},
                    **variables(run_id, Owner.current()),
                    **user,
                    "FROSTLINE_LEASH_FD": str(inherited_end),
                },
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

    def _own_place(self, server: Server) -> tuple[Path, dict[str, str]]:
        """A folder that is the server's user's alone, and what tells it who that is; the outer one stays ours, so that
        `clean` finds it."""
        if not _as_nobody(server):
            return self._folder, {}
        nobody = pwd.getpwnam(NOBODY)
        place = self._folder / server.name
        place.mkdir(0o700)
        os.chown(place, nobody.pw_uid, nobody.pw_gid)
        self._folder.chmod(0o711)
        return place, {"FROSTLINE_USER": f"{nobody.pw_uid}:{nobody.pw_gid}"}

    def end_reason(self) -> str | None:
        """Its exit status in words when it has ended."""
        status = self._process.poll()
        return None if status is None else exit_words(status)

    def last_words(self) -> str:
        """The end of what it printed."""
        return self._printed.text()

    def remove(self) -> None:
        """Ask it to end, by the signal at which PostgreSQL waits for no client; then kill what is left of its group."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(END_LIMIT_S)
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._leash.close()
        shutil.rmtree(self._folder, ignore_errors=True)
