"""Plug-ins among the targets and workloads that are listed, as they are for whoever has their folder on PYTHONPATH."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import targets
import targets.workloads

os.environ.setdefault("FAR_DEPLOY_S", "0.5")  # 20 s show what a run does about them, and nothing else
FAR = Path(__file__).parent / "tree"
ROOT = Path(__file__).parents[2]


@contextmanager
def plugged_in(*folders: Path) -> Iterator[None]:
    """Those of these folders are listed meanwhile. What was imported then stays usable."""
    with ExitStack() as stack:
        for folder in folders:
            for paths, place in ((targets.__path__, "targets"), (targets.workloads.__path__, "targets/workloads")):
                if (folder / place).is_dir() and str(folder / place) not in list(paths):
                    paths.append(str(folder / place))
                    stack.callback(paths.remove, str(folder / place))
        stack.callback(_list_anew)
        _list_anew()
        yield


def _list_anew() -> None:
    targets._target_files.cache_clear()
    targets._workload_files.cache_clear()
    targets._platform_files.cache_clear()


def python_path() -> str:
    """PYTHONPATH for a process that is to find the far targets."""
    return os.pathsep.join([str(ROOT), str(FAR), *filter(None, [os.environ.get("PYTHONPATH")])])
