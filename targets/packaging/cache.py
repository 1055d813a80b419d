"""Where things that are slow to make are kept between runs: each entry is complete or absent."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from targets.contract import DeploymentError

CACHE_VARIABLE = "FROSTLINE_CACHE"
FREE_BYTES_NEEDED = 2 * 1024**3
"""Enough for the largest workload's wheels, their installed copy and a base image's archive."""


def cache_root() -> Path:
    """The cache folder: $FROSTLINE_CACHE, else .cache/frostline in the home folder. It may not exist yet."""
    folder = os.environ.get(CACHE_VARIABLE)
    return Path(folder).expanduser().absolute() if folder else Path.home() / ".cache" / "frostline"


@contextmanager
def assemble(entry: Path) -> Iterator[Path]:
    """An empty folder that becomes `entry` when the block succeeds and is removed when it does not.

    Raises DeploymentError when the folder cannot be written or its disk is nearly full.
    """
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        _require_space(entry.parent)
        draft = Path(tempfile.mkdtemp(prefix=f".{entry.name[:16]}-", dir=entry.parent))
    except OSError as error:
        raise DeploymentError(
            f"the cache folder {entry.parent} cannot be written: {error}; set {CACHE_VARIABLE} to a writable folder"
        ) from error
    try:
        yield draft
        _put_in_place(draft, entry)
    except OSError as error:
        raise DeploymentError(f"{entry} cannot be made: {error}; check the disk or set {CACHE_VARIABLE}") from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put_in_place(draft: Path, entry: Path) -> None:
    try:
        draft.replace(entry)
    except OSError:
        # Another process finished the same entry first. Its content is the same, for the name is a content hash.
        if not entry.is_dir():
            raise


def _require_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_NEEDED:
        raise DeploymentError(
            f"the disk of {folder} has {free / 1024**3:.1f} GiB free and packaging needs "
            f"{FREE_BYTES_NEEDED / 1024**3:.1f} GiB; "
            f"free some space or set {CACHE_VARIABLE} to a folder on another disk"
        )
