"""Puts the toys where a user would put files of his own: a folder that mirrors the tree, to be named on PYTHONPATH."""

import os
import shutil
from pathlib import Path

HERE = Path(__file__).parent
PLACES = {
    "toys/toy.py": "targets/toyland/toy.py",
    "toys/toy_stream.py": "targets/workloads/toy_stream.py",
    "toys/toy_device.py": "targets/workloads/toy_device.py",
    "device.py": "targets/workloads/toy_parts/device.py",
    "toys/toy_sender.py": "harness/load/senders/toy_sender.py",
}


def put(folder: Path, *names: str) -> Path:
    """Copy these toys, or all of them, to their places under `folder`, and return it."""
    for name in names or PLACES:
        place = folder / PLACES[name]
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(HERE / name, place)
    return folder


def python_path(*folders: Path) -> str:
    """PYTHONPATH with these folders before what is on it."""
    return os.pathsep.join([*map(str, folders), *filter(None, [os.environ.get("PYTHONPATH")])])
