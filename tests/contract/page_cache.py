"""Whether files lie in this machine's page cache, and how to have the kernel forget them: only these, nothing else."""

import ctypes
import mmap
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO


def code_of(pid: int | None, module: str) -> list[Path]:
    """The source and the compiled forms of a module of targets/, as the process sees them. OSError when not found."""
    variables = dict(
        item.partition("=")[::2] for item in Path(f"/proc/{pid}/environ").read_text(errors="replace").split("\0")
    )
    folders = [Path(f"/proc/{pid}/root{place}/targets") for place in variables.get("PYTHONPATH", "").split(":")]
    if found := [path for folder in folders for path in folder.rglob(f"{module}.*")]:
        return found
    raise FileNotFoundError(f"no {module} is found on the path of process {pid}")


def is_forgotten(files: Sequence[IO[bytes]]) -> bool:
    """Ask the kernel to forget them; True when no page of them is in its cache a moment later. OSError: not here."""
    for file in files:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    time.sleep(0.1)  # whoever else reads them often has brought them back by now
    return not any(map(is_cached, files))


def is_cached(file: IO[bytes]) -> bool:
    """Whether any page of it is in the cache, without reading it. OSError where the kernel does not say."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY) as view:  # writable, for its address; never touched
        pages = (ctypes.c_ubyte * -(-len(view) // mmap.PAGESIZE))()
        first = ctypes.c_char.from_buffer(view)
        untold = ctypes.CDLL(None).mincore(ctypes.byref(first), ctypes.c_size_t(len(view)), pages)
        del first  # a view that is pointed into cannot be closed
    if untold:
        raise OSError("mincore does not say which pages are cached")
    return any(page & 1 for page in pages)
