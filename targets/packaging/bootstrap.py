"""A Debian base image made on this machine from Debian's own packages, for where no registry can be reached."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from targets.contract import DeploymentError
from targets.packaging.cache import assemble, cache_root
from targets.packaging.engine import engine_errors, find_image
from targets.packaging.pip_failures import last_lines

SUITE = "bookworm"
STAND_IN = f"frostline-base:{SUITE}"
"""The tag of the bootstrapped image."""
BASE_LABEL = "frostline.base"
PACKAGES = ("python3", "python3-venv", "ca-certificates")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
BOOTSTRAP_TIMEOUT_S = 1800
UNREAD = ("doc", "man", "locale", "info")
"""Folders of /usr/share that nothing in a container reads; python:slim leaves them out too."""


def bootstrap_missing() -> str | None:
    """Why no Debian can be bootstrapped here; None when it can."""
    if shutil.which("mmdebstrap") is None:
        return "mmdebstrap is not on the PATH"
    return None if os.geteuid() == 0 else "mmdebstrap needs root"


def bootstrap(client: Any, machine: str, say: Callable[[str], None]) -> Any:
    """Make a minimal Debian 12 with Python 3.11 from Debian's own packages and import it, tagged STAND_IN.

    `machine` is "x86_64" or "aarch64". The archive is kept in the cache. Raises DeploymentError.
    """
    entry = cache_root() / "bases" / f"{SUITE}-{machine}"
    if not entry.is_dir():
        say("bootstrapping a Debian 12 base with mmdebstrap (about a minute)…")
        with assemble(entry) as draft:
            _run_mmdebstrap(draft / "base.tar", ARCHITECTURES[machine])
    say(f"importing {STAND_IN}…")
    with engine_errors(f"importing {entry / 'base.tar'}"):
        changes = [f"LABEL {BASE_LABEL}={SUITE}", "ENV LANG=C.UTF-8"]
        output = client.api.import_image_from_file(str(entry / "base.tar"), *STAND_IN.split(":"), changes=changes)
        image = find_image(client, STAND_IN)
    if image is None:
        raise DeploymentError(
            f"the engine did not import {entry / 'base.tar'}; remove {entry} and try again\n{last_lines(output)}"
        )
    return image


def _run_mmdebstrap(archive: Path, architecture: str) -> None:
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--architectures={architecture}"]
    command += [f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in UNREAD]
    command += [f"--include={','.join(PACKAGES)}", SUITE, str(archive)]
    try:
        process = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=BOOTSTRAP_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise DeploymentError(f"mmdebstrap took more than {BOOTSTRAP_TIMEOUT_S} s; check the Debian mirror") from error
    if process.returncode:
        raise DeploymentError(
            "mmdebstrap could not make a Debian base; check the network and the Debian mirror\n"
            f"{last_lines(process.stderr)}"
        )
