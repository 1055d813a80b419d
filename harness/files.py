"""Writing files whole, and keeping to one folder when a file's name comes from a stranger."""

import contextlib
import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from harness.errors import RecordError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=@+-]{0,199}", re.ASCII)


def safe_name(name: str, what: str) -> str:
    """`name` when it can be a file's name anywhere; it may come from a stranger's file."""
    if not NAME.fullmatch(name):
        raise RecordError(f"{what} {name!r}: not a safe file name: use letters, digits and ._=@+- only, at most 200")
    return name


def inside(folder: Path, name: str) -> Path:
    """The path of `name` in the resolved `folder`; a symlink that leads out of it is refused."""
    path = folder / name
    if not path.resolve().is_relative_to(folder):
        raise RecordError(f"{path}: leads out of the run folder: replace the symlink by the file")
    return path


@contextlib.contextmanager
def replacing(file: Path) -> Iterator[BinaryIO]:
    """A sibling to write to, which takes the place of `file` once it is wholly on the disk."""
    partial = file.with_name(f".{file.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with partial.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    descriptor = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sha256(file: Path) -> str:
    """Hex digest of a file's bytes."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
