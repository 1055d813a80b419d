"""Where a model can run. Each file with a TARGET is a target; each file of workloads/ is a model."""

import pkgutil
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from targets.contract import Target, Workload

HERE = Path(__file__).parent


def target_names() -> list[str]:
    """Names of the targets there are, found by listing this folder for docker_service.py and its like."""
    names = (module.name for module in pkgutil.iter_modules([str(HERE)]) if not module.ispkg)
    return sorted(name.replace("_", "-") for name in names if name.endswith(("_service", "_lambda", "_ecs")))


def target(name: str) -> "Target":
    """The target of this name. KeyError when there is none."""
    if name not in target_names():
        raise KeyError(name)
    found: Target = import_module(f"targets.{name.replace('-', '_')}").TARGET
    return found


def workload_names() -> list[str]:
    """Names of the workloads there are, found by listing workloads/."""
    modules = pkgutil.iter_modules([str(HERE / "workloads")])
    return sorted(module.name.replace("_", "-") for module in modules if not module.ispkg)


def workload(name: str, settings: Mapping[str, Any] | None = None) -> "Workload":
    """The workload of this name. KeyError when there is none, ValueError when it does not take these settings."""
    if name not in workload_names():
        raise KeyError(name)
    found: Workload = import_module(f"targets.workloads.{name.replace('-', '_')}").WORKLOAD
    if not settings:
        return found
    if not hasattr(found, "configured"):
        raise ValueError(f"workload {name} has no settings: leave them out")
    configured: Workload = found.configured(settings)
    return configured
