"""The image that workloads' images start from: the one asked for, or a Debian bootstrapped where none can be had."""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets.clock import wall_time
from targets.contract import DeploymentError
from targets.packaging.bootstrap import BASE_LABEL, STAND_IN, bootstrap, bootstrap_missing
from targets.packaging.cache import assemble, cache_root
from targets.packaging.engine import ENGINE_ERRORS, engine_errors, engine_machine, find_image, limit_patience
from targets.packaging.wheelhouse import Interpreter

BASE_VARIABLE = "FROSTLINE_BASE_IMAGE"
DEFAULT_BASE = "python:3.12-slim"
OLDEST_PYTHON = (3, 11)
PULL_SILENCE_S = 30
"""How long a registry may say nothing before a pull is given up."""
PULL_AGAIN_S = 24 * 3600


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
    image, reference, note = find_image(client, asked), asked, None
    if image is None:
        refusal = _pull(client, asked, say)
        image = None if refusal else find_image(client, asked)
        if image is None:
            image, reference = find_image(client, STAND_IN) or _bootstrap_stand_in(client, asked, say), STAND_IN
            note = (
                f"{asked} could not be pulled ({refusal}): {STAND_IN} stands in, a Debian bootstrapped on this machine"
            )
            say(f"{note}; to ask for {asked} again before a day is over, remove {_refusal_folder(asked)}")
    interpreter = Interpreter(_python_version(client, image.id, reference), engine_machine(client))
    return Base(image.id, reference, asked, interpreter, note)


def _pull(client: Any, asked: str, say: Callable[[str], None]) -> str | None:
    """Pull `asked`; the reason in words when it cannot be had.

    Once a stand-in is there, a registry that refused is asked again only after a day.
    """
    folder = _refusal_folder(asked)
    if folder.is_dir():
        if 0 <= wall_time() - folder.stat().st_mtime < PULL_AGAIN_S and find_image(client, STAND_IN):
            return (folder / "reason").read_text()
        shutil.rmtree(folder, ignore_errors=True)
    say(f"pulling base image {asked}…")
    try:
        with limit_patience(client, PULL_SILENCE_S):
            full_name = asked if ":" in asked.rpartition("/")[2] or "@" in asked else f"{asked}:latest"
            lines = list(client.api.pull(full_name, stream=True, decode=True))
    except ENGINE_ERRORS as error:
        refusal = str(getattr(error, "explanation", None) or error)
    else:
        refusal = next((str(line["error"]) for line in lines if "error" in line), "")
        if not refusal and find_image(client, asked) is None:
            refusal = "the registry sent no image"
    if refusal:
        with assemble(folder) as draft:
            (draft / "reason").write_text(refusal)
    return refusal or None


def _refusal_folder(asked: str) -> Path:
    """The folder that remembers why an image could not be pulled, and by its age when."""
    return cache_root() / "refusals" / hashlib.sha256(asked.encode()).hexdigest()


def _bootstrap_stand_in(client: Any, asked: str, say: Callable[[str], None]) -> Any:
    if why := bootstrap_missing():
        raise DeploymentError(
            f"there is no base image: {asked} is not here and cannot be pulled, "
            f"and no Debian can be bootstrapped ({why}). Load the image (`docker load`), "
            f"set {BASE_VARIABLE} to a local image with Python 3.11 or newer and venv, "
            "or install mmdebstrap and run as root"
        )
    return bootstrap(client, engine_machine(client), say)


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
