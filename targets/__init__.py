"""Where a model can run. Each file of a platform's folder that sets TARGET is a target, each of workloads/ a model.

A folder on PYTHONPATH that mirrors this tree adds to it, as in my/targets/toyland/toy.py: no edit is needed here. Its
`targets` has no __init__.py, by which another copy of this package is told apart and left alone, as by any import.
"""

import pkgutil
import re
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from targets.names import FAULTS, NameTaken, Unreadable, files_by_name, passed_over, read, reason

if TYPE_CHECKING:
    from targets.contract import Platform, Target
    from targets.workloads.contract import Workload

__all__ = [
    "NameTaken",
    "Unreadable",
    "no_targets",
    "no_workloads",
    "platform",
    "platform_names",
    "platform_of",
    "platforms_of",
    "roots",
    "target",
    "target_names",
    "target_problems",
    "workload",
    "workload_file",
    "workload_names",
]

__path__ = [
    entry
    for entry in pkgutil.extend_path(__path__, __name__)
    if entry in __path__ or not Path(entry, "__init__.py").exists()
]


def roots() -> list[Path]:
    """The folders in which a `targets` folder lies, ours first."""
    return [Path(entry).parent for entry in __path__]


@cache
def _target_files() -> dict[str, Path]:
    """File by target name: docker-service is docker_service.py of the folder of its platform."""
    return files_by_name("target", "TARGET", __path__, "*/*.py")


@cache
def _workload_files() -> dict[str, Path]:
    """File by workload name. What workloads share sets no WORKLOAD, or lies in folders among them."""
    return files_by_name("workload", "WORKLOAD", import_module("targets.workloads").__path__)


def no_workloads() -> list[str]:
    """What lies among the workloads and is none, a line each."""
    return passed_over("WORKLOAD", import_module("targets.workloads").__path__)


def no_targets() -> list[str]:
    """What lies in the platform folders of plug-ins and is no target, a line each; others lie elsewhere."""
    folders = [folder for entry in __path__[1:] for folder in sorted(Path(entry).glob("*/"))]
    return passed_over("TARGET", [str(folder) for folder in folders if folder.name not in ("workloads", "rules")])


def workload_file(name: str) -> Path:
    """The file of the workload of this name, a package's being its __init__.py. KeyError when there is none."""
    return _workload_files()[name]


def target_names() -> list[str]:
    """Names of the targets there are, found by listing the folders of this one."""
    return sorted(_target_files())


def target(name: str) -> "Target":
    """The target of this name. KeyError when there is none, Unreadable when it cannot be had."""
    path = _target_files()[name]
    folder = path.parent.parent if path.name == "__init__.py" else path.parent
    target: Target = read("target", name, "TARGET", f"targets.{folder.name}", path)
    return target


@cache
def _platform_files() -> dict[str, Path]:
    """File by platform name: platform.py of the folder that is called so."""
    files = [path for entry in __path__ for path in sorted(Path(entry).glob("*/platform.py"))]
    return {
        path.parent.name: path for path in files if re.search(r"^PLATFORM\b", path.read_text("utf-8"), re.MULTILINE)
    }


def platform_names() -> list[str]:
    """Names of the platforms whose things lie elsewhere, found by listing the folders of this one."""
    return sorted(_platform_files())


def platform(name: str) -> "Platform":
    """The platform of this name. KeyError when there is none, Unreadable when it cannot be had."""
    platform: Platform = read("platform", name, "PLATFORM", f"targets.{name}", _platform_files()[name])
    return platform


def platform_of(name: str) -> str | None:
    """The name of the platform of the target of this name; None of one that runs here."""
    path = _target_files()[name]
    folder = path.parent.parent if path.name == "__init__.py" else path.parent
    return folder.name if folder.name in _platform_files() else None


def platforms_of(names: Iterable[str]) -> list[str]:
    """The platforms on which targets of these names run, each once."""
    return sorted({found for name in names if (found := platform_of(name))})


def target_problems(name: str) -> list[str]:
    """Why the target of this name can be used nowhere, a line each: of its file, and of what it says of itself."""
    from targets.claims import claim_problems

    try:
        return claim_problems(target(name))
    except Unreadable as error:
        why = error.why
    except FAULTS as error:  # what a stranger's file sets may be anything
        why = reason(error)
    return [f"its file cannot be read: {why}"]


def workload_names() -> list[str]:
    """Names of the workloads there are, found by listing workloads/."""
    return sorted(_workload_files())


def workload(name: str, settings: Mapping[str, Any] | None = None) -> "Workload":
    """The workload of this name. KeyError when there is none, Unreadable when it cannot be had.

    ValueError when it does not take these settings."""
    workload: Workload = read("workload", name, "WORKLOAD", "targets.workloads", _workload_files()[name])
    if not settings:
        return workload
    from targets.workloads.contract import Configurable

    if not isinstance(workload, Configurable):
        raise ValueError(f"workload {name} has no settings: leave them out")
    try:
        return workload.configure(settings)
    except ValueError:
        raise
    except FAULTS as error:
        raise ValueError(f"configure() raised {reason(error)}") from error
