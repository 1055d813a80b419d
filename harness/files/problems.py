"""What is wrong with what somebody wrote: a line per problem, with the field, the value and what is accepted."""

import dataclasses
import reprlib
import typing
from collections.abc import Collection, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeGuard

from pydantic import BaseModel, ValidationError

LONGEST_QUOTE = 80


def problems_in(error: ValidationError, form: type | None = None) -> list[str]:
    """One line per problem: field, value and what would be accepted; of `form`, which field was likely meant."""
    lines: list[str] = []
    for problem in error.errors(include_url=False):
        where = ascii(".".join(str(part)[:LONGEST_QUOTE] for part in problem["loc"]))[1:-1]
        if problem["type"] == "value_error":
            raised = problem["msg"].removeprefix("Value error, ").splitlines()
            lines += [line if not where or line.startswith(where) else f"{where}: {line}" for line in raised]
        elif problem["type"] == "missing":
            lines.append(f"{where}: is missing: add it")
        elif problem["type"] == "extra_forbidden":
            *place, name = problem["loc"]
            meant = near(name, fields_at(form, place))
            lines.append(f"{where}: {quote(problem['input'])} is not accepted: there is no such field{meant}")
        else:
            wanted = problem["msg"].replace("Input should be", "it must be", 1)
            lines.append(f"{where}: {quote(problem['input'])} is not accepted: {wanted}")
    return lines


def not_one_of(value: Any, known: Collection[str]) -> str:
    """What is said of a name that is none of those that there are."""
    return f"{quote(value)} is not one of: {', '.join(known)}{near(value, known)}"


def no_workload(name: Any, known: Collection[str]) -> str:
    """What is said of a name that no workload has: also how one's own is found, unless one of `known` was meant."""
    told = not_one_of(name, known)
    yours = "; yours, FOLDER/targets/workloads/NAME.py, is found with FOLDER on PYTHONPATH"
    return told if near(name, known) else told + yours


def near(name: Any, known: Collection[str]) -> str:
    """The one of these names that was likely meant, as the end of a sentence; empty where none is like it."""
    close = get_close_matches(str(name)[:LONGEST_QUOTE], known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def fields_at(form: Any, place: Sequence[Any]) -> list[str]:
    """Names of the fields of a form, or of the one that lies at this place in it; none where there is no form."""
    for part in (part for part in place if isinstance(part, str)):
        field = form.model_fields.get(part) if _is_form(form) else None
        form = next(_forms_in(field.annotation), None) if field else None
    if dataclasses.is_dataclass(form):
        return [field.name for field in dataclasses.fields(form)]
    return list(form.model_fields) if _is_form(form) else []


def _is_form(kind: Any) -> TypeGuard[type[BaseModel]]:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def _forms_in(kind: Any) -> Iterator[type[BaseModel]]:
    if _is_form(kind):
        yield kind
    for inner in typing.get_args(kind):
        yield from _forms_in(inner)


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
