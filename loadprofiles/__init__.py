"""When requests leave. Each file with a PROFILE is one load profile: a pure function of its parameters and a seed."""

import pkgutil
from importlib import import_module
from pathlib import Path

from loadprofiles.contract import LoadProfile

__all__ = ["LoadProfile", "profile", "profile_names"]

HERE = Path(__file__).parent


def profile_names() -> list[str]:
    """Names of the profiles there are, found by listing this folder."""
    modules = (module.name for module in pkgutil.iter_modules([str(HERE)]))
    return sorted(name.replace("_", "-") for name in modules if name != "contract")


def profile(name: str) -> type[LoadProfile]:
    """The profile of this name. KeyError when there is none."""
    if name not in profile_names():
        raise KeyError(name)
    profile_class: type[LoadProfile] = import_module(f"loadprofiles.{name.replace('-', '_')}").PROFILE
    return profile_class
