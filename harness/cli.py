"""The door: `frostline` in pyproject.toml."""

from harness.commands.app import main

__all__ = ["main"]
