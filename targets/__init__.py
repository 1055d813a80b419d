"""Where a model can run. Each file of a platform's folder that sets TARGET is a target, each of workloads/ a model.

A folder on PYTHONPATH that mirrors this tree adds to it, as in my/targets/toyland/toy.py: no edit is needed here. Its
`targets` has no __init__.py, by which another copy of this package is told apart and left alone, as by any import.
"""

import pkgutil
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from targets.contract import Target, Workload

__path__ = [
    entry
    for entry in pkgutil.extend_path(__path__, __name__)
    if entry in __path__ or not Path(entry, "__init__.py").exists()
]


class NameTaken(Exception):
    """Two files give one name, and neither is preferred to the other."""


def roots() -> list[Path]:
    """The folders in which a `targets` folder lies, ours first: a unit that is a process has them on its path."""
    return [Path(entry).parent for entry in __path__]


@cache
def _target_modules() -> dict[str, str]:
    """Dotted module by target name: docker-service is docker_service.py of the folder of its platform. A file is read,
    not imported, to see whether it sets TARGET, for an import may need a library that only that platform needs."""
    files = (path for entry in __path__ for path in sorted(Path(entry).glob("*/*.py")))
    places = (path for path in files if "\nTARGET = " in path.read_text(errors="replace"))
    return {name: f"targets.{path.parent.name}.{path.stem}" for name, path in _by_name("target", places).items()}


@cache
def _workload_files() -> dict[str, Path]:
    """File by workload name. What workloads share lies in folders among them, or in serving/."""
    found = ((Path(entry), pkgutil.iter_modules([entry])) for entry in import_module("targets.workloads").__path__)
    files = (folder / f"{module.name}.py" for folder, modules in found for module in modules if not module.ispkg)
    return _by_name("workload", files)


def _by_name(what: str, files: Iterable[Path]) -> dict[str, Path]:
    """NameTaken when two files have one name."""
    named: dict[str, Path] = {}
    for path in files:
        name = path.stem.replace("_", "-")
        if (other := named.setdefault(name, path)) != path:
            raise NameTaken(f"{what} {name} is in {other} and in {path}: rename one of the two files")
    return named


def target_names() -> list[str]:
    """Names of the targets there are, found by listing the folders of this one."""
    return sorted(_target_modules())


def target(name: str) -> "Target":
    """The target of this name. KeyError when there is none."""
    target: Target = import_module(_target_modules()[name]).TARGET
    return target


def workload_names() -> list[str]:
    """Names of the workloads there are, found by listing workloads/."""
    return sorted(_workload_files())


def workload(name: str, settings: Mapping[str, Any] | None = None) -> "Workload":
    """The workload of this name. KeyError when there is none, ValueError when it does not take these settings."""
    module = f"targets.workloads.{_workload_files()[name].stem}"
    workload: Workload = import_module(module).WORKLOAD
    if not settings:
        return workload
    from targets.contract import Configurable

    if not isinstance(workload, Configurable):
        raise ValueError(f"workload {name} has no settings: leave them out")
    return workload.configure(settings)
