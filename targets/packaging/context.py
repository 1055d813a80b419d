"""The tar that an image is built from: the same files always give the same bytes."""

import tarfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import IO


def write_context(
    stream: IO[bytes], files: Mapping[str, Path], folders: Collection[str] = (), programs: Collection[str] = ()
) -> None:
    """Write `files` by name, readable by every user; `folders` exist even when empty, `programs` may be executed.

    The stream is left at its beginning.
    """
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in sorted(folders):
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for name in sorted(files):
            with files[name].open("rb") as source:
                entry = tarfile.TarInfo(name)
                entry.size = files[name].stat().st_size
                entry.mode = 0o755 if name in programs else 0o644
                archive.addfile(entry, source)
    stream.seek(0)
