"""Each file with a STARTER is one way of starting a re-measurement."""

import pkgutil
from importlib import import_module
from pathlib import Path

from harness.schedule.starter import Starter

HERE = Path(__file__).parent


def starter_names() -> list[str]:
    """Found by listing this folder."""
    return sorted(module.name for module in pkgutil.iter_modules([str(HERE)]))


def starter(name: str) -> Starter:
    """The starter of this name. KeyError when there is none."""
    if name not in starter_names():
        raise KeyError(name)
    found: Starter = import_module(f"harness.schedule.starters.{name}").STARTER
    return found
