"""Pins of packages as a workload's file has them: fetched by the user's own pip, named by version and by sha256."""

import hashlib
import platform
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.errors import MissingError, UsageError
from harness.files.problems import quote
from targets.contract import DeploymentError
from targets.packaging.wheelhouse import HostInterpreter, Interpreter, download

REQUIREMENT = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9._-]*(\[[A-Za-z0-9,._-]+\])?((==|>=|<=|<|>|~=|!=)[A-Za-z0-9.*+!,<>=~-]+)?"
)
"""A package with what may follow it; no option of pip's, and no address."""


def pin_lines(packages: Sequence[str], model: bool, python: str) -> Iterator[str]:
    """The lines of `requirements`, with all that these packages need; or those of `models`, of these alone.

    UsageError for what is no package, MissingError where pip cannot fetch one, for this Python or for `python`."""
    if odd := [package for package in packages if not REQUIREMENT.fullmatch(package)]:
        raise UsageError([f"PACKAGE: {quote(package)} is not accepted: give NAME or NAME==VERSION" for package in odd])
    other = _interpreter(python) if python else None
    found = {pin: {digest} for pin, digest in _fetch(packages, model, HostInterpreter())}
    if other:  # the very versions: of an image's Python a newer one might be chosen, which this one has not
        for pin, digest in _fetch(list(found), True, other):
            found.setdefault(pin, set()).add(digest)
    yield "models = (" if model else "requirements = ("
    for pin, digests in sorted(found.items()):
        name, _, version = pin.partition("==")
        hashes = " ".join(f'"{digest}",' for digest in sorted(digests))
        yield f'    Wheel("{name}", "{version}", ({hashes})),' if model else f'    "{pin}",'
    yield ")"


def _interpreter(python: str) -> Interpreter:
    if not re.fullmatch(r"3\.\d{1,2}", python):
        raise UsageError([f"--python: {quote(python)} is not accepted: a version such as 3.12"])
    return Interpreter(python, platform.machine())


def _fetch(packages: Sequence[str], alone: bool, kind: Interpreter | HostInterpreter) -> list[tuple[str, str]]:
    """Each wheel as name==version, with its sha256; without what they need where they are `alone`."""
    with tempfile.TemporaryDirectory(prefix="frostline-pins-") as folder:
        flags = ["--no-deps"] if alone else []
        try:
            download(Path(folder), "the pins", [*flags, *kind.pip_arguments, *packages], packages)
        except DeploymentError as error:
            raise MissingError(str(error)) from error
        return [(_pin(path.name), _sha256(path)) for path in sorted(Path(folder).glob("*.whl"))]


def _pin(wheel: str) -> str:
    """A wheel's name begins with those of package and version (PyPA, binary distribution format)."""
    name, version = wheel.split("-")[:2]
    return f"{name.replace('_', '-').lower()}=={version}"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
