"""The bench: plans, runs, stores, judges."""

__version__ = "0.2.0.dev0"
