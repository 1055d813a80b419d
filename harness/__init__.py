"""The bench: plans, runs, stores, judges."""

__version__ = "0.1.0"
