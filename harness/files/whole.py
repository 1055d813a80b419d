"""Writing files whole, reading a stranger's with care, and keeping to one folder when a name comes from a stranger."""

import contextlib
import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from harness.errors import MissingError, RecordError

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=@+-]{0,199}", re.ASCII)


def safe_name(name: str, what: str) -> str:
    """`name` when it can be a file's name anywhere; it may come from a stranger's file."""
    if not NAME.fullmatch(name):
        raise RecordError(f"{what} {name!r}: not a safe file name: use letters, digits and ._=@+- only, at most 200")
    return name


def inside(folder: Path, name: str) -> Path:
    """The path of `name` in the resolved `folder`; a symlink that leads out of it is refused."""
    path = folder / name
    try:
        within = path.resolve().is_relative_to(folder)
    except (OSError, RuntimeError, ValueError):  # symlinks in a circle, a name that no file can have
        within = False
    if not within:
        raise RecordError(f"{path}: leads out of the run folder: replace the symlink by the file")
    return path


@contextlib.contextmanager
def ordinary(file: Path) -> Iterator[BufferedReader]:
    """A file to read. OSError for anything else."""
    refuse_special(file)
    with file.open("rb") as stream:
        yield stream


def refuse_special(file: Path) -> None:
    """OSError unless this is an ordinary file: a pipe or a device might never end."""
    if not stat.S_ISREG(file.stat().st_mode):
        raise OSError(errno.EINVAL, "not an ordinary file", str(file))


def read_file(file: Path, most: int) -> bytes:
    """The whole of an ordinary file. OSError when it has more than `most` bytes."""
    with ordinary(file) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"larger than {most:,} bytes", str(file))
    return data


def one_line(text: str, most: int = 300) -> str:
    """At most so many characters of a message that somebody else wrote, on one line."""
    text = " ".join(text[: 4 * most].split())
    return text if len(text) <= most else f"{text[: most - 3]}..."


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


@contextlib.contextmanager
def saving(run: str, folder: Path) -> Iterator[None]:
    """Whatever keeps a run's files from being written becomes a MissingError; what was saved before stays."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise MissingError(
            f"{folder} cannot be written ({reason}): free some space or make it writable; every trial saved so far is "
            f"kept: continue with `frostline run --resume {run}`"
        ) from error


def sha256(file: Path) -> str:
    """Hex digest of a file's bytes."""
    with ordinary(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
