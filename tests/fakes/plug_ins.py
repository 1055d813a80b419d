"""Puts the toys where a user would put files of his own: a folder that mirrors the tree, to be named on PYTHONPATH."""

import os
import shutil
from pathlib import Path

TOYS = Path(__file__).parent / "toys"


def put(folder: Path) -> Path:
    """Copy the toys to their places under `folder`, and return it."""
    shutil.copytree(TOYS, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def python_path(*folders: Path) -> str:
    """PYTHONPATH with these folders before what is on it."""
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])
