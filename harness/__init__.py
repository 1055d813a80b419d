"""The bench: plans, runs, stores, judges."""

import pkgutil
from pathlib import Path

__version__ = "0.2.0.dev0"

__path__ = [
    entry
    for entry in pkgutil.extend_path(__path__, __name__)  # a sender of one's own may lie in another folder, but
    if entry in __path__ or not Path(entry, "__init__.py").exists()  # a whole other copy of this package is left alone
]
