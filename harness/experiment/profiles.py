"""The load profiles there are, by name: loadprofiles/ imports nothing of ours, so that its names are listed here."""

from functools import cache
from pathlib import Path

import loadprofiles
from loadprofiles import LoadProfile
from targets.names import files_by_name, passed_over, read


@cache
def _files() -> dict[str, Path]:
    return files_by_name("load profile", "PROFILE", loadprofiles.__path__)


def profile_names() -> list[str]:
    """Names of the profiles there are, found by listing their folder and others like it."""
    return sorted(_files())


def no_profiles() -> list[str]:
    """What lies in plug-ins' folders of load profiles and is none, a line each."""
    return passed_over("PROFILE", loadprofiles.__path__[1:])


def profile(name: str) -> type[LoadProfile]:
    """The profile of this name. KeyError when there is none, Unreadable when it cannot be had."""
    found: type[LoadProfile] = read("load profile", name, "PROFILE", "loadprofiles", _files()[name])
    return found
