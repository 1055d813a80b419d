"""What packaging asks of the Docker engine, and how the engine's errors are told."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import docker
import urllib3

from targets.contract import DeploymentError

MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
"""Machine names of Python's wheels, by those of the engine."""
ENGINE_ERRORS = (docker.errors.DockerException, urllib3.exceptions.HTTPError, OSError)
"""What the Docker client raises; a broken or silent connection is an OSError."""


@contextmanager
def engine_errors(action: str) -> Iterator[None]:
    """Tell any failure of the engine as a DeploymentError that says what was being done, and the fix."""
    try:
        yield
    except ENGINE_ERRORS as error:
        raise DeploymentError(f"{action} failed: {engine_words(error)}; {_fix(str(error))}") from error


def engine_words(error: Exception) -> str:
    """What the engine itself says, on one line: without the address that its client asked."""
    said = getattr(error, "explanation", None)
    if isinstance(said, bytes):
        said = said.decode(errors="replace")
    return " ".join(str(said or error).split())[:500]


def engine_machine(client: Any) -> str:
    """The engine's machine as wheels name it: "x86_64" or "aarch64"."""
    with engine_errors("asking the Docker engine for its version"):
        arch = client.version()["Arch"]
    if arch not in MACHINES:
        raise DeploymentError(
            f"the Docker engine runs on {arch}; Frostline packages for {' and '.join(MACHINES)}: use one of these"
        )
    return MACHINES[arch]


@contextmanager
def limit_patience(client: Any, seconds: float) -> Iterator[None]:
    """Wait this long for each answer of the engine instead of the client's own timeout."""
    usual_timeout, client.api.timeout = client.api.timeout, seconds
    try:
        yield
    finally:
        client.api.timeout = usual_timeout


def find_image(client: Any, reference: str) -> Any | None:
    """The local image of this tag or id, or None. Asks no registry."""
    with engine_errors(f"looking for image {reference}"):
        try:
            return client.images.get(reference)
        except docker.errors.ImageNotFound:
            return None


def _fix(message: str) -> str:
    if "no space left" in message.lower():
        return "free disk space, e.g. with `docker system prune`"
    return "check that the engine runs and answers `docker info`"
