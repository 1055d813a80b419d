"""When requests leave. Each file with a PROFILE is one load profile: a pure function of its parameters and a seed.

A `loadprofiles` folder without __init__.py in a folder on PYTHONPATH adds to this one: no edit is needed here.
"""

import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path

from loadprofiles.contract import LoadProfile

__all__ = ["LoadProfile", "profile", "profile_names"]

__path__ = [
    entry
    for entry in pkgutil.extend_path(__path__, __name__)
    if entry in __path__ or not Path(entry, "__init__.py").exists()
]


@cache
def _files() -> dict[str, Path]:
    """File by profile name. ValueError when two files have one name."""
    named: dict[str, Path] = {}
    for path in (Path(entry, f"{module.name}.py") for entry in __path__ for module in pkgutil.iter_modules([entry])):
        name = path.stem.replace("_", "-")
        if (other := named.setdefault(name, path)) != path:
            raise ValueError(f"load profile {name} is in {other} and in {path}: rename one of the two files")
    return {name: path for name, path in named.items() if name != "contract"}


def profile_names() -> list[str]:
    """Names of the profiles there are, found by listing this folder."""
    return sorted(_files())


def profile(name: str) -> type[LoadProfile]:
    """The profile of this name. KeyError when there is none."""
    profile_class: type[LoadProfile] = import_module(f"loadprofiles.{_files()[name].stem}").PROFILE
    return profile_class
