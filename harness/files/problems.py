"""What is wrong with what somebody wrote: a line per problem, with the field, the value and what is accepted."""

import reprlib
from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

LONGEST_QUOTE = 80


def problems_in(error: ValidationError) -> list[str]:
    """One line per problem: field, value and what would be accepted."""
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        where = ascii(".".join(str(part)[:LONGEST_QUOTE] for part in problem["loc"]))[1:-1]
        if problem["type"] == "value_error":
            raised = problem["msg"].removeprefix("Value error, ").splitlines()
            lines += [line if not where or line.startswith(where) else f"{where}: {line}" for line in raised]
        elif problem["type"] == "missing":
            lines.append(f"{where}: is missing: add it")
        elif problem["type"] == "extra_forbidden":
            lines.append(f"{where}: {quote(problem['input'])} is not accepted: there is no such field")
        else:
            lines.append(f"{where}: {quote(problem['input'])} is not accepted: {problem['msg']}")
    return lines


def quote(value: Any) -> str:
    """A stranger's value for an error message, as at most LONGEST_QUOTE characters of ASCII.

    A structure is not unfolded: YAML's aliases can make it endless.
    """
    brief = reprlib.Repr()
    brief.maxlevel = 2
    try:
        text = value if isinstance(value, str) else brief.repr(value)
    except ValueError:  # Python refuses to write whole numbers of thousands of digits
        text = f"{type(value).__name__} of too many digits"
    text = ascii(_both_ends(text))
    return _both_ends(text if isinstance(value, str) else text[1:-1])


def _both_ends(text: str) -> str:
    """A path is known by its end, a sentence by its beginning."""
    half = (LONGEST_QUOTE - 3) // 2
    return text if len(text) <= LONGEST_QUOTE else f"{text[:half]}...{text[-half:]}"


def has_more_values(value: Any, most: int) -> bool:
    """Whether a structure unfolds to more than `most` values: YAML's aliases can make it endless."""
    waiting, seen = [value], 0
    while waiting and seen <= most:
        inner = waiting.pop()
        seen += 1
        if isinstance(inner, dict):
            waiting += inner.values()
        elif isinstance(inner, list | tuple | set):
            waiting += inner
    return seen > most


def mapping(given: Any) -> Mapping[str, Any]:
    """A value that should be a mapping; anything else becomes an empty one."""
    return given if isinstance(given, dict) else {}
