"""What machine and software a run was made on, and what must stay as it is while it goes on."""

import hashlib
import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psutil

from harness import __version__
from harness.files.problems import shown
from targets.clock import clock_id
from targets.contract import DeploymentError
from targets.local import containers

SOURCES = ("harness", "targets", "loadprofiles")


def machine_facts() -> dict[str, Any]:
    """Hardware and kernel. The host's name is hashed: it tells machines apart without naming them."""
    return {
        "cpu": _cpu_model(),
        "cpus": usable_cpus(),
        "memory_mb": psutil.virtual_memory().total // 2**20,
        "architecture": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "host": hashlib.sha256(platform.node().encode()).hexdigest()[:12],
        "clock": clock_id(),
        "page_size": os.sysconf("SC_PAGE_SIZE"),
        "load_average": os.getloadavg()[0],
    }


def software_facts() -> dict[str, Any]:
    """Versions, and the state of this checkout."""
    wanted = {"locust", "gevent", "docker", "httptools", "uvicorn", "numpy", "scipy", "pyarrow", "pydantic"}
    installed = {item.name.lower(): item.version for item in distributions()}
    return {
        "frostline": __version__,
        "python": platform.python_version(),
        "packages": {name: installed[name] for name in sorted(wanted & installed.keys())},
        "source_sha256": source_sha256(),
        "commit": _git("rev-parse", "HEAD"),
        "dirty": None if (status := _git("status", "--porcelain")) is None else bool(status),
    }


def source_sha256() -> str:
    """Of Frostline's own Python files: two runs of equal sources measured with the same instrument."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for folder in SOURCES:
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def usable_cpus() -> int:
    """CPUs that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class HostTimes:
    """The machine's CPU time so far, from /proc/stat in ticks; None where there is no such file."""

    stolen: int | None
    total: int | None
    throttled_periods: int | None
    """Of our own control group: a throttled generator cannot keep a schedule."""

    @classmethod
    def now(cls) -> "HostTimes":
        """Read the counters."""
        try:
            ticks = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        except (OSError, ValueError):
            return cls(None, None, _throttled_periods())
        return cls(ticks[7], sum(ticks), _throttled_periods())

    def steal_share(self, earlier: "HostTimes") -> float | None:
        """Share of the machine's time since `earlier` that the hypervisor gave to others."""
        if self.total is None or earlier.total is None or self.stolen is None or earlier.stolen is None:
            return None
        return (self.stolen - earlier.stolen) / max(1, self.total - earlier.total)

    def throttled_since(self, earlier: "HostTimes") -> bool:
        """Whether our own control group ran into its CPU limit."""
        return (self.throttled_periods or 0) > (earlier.throttled_periods or 0)


def _throttled_periods() -> int | None:
    """From the cgroup that this process is in, v2 or v1."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "cpu", "cpu,cpuacct"):
            folder = Path("/sys/fs/cgroup") / controllers / path.lstrip("/")
            try:
                table = dict(row.split() for row in (folder / "cpu.stat").read_text().splitlines())
            except (OSError, ValueError):
                continue
            if "nr_throttled" in table:
                return int(table["nr_throttled"])
    return None


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _git(*arguments: str) -> str | None:
    """From the checkout this code lies in; None outside one."""
    git = shutil.which("git")
    root = Path(__file__).parents[2]
    if git is None or not (root / ".git").exists():
        return None
    done = subprocess.run([git, "-C", str(root), *arguments], capture_output=True, text=True, check=False, timeout=10)
    return done.stdout.strip() if done.returncode == 0 else None


LASTING = ("cpu", "cpus", "memory_mb", "system", "host")


def lasting_facts(engine: bool) -> dict[str, Any]:
    """Facts that two trials of one run share; `engine`: containers are used. Written into the manifest."""
    machine = machine_facts()
    found = {name: machine[name] for name in LASTING} | {"source_sha256": source_sha256()}
    if not engine:
        return found
    try:
        client = containers.engine()
    except DeploymentError:
        return found | {"engine_version": None}
    with closing(client):
        told = containers.engine_facts(client)
    return found | {f"engine_{name}": value for name, value in told.items()}


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Each fact that is not what it was, with both values; facts that only one side knows are not compared."""
    both = [name for name in now if name in before]
    return [f"{name}: {shown(before[name])} is now {shown(now[name])}" for name in both if before[name] != now[name]]


@dataclass(frozen=True)
class Circumstances:
    """How things stand at one moment of a trial."""

    facts: dict[str, Any]
    engine_process: str | None

    @classmethod
    def seen(cls, engine: bool) -> "Circumstances":
        """Look."""
        return cls(lasting_facts(engine), containers.engine_process() if engine else None)

    def restarted(self, later: "Circumstances") -> bool:
        """Whether the engine is no longer the process that it was."""
        return self.engine_process != later.engine_process

    def problems(self, later: "Circumstances", at_begin: Mapping[str, Any]) -> list[str]:
        """What makes a trial between these two moments INVALID; `at_begin` are the facts in the manifest."""
        found = [f"facts changed since the run began: {line}" for line in changes(at_begin, later.facts)]
        if self.restarted(later):
            found.append("the Docker engine was restarted")
        return found
