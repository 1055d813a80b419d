"""Puts the toys where a user would put files of his own: a folder that mirrors the tree, to be named on PYTHONPATH."""

import os
import shutil
from pathlib import Path

TOYS = Path(__file__).parent / "toys"


def put(folder: Path, *names: str) -> Path:
    """Copy the toys of these file names, or all of them, to their places under `folder`, and return it."""
    wanted = {Path(name).name for name in names}
    for toy in TOYS.rglob("*.py"):
        if not wanted or toy.name in wanted:
            place = folder / toy.relative_to(TOYS)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(toy, place)
    return folder


def python_path(*folders: Path) -> str:
    """PYTHONPATH with these folders before what is on it."""
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])
