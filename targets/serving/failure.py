"""A start that failed in the workload's own code, as every kind of unit tells it: in the same words."""

LOAD_FAILED = "LoadFailed: "
"""What stands before the words in a traceback's last line."""
LONGEST = 1000


class LoadFailed(Exception):
    """The workload could not be loaded. The message is the error and where it was raised, on one line."""

    @classmethod
    def of(cls, error: BaseException, phase: str | None) -> "LoadFailed":
        """`phase` is the one that the error ended; None outside of any."""
        words = " ".join(str(error).split())[:LONGEST]
        where = f"in load(), phase {phase}" if phase else "in load()"
        return cls(f"{type(error).__name__}: {words} ({where})" if words else f"{type(error).__name__} ({where})")
