"""The load profiles there are, by name: loadprofiles/ imports nothing of ours, so that its names are listed here."""

import array
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import loadprofiles
from harness.errors import UsageError
from harness.files.problems import quote
from loadprofiles import LoadProfile
from targets.names import FAULTS, files_by_name, passed_over, read, reason


@cache
def _files() -> dict[str, Path]:
    return files_by_name("load profile", "PROFILE", loadprofiles.__path__)


def profile_names() -> list[str]:
    """Names of the profiles there are, found by listing their folder and others like it."""
    return sorted(_files())


def no_profiles() -> list[str]:
    """What lies in plug-ins' folders of load profiles and is none, a line each."""
    return passed_over("PROFILE", loadprofiles.__path__[1:])


def profile(name: str) -> type[LoadProfile]:
    """The profile of this name. KeyError when there is none, Unreadable when it cannot be had."""
    found: type[LoadProfile] = read("load profile", name, "PROFILE", "loadprofiles", _files()[name])
    return found


def draw(load: LoadProfile, seed: int) -> "array.array[float]":
    """When requests leave, in seconds from the start: what the profile draws, held against what every schedule is.
    UsageError names the first offset that cannot be kept."""
    return _check(load, "arrivals", lambda: load.arrivals(seed), load.seconds)


def draw_history(load: LoadProfile, seed: int, seconds: float) -> "array.array[float]":
    """When requests left in the `seconds` before the start, from their begin on: checked as `draw` checks."""
    return _check(load, "history", lambda: load.history(seed, seconds), seconds)


def _check(
    load: LoadProfile, method: str, drawn: Callable[[], "array.array[float]"], seconds: float
) -> "array.array[float]":
    place = f"load profile {type(load).__name__}: {method}"
    try:
        offsets = drawn()
    except FAULTS as error:  # a stranger's file
        raise UsageError([f"{place} raised {quote(reason(error))}"]) from error
    if problem := _form_problem(offsets) or _offsets_problem(np.asarray(offsets, np.float64), seconds):
        raise UsageError([f"{place}: {problem}"])
    return offsets


def _form_problem(offsets: Any) -> str:
    if isinstance(offsets, array.array) and offsets.typecode == "d":
        return ""
    kind = f"array of {offsets.typecode!r}" if isinstance(offsets, array.array) else type(offsets).__name__
    return f"a {kind} is not accepted: return array.array('d', ...) of seconds from the start"


def _offsets_problem(offsets: NDArray[np.float64], seconds: float) -> str:
    """What is wrong with the first offset that is not a moment of the schedule, or that stands before its time."""
    outside = ~((offsets >= 0) & (offsets <= seconds))  # also what is not a number
    early = np.zeros(len(offsets), np.bool_)
    early[1:] = offsets[1:] < offsets[:-1]
    wrong = np.flatnonzero(outside | early)
    if not len(wrong):
        return ""
    at = int(wrong[0])
    value = float(offsets[at])
    if outside[at]:
        return f"offset {at} is {_exact(value)}: each lies between 0 and the {_exact(seconds)} seconds of the schedule"
    return f"offset {at} is {_exact(value)} after {_exact(offsets[at - 1])}: they must ascend"


def _exact(number: float) -> str:
    """With every digit that tells it from its neighbours: rounded, a value just outside looks allowed."""
    return repr(float(number)).removesuffix(".0")
