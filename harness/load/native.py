"""What the system has, also where gevent has put its own in its place; gevent itself is not asked for."""

import sys
from importlib import import_module
from typing import Any


def native(module: str, name: str) -> Any:
    """What this module of the standard library holds under that name, as it was before gevent patched it."""
    patches = sys.modules.get("gevent.monkey")
    return patches.get_original(module, name) if patches else getattr(import_module(module), name)
