"""How a load process tells what kept it from carrying a plan out, and what its run makes of that."""

import errno
import os
import signal
import tempfile
from collections.abc import Iterable, Mapping
from typing import Any

from harness.errors import FrostlineError, TrialError
from harness.load.senders import SenderFailed

DESCRIPTORS = "raise the limit of descriptors (ulimit -n, and -Hn), or lower load.cap"
PORTS = "widen net.ipv4.ip_local_port_range, wait a minute for closed connections, or lower the rate"
MEMORY = "free memory, raise its limit, or lower the rate, load.cap or the size of bodies and replies"
DISK = "free disk space, or name a folder that has some in TMPDIR"
FILE_SIZE = "raise the limit of a file's size (ulimit -f)"
PROCESSES = "raise the limit of processes (ulimit -u, pids.max), or lower load.workers"
FIXES = {
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), DESCRIPTORS),
    **dict.fromkeys((errno.EADDRNOTAVAIL, errno.EADDRINUSE), PORTS),
    **dict.fromkeys((errno.ENOMEM, errno.ENOBUFS), MEMORY),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), DISK),
    errno.EFBIG: FILE_SIZE,
    errno.EAGAIN: PROCESSES,
}
"""By what the generator ran out of."""
OUT_OF_MEMORY = "MemoryError"
TOO_LONG = "too long to be kept"
SHORTER = "ask for shorter answers, or keep none (leave out --expect-json): the limit is the generator's"


class WorkersLost(TrialError):
    """Workers on other machines are not there any more, or not yet: no fault of the target."""


def lack_of(error: BaseException, folder: str = "") -> str:
    """In words what the generator ran out of, and the fix; `folder`: where it wrote."""
    if isinstance(error, MemoryError):
        return f"{OUT_OF_MEMORY}: {MEMORY}"
    if not isinstance(error, OSError) or error.errno not in FIXES:
        return f"{type(error).__name__}: {error}"
    where = f" (in {folder or tempfile.gettempdir()})" if FIXES[error.errno] == DISK else ""
    return f"{os.strerror(error.errno)}{where}: {FIXES[error.errno]}"


def fix_of(text: str) -> str:
    """The fix for the lack that this error text tells of."""
    if text.startswith(OUT_OF_MEMORY):
        return MEMORY
    if TOO_LONG in text:
        return SHORTER
    return next((fix for number, fix in FIXES.items() if number and os.strerror(number) in text), "lower the rate")


def end_of(status: int) -> str:
    """How a process ended, in words, by its return code."""
    if status >= 0:
        return f"ended with status {status}"
    name = signal.Signals(-status).name if -status in {*signal.Signals} else "unknown"
    why = ", by hand or for want of memory" if -status == signal.SIGKILL else ""
    return f"was killed (signal {-status}, {name}{why})"


def told_of(error: BaseException) -> dict[str, Any]:
    """What a worker tells: errors of ours are sentences, of others the kind says most; and whether it is a
    sender's, or of workers that are lost."""
    text = str(error) if isinstance(error, FrostlineError) else lack_of(error)
    return {
        "error": text,
        "is_senders": isinstance(error, SenderFailed),
        "is_lost": isinstance(error, WorkersLost),
    }


def told_of_all(reports: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The same of all workers together, a sender's only where each is; empty where none failed."""
    failed = [report for report in reports if "error" in report]
    if not failed:
        return {}
    text = "; ".join(sorted({report["error"] for report in failed}))
    return {"error": text, "is_senders": all(report["is_senders"] for report in failed), "is_lost": False}


def failure_from(told: Mapping[str, Any]) -> TrialError:
    """The error to raise for what was told: a sender's, or lost workers', ends its trial, any other one the run."""
    if told["is_senders"]:
        return SenderFailed(told["error"])
    if told["is_lost"]:
        return WorkersLost(told["error"])
    return TrialError(f"the load process failed: {told['error']}")
