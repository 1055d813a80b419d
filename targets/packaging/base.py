"""The image that workloads' images start from: the one asked for, or a Debian bootstrapped where none can be had."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from targets.contract import DeploymentError
from targets.packaging.bootstrap import BASE, BASE_LABEL
from targets.packaging.cache import assemble, cache_root
from targets.packaging.engine import engine_errors, engine_machine
from targets.packaging.obtain import obtain
from targets.packaging.wheelhouse import Interpreter

BASE_VARIABLE = "FROSTLINE_BASE_IMAGE"
DEFAULT_BASE = "python:3.12-slim"
OLDEST_PYTHON = (3, 11)


@dataclass(frozen=True)
class Base:
    """A local image to build on."""

    image_id: str
    reference: str
    asked: str
    interpreter: Interpreter
    note: str | None = None
    """Why it is not the one that was asked for."""

    @property
    def facts(self) -> dict[str, Any]:
        """What a run's manifest says of the base."""
        return {"base": self.reference, "base_id": self.image_id, "base_asked": self.asked, "base_note": self.note}


def choose_base(client: Any, say: Callable[[str], None]) -> Base:
    """The image named by $FROSTLINE_BASE_IMAGE: local, else pulled, else a bootstrapped Debian that is said aloud."""
    asked = os.environ.get(BASE_VARIABLE) or DEFAULT_BASE
    otherwise = f"set {BASE_VARIABLE} to a local image with Python 3.11 or newer and venv"
    found = obtain(client, asked, BASE, say, otherwise)
    interpreter = Interpreter(_python_version(client, found.image.id, found.reference), engine_machine(client))
    return Base(found.image.id, found.reference, asked, interpreter, found.note)


def _python_version(client: Any, image_id: str, reference: str) -> str:
    """The major.minor of the image's python3, asked once per image id."""
    entry = cache_root() / "interpreters" / image_id.removeprefix("sha256:")
    if not entry.is_dir():
        output = _run_in_image(client, image_id, "python3 --version")
        with assemble(entry) as draft:
            (draft / "version").write_text(parse_version(output, reference))
    return (entry / "version").read_text()


def parse_version(output: str, reference: str) -> str:
    """ "Python 3.12.4" to "3.12". Raises DeploymentError when it is no Python, or one too old for the serving code."""
    match = re.match(r"Python (\d+)\.(\d+)", output)
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if not match or (int(match[1]), int(match[2])) < OLDEST_PYTHON:
        raise DeploymentError(
            f"base image {reference} answers `python3 --version` with {output.strip()!r}; "
            f"Python {oldest} or newer is needed: set {BASE_VARIABLE} to such an image"
        )
    return f"{match[1]}.{match[2]}"


def _run_in_image(client: Any, image_id: str, command: str) -> str:
    """What a shell command prints in a throw-away container of the image, without network."""
    with engine_errors(f"running {command} in {image_id}"):
        container = client.containers.create(
            image_id, [command], entrypoint=["sh", "-c"], network_mode="none", labels={BASE_LABEL: "probe"}
        )
        try:
            container.start()
            container.wait(timeout=60)
            return str(container.logs().decode(errors="replace"))
        finally:
            container.remove(force=True)
