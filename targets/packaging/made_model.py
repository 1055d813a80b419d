"""Models that workloads make or fetch themselves, once on this machine: known by their recipe, and not read for it."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from targets.contract import DeploymentError
from targets.packaging.cache import assemble, cache_root
from targets.packaging.code import own_code
from targets.packaging.code_folder import code_sha256
from targets.workloads.contract import Made, Workload


@dataclass(frozen=True)
class MadeModel:
    """A complete folder of the cache, and the sha256 (hex) of the recipe and the code that made it."""

    folder: Path
    sha256: str


def made_model(workload: Workload, say: Callable[[str], None]) -> MadeModel | None:
    """The workload's model, made unless it is there; None where it makes none. Raises DeploymentError."""
    if not isinstance(workload, Made):
        return None
    parts = (workload.name, workload.recipe, code_sha256(own_code(workload)))
    sha256 = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    folder = cache_root() / "made" / sha256
    if not folder.is_dir():
        say(f"making the model of {workload.name} ({workload.recipe})…")
        with assemble(folder) as draft:
            _write(workload, draft)
    return MadeModel(folder, sha256)


def _write(workload: Made, draft: Path) -> None:
    try:
        workload.write_model(draft)
    except ValueError as error:
        raise DeploymentError(f"the model cannot be had: {error}") from error
