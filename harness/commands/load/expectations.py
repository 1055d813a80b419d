"""What a good answer is: its status, and what its JSON must have."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import jmespath
import numpy as np
from jmespath.exceptions import JMESPathError
from numpy.typing import NDArray

from harness.files.problems import quote

GOOD_STATUSES = "2xx"
FUNCTION_ERROR_HEADER = "x-amz-function-error"
"""In a reply of 200: the function failed."""
STATUS = re.compile(r"([1-5])xx|([1-5]\d\d)(?:-([1-5]\d\d))?", re.IGNORECASE)


@dataclass(frozen=True)
class Expectations:
    """Which answers are good."""

    statuses: tuple[tuple[int, int], ...]
    """First and last status of each range."""
    json: tuple[str, ...] = ()
    """JMESPath expressions that must be true of an answer's JSON."""

    @classmethod
    def read(cls, statuses: Sequence[str], json: Sequence[str]) -> tuple["Expectations", list[str]]:
        """From what was asked for on the command line; and what is wrong with it."""
        texts = [part.strip() for text in statuses for part in text.split(",")] or [GOOD_STATUSES]
        ranges = [_range(text) for text in texts]
        problems = [
            f"--expect-status: {quote(text)} is not accepted: give statuses like 200, 302, 200-204 or 2xx"
            for text, found in zip(texts, ranges, strict=True)
            if found is None
        ]
        problems += [problem for path in json if (problem := _path_problem(path))]
        return cls(tuple(found for found in ranges if found is not None), tuple(json)), problems

    def suit(self, statuses: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Whether each status is one of a good answer."""
        good = np.zeros(len(statuses), np.bool_)
        for first, last in self.statuses:
            good |= (statuses >= first) & (statuses <= last)
        return good


def _range(text: str) -> tuple[int, int] | None:
    match = STATUS.fullmatch(text)
    if match is None:
        return None
    if match[1]:
        return int(match[1]) * 100, int(match[1]) * 100 + 99
    first, last = int(match[2]), int(match[3] or match[2])
    return (first, last) if first <= last else None


def _path_problem(path: str) -> str | None:
    try:
        jmespath.compile(path)
    except (JMESPathError, ValueError) as error:
        why = " ".join(str(error).split("\n")[0].split())
        return (
            f"--expect-json: {quote(path)} is not accepted ({quote(why)[1:-1]}): give a JMESPath expression, e.g. "
            "answer, choices[0].message.content, !error or status == 'ok'"
        )
    return None
