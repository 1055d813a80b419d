"""What this machine can do for a measurement, and the fix for what it cannot."""

import os
import shutil
import sys
from contextlib import closing
from pathlib import Path

import targets
from harness.commands.listing import unusable
from harness.load.host_times import HostTimes
from harness.measure.gpus.nvml import gpu_facts, unreadable
from harness.measure.machine import machine_facts, usable_cpus
from targets.contract import DeploymentError, Examined, Finding
from targets.local import containers, gpus
from targets.local.allowance import group_without_real_time
from targets.names import Unreadable
from targets.packaging.cache import cache_root
from targets.priority import REAL_TIME, be_punctual

LEAST_FREE_GB = 3
COMFORTABLE_CPUS = 2


def examine() -> list[Finding]:
    """Every finding, the most important first."""
    machine = [_python(), _engine(), _base(), _space(), _cpus(), _timer(), _priority(), _steal()]
    return [*machine, *_gpus(), *_platforms(), *_own_files()]


def _platforms() -> list[Finding]:
    """Of each platform far away: whether it can be used from here."""
    found = []
    for name in targets.platform_names():
        try:
            platform = targets.platform(name)
        except Unreadable as error:
            found.append(Finding(name, False, str(error)))
            continue
        found += list(platform.findings()) if isinstance(platform, Examined) else []
    return found


def _gpus() -> list[Finding]:
    """The GPUs, and whether units can have them; nothing of a machine without one."""
    count = gpus.count()
    if not count:
        return []
    facts, why = gpu_facts(), unreadable()
    names = ", ".join(dict.fromkeys(str(gpu["name"]) for gpu in facts.get("gpus", [])))
    told = why or f"{count} x {names}, driver {facts.get('driver')}, CUDA {facts.get('cuda')} at most"
    kept = containers.missing(1)
    return [Finding("GPUs", why is None, told), Finding("GPUs in containers", kept is None, kept or "the engine can")]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding("Python", sys.version_info >= (3, 11), f"{version} (3.11 or newer is needed)", needed=True)


def _engine() -> Finding:
    try:
        with closing(containers.engine()) as client:
            facts = containers.engine_facts(client)
    except DeploymentError as error:
        return Finding("Docker engine", False, f"{error}; without one, experiments fall back to plain processes")
    return Finding("Docker engine", True, f"{facts['version']}, {facts['storage']}, cgroup v{facts['cgroup']}")


def _base() -> Finding:
    found = shutil.which("mmdebstrap") is not None
    told = "is there" if found else "is not there: needed only where the base image cannot be pulled (make engine)"
    return Finding("mmdebstrap", found, told)


def _space() -> Finding:
    folder = cache_root()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free_gb = shutil.disk_usage(existing).free / 1e9
    return Finding(
        "Disk space", free_gb >= LEAST_FREE_GB, f"{free_gb:.1f} GB free at {folder}, {LEAST_FREE_GB} are needed"
    )


def _cpus() -> Finding:
    facts, cpus = machine_facts(), usable_cpus()
    told = f"{cpus:g} x {facts['cpu']}, {facts['memory_mb']} MB; rows in which more are busy at once are host-bound"
    return Finding("CPUs", cpus >= COMFORTABLE_CPUS, told)


def _timer() -> Finding:
    linux = sys.platform == "linux"
    return Finding(
        "Kernel timer", linux, "timerfd" if linux else "none: arrivals leave up to 1 ms late, and results say so"
    )


def _priority() -> Finding:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(be_punctual).result()
    told = "is permitted" if found == REAL_TIME else f"is refused: the generator competes with the models ({_way()})"
    return Finding("Real-time priority", found == REAL_TIME, told)


def _way() -> str:
    """To real-time priority, for what keeps this process from it."""
    if file := group_without_real_time():
        return (
            f"this control group has no real-time runtime: write 950000 into {file}, if the groups above have as much"
        )
    return "grant CAP_SYS_NICE" if os.geteuid() == 0 else "run as root, or grant CAP_SYS_NICE"


def _steal() -> Finding:
    share = HostTimes.read().steal_share(HostTimes(0, 0, None)) if Path("/proc/stat").exists() else None
    if share is None:
        return Finding("Stolen time", False, "cannot be read here, so trials are not checked for it")
    return Finding(
        "Stolen time", share < 0.05, f"{100 * share:.1f} % since boot; trials with more than 5 % are INVALID"
    )


def _own_files() -> list[Finding]:
    """What somebody added and what cannot be used of it: a line each."""
    return [Finding("Files", False, line) for line in unusable()]
