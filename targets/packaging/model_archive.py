"""A user's own model as one archive: known by its sha256, unpacked once into the cache, never beyond its folder."""

import hashlib
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from targets.contract import DeploymentError
from targets.packaging.cache import assemble, cache_root
from targets.packaging.folder import MOST_FILES

MOST_BYTES = 64 * 2**30
"""Of all files together: whatever a small archive says that it unfolds to."""
CHUNK_BYTES = 2**20
Member = tuple[str, IO[bytes]]
DAMAGED = (tarfile.TarError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError)
"""What the libraries raise of an archive that is cut off, encrypted or none."""


def unpacked(archive: Path, sha256: str) -> Path:
    """The folder with what the archive of this sha256 (hex) holds; a single folder at its top is left out.

    What was unpacked before is taken as it is: the archive need not be there any more. DeploymentError with the fix
    where it is another archive, damaged, too large, or holds what is no plain file within it.
    """
    folder = cache_root() / "models" / f"archive-{sha256}"
    if folder.is_dir():
        return folder
    _check_digest(archive, sha256)
    with assemble(folder) as draft:
        try:
            _unpack(archive, draft)
        except DAMAGED as error:
            raise DeploymentError(
                f"model archive {archive} is no whole .tar, .tar.gz or .zip ({error}): pack it again"
            ) from error
        _leave_top_out(draft)
    return folder


def _check_digest(archive: Path, sha256: str) -> None:
    try:
        with archive.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DeploymentError(
            f"model archive {archive} cannot be read ({error.strerror}): name a .tar.gz or .zip that is there"
        ) from error
    if found != sha256:
        raise DeploymentError(
            f"model archive {archive} has sha256 {found}, and {sha256} is stated: if it is the right file, state that"
        )


def _unpack(archive: Path, draft: Path) -> None:
    left, seen = MOST_BYTES, set[str]()
    for name, content in _members(archive):
        path = PurePosixPath(name)
        if name.startswith("/") or ".." in path.parts or "\\" in name or "\0" in name or not path.parts:
            raise DeploymentError(f"model archive {archive} holds {name[:200]!a}, outside of itself: pack it without")
        if str(path) in seen or len(seen) == MOST_FILES:
            why = "twice" if str(path) in seen else f"beside {MOST_FILES:,} other files"
            raise DeploymentError(f"model archive {archive} holds {name[:200]!a} {why}: pack only what is needed, once")
        seen.add(str(path))
        place = draft / path
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            while chunk := content.read(CHUNK_BYTES):
                left -= len(chunk)
                if left < 0:
                    raise DeploymentError(
                        f"model archive {archive} unfolds to more than {MOST_BYTES / 2**30:g} GiB: pack less"
                    )
                file.write(chunk)
    if not seen:
        raise DeploymentError(f"model archive {archive} holds no file: pack the model's files")


def _members(archive: Path) -> Iterator[Member]:
    """Name and content of each plain file, in the archive's order. DeploymentError for a link or a device."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as packed:
            for entry in (entry for entry in packed.infolist() if not entry.is_dir()):
                kind = stat.S_IFMT(entry.external_attr >> 16)
                _check_plain(archive, entry.filename, kind in (0, stat.S_IFREG))
                with packed.open(entry) as content:
                    yield entry.filename, content
        return
    with tarfile.open(archive) as tar:
        for member in (member for member in tar if not member.isdir()):
            _check_plain(archive, member.name, member.isreg())
            if (inside := tar.extractfile(member)) is not None:
                yield member.name, inside


def _check_plain(archive: Path, name: str, plain: bool) -> None:
    if not plain:
        raise DeploymentError(
            f"model archive {archive} holds {name[:200]!a}, a link or no file: pack what it leads to (tar -h)"
        )


def _leave_top_out(draft: Path) -> None:
    """As an archive of a folder has it: the folder alone at its top."""
    entries = list(draft.iterdir())
    if len(entries) == 1 and entries[0].is_dir():
        inner = entries[0].rename(draft / ".top")
        for path in inner.iterdir():
            shutil.move(path, draft / path.name)
        inner.rmdir()
