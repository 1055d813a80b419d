"""The door: `frostline` in pyproject.toml."""

import sys

from harness.commands.load.secrets import hide_arguments, secret_arguments
from harness.commands.plug_ins import stand_beside_plug_ins

hide_arguments(
    secret_arguments(sys.argv)
)  # before all else: what follows takes a second, in which `ps` would tell them
stand_beside_plug_ins()

from harness.commands.app import main  # noqa: E402

__all__ = ["main"]
