"""Where a model can run. Each file of a platform's folder that sets TARGET is a target, each of workloads/ a model."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from targets.contract import Target, Workload

HERE = Path(__file__).parent


@cache
def _target_modules() -> dict[str, str]:
    """Dotted module by target name: docker-service is docker_service.py of the folder of its platform. A file is read,
    not imported, to see whether it sets TARGET, for an import may need a library that only that platform needs."""
    places = (path for path in HERE.glob("*/*.py") if "\nTARGET = " in path.read_text())
    return {path.stem.replace("_", "-"): f"targets.{path.parent.name}.{path.stem}" for path in sorted(places)}


def target_names() -> list[str]:
    """Names of the targets there are, found by listing the folders of this one."""
    return sorted(_target_modules())


def target(name: str) -> "Target":
    """The target of this name. KeyError when there is none."""
    target: Target = import_module(_target_modules()[name]).TARGET
    return target


def workload_names() -> list[str]:
    """Names of the workloads there are, found by listing workloads/."""
    modules = pkgutil.iter_modules([str(HERE / "workloads")])
    return sorted(module.name.replace("_", "-") for module in modules if not module.ispkg)


def workload(name: str, settings: Mapping[str, Any] | None = None) -> "Workload":
    """The workload of this name. KeyError when there is none, ValueError when it does not take these settings."""
    if name not in workload_names():
        raise KeyError(name)
    workload: Workload = import_module(f"targets.workloads.{name.replace('-', '_')}").WORKLOAD
    if not settings:
        return workload
    from targets.contract import Configurable

    if not isinstance(workload, Configurable):
        raise ValueError(f"workload {name} has no settings: leave them out")
    return workload.configure(settings)
