"""Names to choose from: a file or package that sets TARGET, WORKLOAD or the like is one, called after it."""

import re
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

FAULTS = (Exception, SystemExit)
"""What a stranger's code may raise in our process: it has failed, and sys.exit() there ends no command of ours."""
CONTRACT = "contract"
"""The module that says what a kind of file owes: it is none of them."""
USABLE = re.compile(r"[a-z][a-z0-9]*(_+[a-z0-9]+)*")
"""A module's name that Python imports, and that an image may be called after."""


class NameTaken(Exception):
    """Two files give one name, and neither is preferred to the other."""


class Unreadable(Exception):
    """A file that sets what was looked for cannot be imported, or holds something else than its name says."""

    def __init__(self, what: str, name: str, why: str) -> None:
        super().__init__(f"{what} {name} cannot be read: {why}")
        self.why = why


def files_by_name(what: str, sets: str, folders: Iterable[str], pattern: str = "*.py") -> dict[str, Path]:
    """File by name, of those in the folders that set `sets`; a package's is its __init__.py.

    NameTaken when two files have one name. A file is read, not imported: an import may need a library that only that
    file's platform needs. One that cannot be read has its name where no other has it, so that `read` says why.
    """
    named: dict[str, Path] = {}
    unread: dict[str, Path] = {}
    for path in _candidates(folders, pattern):
        name = module_of(path).replace("_", "-")
        if not name.replace("-", "_").isidentifier():  # a copy that nothing could import: `passed_over` names it
            continue
        try:
            found = path.is_file() and _sets(sets, path)
        except OSError:
            unread.setdefault(name, path)
            continue
        if found and not USABLE.fullmatch(module_of(path)):
            unread.setdefault(name, path)
        elif found and (other := named.setdefault(name, path)) != path:
            raise NameTaken(f"{what} {name} is in {other} and in {path}: rename one of the two files")
    return unread | named


def passed_over(sets: str, folders: Iterable[str], pattern: str = "*.py") -> list[str]:
    """What lies in the folders and is nothing to choose, a line each that says why; files that share are among it."""
    lines = []
    for path in _candidates(folders, pattern):
        stem = module_of(path)
        if stem.startswith(".") or stem == CONTRACT or not path.exists():  # the first and the last are an editor's
            continue
        try:
            is_set = path.is_file() and _sets(sets, path)
        except OSError as error:
            lines.append(f"{path} cannot be read: {reason(error)}")
            continue
        if is_set and not stem.replace("-", "_").isidentifier():
            lines.append(f"{path} is passed over: {_rename(stem)}")
        elif path.is_file() and not is_set:
            lines.append(f"{path} sets no {sets}: passed over")
    return lines


def module_of(path: Path) -> str:
    """What the module at `path` is called in its folder; a package is called after its own."""
    return path.parent.name if path.name == "__init__.py" else path.stem


def _candidates(folders: Iterable[str], pattern: str) -> Iterator[Path]:
    """Modules and packages, by folder."""
    for folder in folders:
        modules = (path for path in Path(folder).glob(pattern) if path.name != "__init__.py")
        packages = Path(folder).glob(pattern.removesuffix(".py") + "/__init__.py")
        yield from sorted([*modules, *packages])


def _sets(sets: str, path: Path) -> bool:
    """Whether the file sets it at its top; a package may import it from one of its modules as well."""
    text = path.read_text("utf-8-sig", errors="replace")
    if re.search(rf"^{sets}[ \t]*(:.*)?=(?!=)", text, re.MULTILINE):
        return True
    imported = rf"^from[ \t]+[\w.]+[ \t]+import[ \t]*(\([^)]*|[^\n(#]*)\b{sets}\b"
    return path.name == "__init__.py" and re.search(imported, text, re.MULTILINE) is not None


def _rename(stem: str) -> str:
    usable = re.sub(r"[^a-z0-9]+", "_", stem.lower()).strip("_")
    better = usable if USABLE.fullmatch(usable) else f"my_{usable}".rstrip("_")
    return f"{stem!a} is no name for it: call it {better} (a-z, 0-9 and _)"


def read(what: str, name: str, sets: str, package: str, path: Path) -> Any:
    """What the module at `path`, which lies in this package, sets.

    Unreadable when it cannot be had, or calls itself otherwise.
    """
    stem = module_of(path)
    if not USABLE.fullmatch(stem):
        raise Unreadable(what, name, _rename(stem))
    try:
        module = import_module(f"{package}.{stem}")
    except FAULTS as error:  # a stranger's file, or a library that is not here
        raise Unreadable(what, name, reason(error)) from error
    if not hasattr(module, sets):
        raise Unreadable(what, name, f"{module.__file__} sets no {sets}, and is what an import of {stem} finds")
    found = getattr(module, sets)
    own = getattr(found, "name", name)
    if own != name:
        raise Unreadable(what, name, f"it says name = {own!a}: say {name!a}, or call the file after the name")
    return found


def reason(error: BaseException) -> str:
    """Its kind and message, on one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
