"""The kernel's cache of files: dropped before a cold start where that is asked for and permitted."""

import os
from pathlib import Path

from harness.errors import TrialError

CONTROL = Path("/proc/sys/vm/drop_caches")
PAGE_CACHE_ONLY = "1"


def refusal() -> str | None:
    """Why the page cache cannot be dropped here; None when it can."""
    if not CONTROL.exists():
        return f"there is no {CONTROL}: only Linux has it"
    if not os.access(CONTROL, os.W_OK):
        return f"{CONTROL} may not be written: run as root, outside a container"
    try:
        CONTROL.open("w").close()  # a read-only /proc is noticed by opening, not by access(2)
    except OSError as error:
        return f"{CONTROL} cannot be written ({error.strerror}): run as root, outside a container"
    return None


def drop() -> None:
    """Write out what is dirty, then forget every clean page of the whole machine. TrialError when it is refused."""
    os.sync()
    try:
        CONTROL.write_text(PAGE_CACHE_ONLY)
    except OSError as error:
        raise TrialError(f"the page cache could not be dropped: {error}") from error
