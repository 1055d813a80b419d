"""Names to choose from: a file that sets TARGET, WORKLOAD or the like is one, called after the file."""

import re
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from typing import Any


class NameTaken(Exception):
    """Two files give one name, and neither is preferred to the other."""


class Unreadable(Exception):
    """A file that sets what was looked for cannot be imported, or holds something else than its name says."""

    def __init__(self, what: str, name: str, why: str) -> None:
        super().__init__(f"{what} {name} cannot be read: {why}")
        self.why = why


def files_by_name(what: str, sets: str, folders: Iterable[str], pattern: str = "*.py") -> dict[str, Path]:
    """File by name, of those in the folders that set `sets`. NameTaken when two files have one name.

    A file is read, not imported: an import may need a library that only that file's platform needs. One that cannot be
    read has its name where no other has it, so that `read` says why.
    """
    line = re.compile(rf"^{sets}[ \t]*(:.*)?=(?!=)", re.MULTILINE)
    named: dict[str, Path] = {}
    unread: dict[str, Path] = {}
    for path in (path for folder in folders for path in sorted(Path(folder).glob(pattern))):
        if not path.stem.replace("-", "_").isidentifier():  # an editor's lock or copy, which nothing could import
            continue
        name = path.stem.replace("_", "-")
        try:
            found = path.is_file() and line.search(path.read_text("utf-8-sig", errors="replace"))
        except OSError:
            unread.setdefault(name, path)
            continue
        if found and (other := named.setdefault(name, path)) != path:
            raise NameTaken(f"{what} {name} is in {other} and in {path}: rename one of the two files")
    return unread | named


def read(what: str, name: str, sets: str, module: str) -> Any:
    """What this module sets. Unreadable when it cannot be had, or calls itself otherwise."""
    try:
        found = getattr(import_module(module), sets)
    except Exception as error:  # a stranger's file, or a library that is not here
        raise Unreadable(what, name, reason(error)) from error
    own = getattr(found, "name", name)
    if own != name:
        raise Unreadable(what, name, f"it says name = {own!a}: say {name!a}, or call the file after the name")
    return found


def reason(error: Exception) -> str:
    """Its kind and message, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
