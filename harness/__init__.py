"""The bench: plans, runs, stores, judges."""

import pkgutil

__version__ = "0.2.0.dev0"

__path__ = pkgutil.extend_path(__path__, __name__)
