"""The children of this process: those that it starts in a session of their own, and orphans of units that it is given.

A unit's main process adopts what loses its parent below it (targets.serving.leash). When the main one ends, the kernel
gives its children to the nearest process above that adopts, which is the one that started it: none is lost, whatever
its session and its environment are.
"""

import os
import subprocess
import threading
from contextlib import suppress
from typing import Any

import psutil

from targets.local.proc import begun, children, is_alive
from targets.serving.leash import adopt

_STARTED: list["subprocess.Popen[bytes]"] = []
_LOCK = threading.Lock()
"""Held while one is started, so that none is taken for an orphan before it is known."""


def start(command: list[str], **options: Any) -> "subprocess.Popen[bytes]":
    """As subprocess.Popen does, in a session of its own. OSError when it cannot be started."""
    adopt()
    with _LOCK:
        _STARTED[:] = [process for process in _STARTED if process.returncode is None]
        process = subprocess.Popen(command, start_new_session=True, **options)
        _STARTED.append(process)
    return process


def orphans(main: psutil.Process) -> list[psutil.Process]:
    """Living children of another session that this process has not started, none of them older than `main`.

    Those that have ended are collected. Whose they were cannot be known: that one has ended, and so must they.
    """
    with _LOCK:
        own, since = os.getsid(0), begun(main.pid)
        known = {process.pid for process in _STARTED if process.returncode is None}
        found = []
        for pid in children(os.getpid()):
            with suppress(psutil.Error, OSError):
                if pid in known or os.getsid(pid) == own or begun(pid) < since:
                    continue
                if is_alive(process := psutil.Process(pid)):
                    found.append(process)
                else:
                    os.waitpid(pid, os.WNOHANG)
        return found
