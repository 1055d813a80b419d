"""The far targets among those that are listed, as they are for whoever has their folder on PYTHONPATH."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import targets

os.environ.setdefault("FAR_DEPLOY_S", "0.5")  # 20 s show what a run does about them, and nothing else
TREE = Path(__file__).parent / "tree"


@contextmanager
def plugged_in() -> Iterator[None]:
    """Meanwhile. What was imported then stays usable."""
    folder = str(TREE / "targets")
    if folder in list(targets.__path__):  # it is on PYTHONPATH
        yield
        return
    targets.__path__.append(folder)
    targets._target_modules.cache_clear()
    try:
        yield
    finally:
        targets.__path__.remove(folder)
        targets._target_modules.cache_clear()


def python_path() -> str:
    """PYTHONPATH for a process that is to find them."""
    return os.pathsep.join([str(TREE.parents[2]), str(TREE), *filter(None, [os.environ.get("PYTHONPATH")])])
