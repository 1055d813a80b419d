"""When requests leave. Each file that sets PROFILE is one load profile: a pure function of its parameters and a seed.

A `loadprofiles` folder without __init__.py in a folder on PYTHONPATH adds to this one: no edit is needed here. Their
names are listed by harness.experiment.profiles.
"""

import pkgutil
from pathlib import Path

from loadprofiles.contract import LoadProfile

__all__ = ["LoadProfile"]

__path__ = [
    entry
    for entry in pkgutil.extend_path(__path__, __name__)
    if entry in __path__ or not Path(entry, "__init__.py").exists()
]
