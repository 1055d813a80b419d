"""A workload's packages in one folder, for targets that run it as plain processes of this machine."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path

from targets.contract import DeploymentError
from targets.packaging.cache import assemble, cache_root
from targets.packaging.pip_failures import last_lines
from targets.packaging.wheelhouse import QUEUE_REQUIREMENTS, SERVER_REQUIREMENTS, HostInterpreter, wheelhouses
from targets.workloads.contract import Workload


def build_site(workload: Workload, say: Callable[[str], None]) -> Path:
    """The folder to put on PYTHONPATH: requirements, model packages, the HTTP server, the queue's client, all compiled.

    Built for the interpreter that runs this code, cached by content. Raises DeploymentError.
    """
    sets = wheelhouses(workload, [*SERVER_REQUIREMENTS, *QUEUE_REQUIREMENTS], HostInterpreter())
    site = cache_root() / "sites" / hashlib.sha256("".join(wheels.key for wheels in sets).encode()).hexdigest()
    if site.is_dir():
        return site
    for wheels in sets:
        wheels.fetch(workload.name, say)
    say(f"installing the packages of {workload.name} ({HostInterpreter()})…")
    with assemble(site) as draft:
        _install([path for wheels in sets for path in wheels.wheels()], draft, workload.name)
        # Nobody calls the console scripts of a site, and magika's alone is 34 MB.
        shutil.rmtree(draft / "bin", ignore_errors=True)
    return site


def installed_packages(site: Path) -> list[str]:
    """What a site holds, as name==version, by name."""
    return sorted(
        f"{distribution.metadata['Name']}=={distribution.version}" for distribution in distributions(path=[str(site)])
    )


def folder_bytes(folder: Path) -> int:
    """What its files hold; what they take of the disk may be more."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _install(wheels: list[Path], folder: Path, name: str) -> None:
    # Isolated, and with no configuration file: a find-links of the user's may not replace what was fetched.
    command = [sys.executable, "-m", "pip", "--isolated", "install", "--quiet", "--no-index", "--no-deps", "--compile"]
    command += ["--disable-pip-version-check", "--no-input", "--target", str(folder), *map(str, wheels)]
    environment = os.environ | {"PIP_CONFIG_FILE": os.devnull}
    process = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)
    if process.returncode:
        raise DeploymentError(
            f"pip could not install the wheels of {name}; remove {wheels[0].parent} and try again\n"
            f"{last_lines(process.stderr + process.stdout)}"
        )
