"""The code of a unit that is a process, laid out as in an image: what is missing in the one is missing in the other."""

import compileall
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from py_compile import PycInvalidationMode

from targets.packaging.cache import assemble, cache_root
from targets.packaging.code import code_files
from targets.workloads.contract import Workload


def build_code(workload: Workload) -> Path:
    """The folder to put on PYTHONPATH, cached by content. DeploymentError when a file is missing or cannot be read."""
    files = {name.removeprefix("code/"): path for name, path in code_files(workload).items()}
    folder = cache_root() / "code" / code_sha256(files)
    if folder.is_dir():
        return folder
    with assemble(folder) as draft:
        for name, path in files.items():
            place = draft / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)
        compileall.compile_dir(
            draft,
            quiet=2,
            stripdir=str(draft),
            prependdir=str(folder),
            invalidation_mode=PycInvalidationMode.UNCHECKED_HASH,
        )
    return folder


def code_sha256(files: Mapping[str, Path]) -> str:
    """The digest of names and contents."""
    digest = hashlib.sha256()
    for name in sorted(files):
        with files[name].open("rb") as file:
            digest.update(name.encode() + b"\0" + hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
