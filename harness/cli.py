"""The door: `frostline` in pyproject.toml."""

import gc
import sys

gc.set_threshold(10_000)  # what is loaded stays: a tenth of a command's start went into looking for garbage in it

from harness.commands.load.secrets import hide_arguments, secret_arguments  # noqa: E402
from harness.commands.plug_ins import stand_beside_plug_ins  # noqa: E402

hide_arguments(
    secret_arguments(sys.argv)
)  # before all else: what follows takes a second, in which `ps` would tell them
stand_beside_plug_ins()

from harness.commands.app import main  # noqa: E402

__all__ = ["main"]
