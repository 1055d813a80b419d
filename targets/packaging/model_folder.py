"""A user's own model directory: checked before anything slow begins."""

import hashlib
import os
from pathlib import Path

from targets.workloads.contract import Workload


def model_dir_problems(workload: Workload, model_dir: Path | None) -> list[str]:
    """All that is wrong with `model_dir` for this workload, each with its fix; empty when it can be used or is None."""
    if model_dir is None:
        return []
    if not workload.model_files:
        return [f"model directory {model_dir}: workload {workload.name} takes no model of yours; leave it out"]
    if not model_dir.is_dir():
        kind = "is not a folder" if model_dir.exists() else "does not exist"
        return [f"model directory {model_dir} {kind}; name a folder that holds {', '.join(workload.model_files)}"]
    if not os.access(model_dir, os.R_OK | os.X_OK):
        return [f"model directory {model_dir} cannot be read; give yourself read permission on it"]
    missing = [_needed_file_problem(model_dir / name) for name in workload.model_files]
    present = [
        path for path in model_paths(model_dir).values() if str(path.relative_to(model_dir)) not in workload.model_files
    ]
    return [problem for problem in [*missing, *map(_file_problem, present)] if problem]


def model_paths(model_dir: Path) -> dict[str, Path]:
    """Every file of the folder by its relative name with forward slashes, sorted. Links to files are followed.

    A link to a folder is listed too, as itself: it is not followed, and model_dir_problems names it.
    """
    paths: list[Path] = []
    for folder, folders, names in os.walk(model_dir):
        here = Path(folder)
        paths += [here / name for name in names]
        paths += [here / name for name in folders if (here / name).is_symlink()]
    return {path.relative_to(model_dir).as_posix(): path for path in sorted(paths)}


def model_sha256(model_dir: Path) -> str:
    """The digest of every file's name and content: the same model in another folder is the same."""
    digest = hashlib.sha256()
    for name, path in model_paths(model_dir).items():
        with path.open("rb") as file:
            digest.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _needed_file_problem(path: Path) -> str | None:
    if not path.exists():
        return f"model file {path} is missing; put it there"
    return _file_problem(path)


def _file_problem(path: Path) -> str | None:
    if not path.is_file():
        return f"model file {path} is not a regular file; replace it by one or remove it"
    if not os.access(path, os.R_OK):
        return f"model file {path} cannot be read; give yourself read permission on it"
    return None
