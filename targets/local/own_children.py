"""The children of this process: those that it starts in a session of their own, and orphans of units that it is given.

A unit's main process adopts what loses its parent below it (targets.serving.leash). When the main one ends, the kernel
gives its children to the nearest process above that adopts, which is the one that started it: none is lost, whatever
its session and its environment are.
"""

import os
import resource
import subprocess
from contextlib import suppress
from typing import Any

import psutil

from targets.local.proc import children, is_alive
from targets.serving.leash import UNUSED_LIMIT, adopt


def start(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
    """As subprocess.Popen does, in a session of its own. OSError when it cannot be started."""
    adopt()
    return subprocess.Popen(command, start_new_session=True, **options)


def is_known_by_limit(main: psutil.Process) -> bool:
    """Whether a unit's main process, not collected yet, has set the limit by which its orphans are known."""
    return hasattr(resource, "prlimit") and _limit(main.pid) != _limit(os.getpid())


def orphans(main: psutil.Process) -> list[psutil.Process]:
    """Living children that `main`, whose limit it is, has left behind; those of them that have ended are collected.

    They have inherited its limit (targets.serving.leash). What this process itself has started has another one.
    """
    found = []
    for pid in children(os.getpid()):
        with suppress(psutil.Error, OSError):
            if pid == main.pid or _limit(pid) != _limit(main.pid):
                continue
            if is_alive(process := psutil.Process(pid)):
                found.append(process)
            else:
                os.waitpid(pid, os.WNOHANG)
    return found


def _limit(pid: int) -> int:
    """OSError when there is no such process."""
    return resource.prlimit(pid, UNUSED_LIMIT)[0]
