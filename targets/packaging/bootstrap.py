"""Images made on this machine from Debian's own packages, for where no registry can be reached."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from targets.contract import DeploymentError
from targets.packaging.cache import assemble, cache_root
from targets.packaging.engine import engine_errors, find_image
from targets.packaging.pip_failures import last_lines

BASE_LABEL = "frostline.base"
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
BOOTSTRAP_TIMEOUT_S = 1800
UNREAD = ("doc", "man", "locale", "info")
"""Folders of /usr/share that nothing in a container reads; python:slim leaves them out too."""


@dataclass(frozen=True)
class Debian:
    """A minimal Debian with some of its packages, as an image."""

    name: str
    suite: str
    packages: tuple[str, ...]

    @property
    def tag(self) -> str:
        """E.g. frostline-base:bookworm-1a2b3c4d: one of other packages is another image."""
        return f"frostline-{self.name}:{self.version}"

    @property
    def version(self) -> str:
        """The suite, and what tells its packages from others."""
        return f"{self.suite}-{hashlib.sha256(' '.join(self.packages).encode()).hexdigest()[:8]}"


BASE = Debian("base", "bookworm", ("python3", "python3-venv", "ca-certificates", "libgomp1"))
"""Debian 12 with Python 3.11 and OpenMP: what workloads' images start from where nothing else can be had."""
STAND_IN = BASE.tag


def bootstrap_missing() -> str | None:
    """Why no Debian can be bootstrapped here; None when it can."""
    if shutil.which("mmdebstrap") is None:
        return "mmdebstrap is not on the PATH"
    return None if os.geteuid() == 0 else "mmdebstrap needs root"


def bootstrap(client: Any, debian: Debian, machine: str, say: Callable[[str], None]) -> Any:
    """Make it from Debian's own packages and import it under its tag.

    `machine` is "x86_64" or "aarch64". The archive is kept in the cache. Raises DeploymentError.
    """
    entry = cache_root() / "bases" / f"{debian.name}-{debian.version}-{machine}"
    archive = entry / "image.tar"
    if not entry.is_dir():
        say(f"bootstrapping {debian.tag} with mmdebstrap (about a minute)…")
        with assemble(entry) as draft:
            _run_mmdebstrap(draft / archive.name, debian, ARCHITECTURES[machine])
    say(f"importing {debian.tag}…")
    with engine_errors(f"importing {archive}"):
        changes = [f"LABEL {BASE_LABEL}={debian.suite}", "ENV LANG=C.UTF-8"]
        output = client.api.import_image_from_file(str(archive), *debian.tag.split(":"), changes=changes)
        image = find_image(client, debian.tag)
    if image is None:
        raise DeploymentError(
            f"the engine did not import {archive}; remove {entry} and try again\n{last_lines(output)}"
        )
    return image


def _run_mmdebstrap(archive: Path, debian: Debian, architecture: str) -> None:
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--architectures={architecture}"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in UNREAD]
    command += [f"--include={','.join(debian.packages)}", debian.suite, str(archive)]
    try:
        process = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=BOOTSTRAP_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise DeploymentError(f"mmdebstrap took more than {BOOTSTRAP_TIMEOUT_S} s; check the Debian mirror") from error
    if process.returncode:
        raise DeploymentError(
            f"mmdebstrap could not make {debian.tag}; check the network and the Debian mirror\n"
            f"{last_lines(process.stderr)}"
        )
