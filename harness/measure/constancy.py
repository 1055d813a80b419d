"""With what software a run measures, and what must stay as it is while it goes on: machine, code, engine."""

import hashlib
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness import __version__
from harness.files.problems import quote
from harness.measure.machine import machine_facts
from harness.record.facts import Fact, SoftwareFacts
from targets.contract import DeploymentError
from targets.local import containers

ROOT = Path(__file__).parents[2]
MEASURING = (
    "harness/clock.py",
    "harness/experiment",
    "harness/load",
    "harness/measure",
    "harness/record/columns.py",
    "harness/record/nouns.py",
    "loadprofiles",
    "targets",
)
"""Where a change may change what is measured. What reads and tells may be improved while a run goes on."""
PLUGGED = ("harness/load/senders", "loadprofiles", "targets")
"""Where a folder on PYTHONPATH may add files to ours."""
LIBRARIES = {"locust", "gevent", "docker", "httptools", "uvicorn", "numpy", "scipy", "pyarrow", "pydantic"}


def software_facts() -> SoftwareFacts:
    """Versions of Python, Frostline and the libraries that measure, and the state of this checkout."""
    status = _git("status", "--porcelain")
    return {
        "frostline": __version__,
        "python": platform.python_version(),
        "packages": _versions(),
        "measuring_sha256": measuring_sha256(),
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None if status is None else bool(status),
    }


def _versions() -> dict[str, Fact]:
    found: dict[str, Fact] = {}
    for name in sorted(LIBRARIES):
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def measuring_sha256() -> str:
    """The digest of the Python files that measure: two runs with equal ones measured with the same instrument."""
    stamps = []
    for root, path in _measuring_files():
        stat = path.stat()
        stamps.append((root, path, stat.st_mtime_ns, stat.st_size))
    return _digest(tuple(stamps))


def _measuring_files() -> list[tuple[Path, Path]]:
    """Each with the folder that its name is relative to: this checkout, or one that holds plug-ins."""
    path = dict.fromkeys(Path(entry).resolve() for entry in sys.path)
    plug_ins = [(root, place) for root in path for place in PLUGGED if root != ROOT and _adds_to(root, place)]
    places = [*((ROOT, place) for place in MEASURING), *plug_ins]
    return [(root, path) for root, place in places for path in _python_files(root / place)]


def _adds_to(root: Path, place: str) -> bool:
    """Whether what lies there adds to ours; another copy of the whole package does not."""
    return (root / place).is_dir() and not (root / place.partition("/")[0] / "__init__.py").exists()


def _python_files(place: Path) -> list[Path]:
    return [place] if place.is_file() else sorted(place.rglob("*.py"))


@lru_cache(maxsize=1)  # asked before and after each trial: the files are read again only once one of them was written
def _digest(stamps: tuple[tuple[Path, Path, int, int], ...]) -> str:
    digest = hashlib.sha256()
    for root, path, _, _ in stamps:
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def code_digests() -> dict[Path, bytes]:
    """Of each file that measures, and of each that this process has imported. What is gone meanwhile is left out."""
    imported = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    paths = {path for _, path in _measuring_files()} | {Path(name) for name in imported if isinstance(name, str)}
    digests = {}
    for path in paths:
        with suppress(OSError):
            digests[path] = hashlib.sha256(path.read_bytes()).digest()
    return digests


def code_changes(before: Mapping[Path, bytes]) -> list[Path]:
    """The files whose digests are no longer those of `before`, and those of what measures that came since."""
    now = code_digests()
    came = {path for _, path in _measuring_files()} - before.keys()
    return sorted(came | {path for path in before if now.get(path) != before[path]})


def lasting_facts(engine: bool) -> dict[str, Fact]:
    """Facts that two trials of one run share; `engine`: containers are used. Written into the manifest."""
    machine = machine_facts()
    facts: dict[str, Fact] = {
        "cpu": machine["cpu"],
        "cpus": machine["cpus"],
        "memory_mb": machine["memory_mb"],
        "system": machine["system"],
        "host": machine["host"],
        "measuring_sha256": measuring_sha256(),
    }
    return facts | {f"engine_{name}": value for name, value in _engine_facts().items()} if engine else facts


_ENGINE_FACTS: dict[str, dict[str, Any]] = {}
"""By the engine's process, with which alone they can change: one client for a whole run, not three for each trial."""


def _engine_facts() -> dict[str, Any]:
    process = containers.engine_process()
    if process in _ENGINE_FACTS:
        return _ENGINE_FACTS[process]
    try:
        with closing(containers.engine()) as client:
            facts = containers.engine_facts(client)
    except DeploymentError:
        return {"version": None}
    if process is not None and process == containers.engine_process():
        _ENGINE_FACTS[process] = facts
    return facts


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each fact that is not what it was, with both values; facts that only one side knows are not compared."""
    both = [name for name in now if name in before]
    return [f"{name}: {quote(before[name])} is now {quote(now[name])}" for name in both if before[name] != now[name]]


def _git(*arguments: str) -> str | None:
    """What git prints of the checkout that this code lies in; None outside one."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        return None
    process = subprocess.run(
        [git, "-C", str(ROOT), *arguments], capture_output=True, text=True, check=False, timeout=10
    )
    return process.stdout.strip() if process.returncode == 0 else None


@dataclass(frozen=True)
class Circumstances:
    """How things stand at one moment of a trial."""

    facts: dict[str, Fact]
    engine_process: str | None

    @classmethod
    def look(cls, engine: bool) -> "Circumstances":
        """The circumstances as they are now; `engine`: containers are used."""
        return cls(lasting_facts(engine), containers.engine_process() if engine else None)

    def problems(self, later: "Circumstances", at_begin: Mapping[str, Any]) -> list[str]:
        """What makes a trial between these two moments INVALID; `at_begin` are the facts in the manifest."""
        problems = [f"facts changed since the run began: {line}" for line in changes(at_begin, later.facts)]
        has_restarted = self.engine_process != later.engine_process
        return [*problems, "the Docker engine was restarted"] if has_restarted else problems
