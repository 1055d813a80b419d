"""A start that failed in the workload's own code, as every kind of unit tells it: in the same words."""

LOAD_FAILED = "LoadFailed: "
"""What stands before the words in a traceback's last line."""
LONGEST = 1000


def words_of(error: BaseException) -> str:
    """What an exception says, whatever a stranger's class of them does when it is asked."""
    try:
        return str(error)
    except Exception as fault:
        return f"its message cannot be told: {type(fault).__name__}"


class LoadFailed(Exception):
    """The workload could not be loaded. The message is the error and where it was raised, on one line."""

    @classmethod
    def of(cls, error: BaseException, phase: str | None) -> "LoadFailed":
        """`phase` is the one that the error ended; None outside of any."""
        words = " ".join(words_of(error).split())[:LONGEST]
        where = f"in load(), phase {phase}" if phase else "in load()"
        return cls(f"{type(error).__name__}: {words} ({where})" if words else f"{type(error).__name__} ({where})")
