"""This machine's own packages in place of fetched ones: who has a GPU has a torch for it, which is several GB."""

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from targets.contract import DeploymentError

SITE_VARIABLE = "FROSTLINE_SITE"
"""Folders of packages, separated as on PYTHONPATH, that units of processes run with; nothing is fetched then."""
PIN = re.compile(r"([A-Za-z0-9._-]+)[^=;]*==\s*([^\s;]+)")


@dataclass(frozen=True)
class OwnSite:
    """What lies in these folders, version by name; of two of one name the first, which is the one that is imported."""

    folders: tuple[str, ...]
    versions: dict[str, str]

    @classmethod
    def named(cls) -> "OwnSite | None":
        """As the variable says; None where it is not set. DeploymentError for what is no folder."""
        parts = filter(None, os.environ.get(SITE_VARIABLE, "").split(os.pathsep))
        folders = [str(Path(part).expanduser().absolute()) for part in parts]
        if not folders:
            return None
        if wrong := [folder for folder in folders if not Path(folder).is_dir()]:
            raise DeploymentError(f"{SITE_VARIABLE}: {', '.join(wrong)} is no folder: name folders of packages")
        versions: dict[str, str] = {}
        for distribution in distributions(path=folders):
            versions.setdefault(_name(distribution.metadata["Name"]), distribution.version)
        return cls(tuple(folders), versions)

    @property
    def path(self) -> str:
        """As PYTHONPATH has it."""
        return os.pathsep.join(self.folders)

    def facts(self, requirements: Iterable[str]) -> dict[str, Any]:
        """For the manifest: which packages serve for these pins, and which are not as wanted."""
        pins = {match[1]: match[2] for line in requirements if (match := PIN.match(line))}
        there = {name: version for name in pins if (version := self.versions.get(_name(name)))}
        everything = sorted(f"{name}=={version}" for name, version in self.versions.items())
        return {
            "site": hashlib.sha256("\n".join([*self.folders, *everything]).encode()).hexdigest(),
            "own_site": list(self.folders),
            "packages": sorted(f"{name}=={version}" for name, version in there.items()),
            "not_as_pinned": {
                name: f"{there.get(name, 'none')} for {wanted}"
                for name, wanted in sorted(pins.items())
                if there.get(name) != wanted
            },
        }


def _name(text: str) -> str:
    return re.sub(r"[-_.]+", "-", text).lower()
