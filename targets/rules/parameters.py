"""Parameters of a rule: fields that know which values they take, all checked at once, and read from text."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

MOST_REPLICAS = 100_000
MOST_SECONDS = 86_400.0
LONGEST = 80
"""Characters of a value that a message shows."""


@dataclass(frozen=True)
class Numbers:
    """From `least` to `most`: whole ones, or any that are finite; `above` leaves out `least` itself."""

    least: float
    most: float
    whole: bool = False
    above: bool = False

    def __str__(self) -> str:
        kind = "whole number" if self.whole else "number"
        return f"a {kind} {'above' if self.above else 'from'} {self.least:g}{',' * self.above} to {self.most:.12g}"

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int if self.whole else int | float) or isinstance(value, bool):
            return False
        return self.least <= value <= self.most and not (self.above and value == self.least)

    def read(self, given: str | float) -> object:
        """The number that was meant, or what was given where it is none."""
        try:
            number = float(given)
        except (ValueError, OverflowError):
            return given
        if not self.whole or isinstance(given, bool):
            return given if isinstance(given, bool) else number
        return int(number) if number.is_integer() else given


@dataclass(frozen=True)
class Words:
    """One of a few."""

    words: tuple[str, ...]

    def __str__(self) -> str:
        return f"one of {', '.join(self.words)}"

    def __contains__(self, value: object) -> bool:
        return value in self.words

    def read(self, given: str | float) -> object:
        """As given."""
        return given


def whole(default: int, least: int, most: int = MOST_REPLICAS) -> int:
    """A parameter of whole numbers."""
    number: int = field(default=default, metadata={"takes": Numbers(least, most, whole=True)})
    return number


def real(default: float, least: float, most: float = MOST_SECONDS, *, above: bool = False) -> float:
    """A parameter of any finite numbers; `above` leaves out `least` itself."""
    number: float = field(default=default, metadata={"takes": Numbers(least, most, above=above)})
    return number


def word(default: str, *others: str) -> str:
    """A parameter of a few words."""
    text: str = field(default=default, metadata={"takes": Words((default, *others))})
    return text


def check(rule: Any, *ascending: str) -> None:
    """ValueError with a line for each parameter that is wrong; of the two in `ascending` the second is no smaller."""
    wrong = [
        refusal(one.name, getattr(rule, one.name), one.metadata["takes"])
        for one in fields(rule)
        if getattr(rule, one.name) not in one.metadata["takes"]
    ]
    low, high = (getattr(rule, name) for name in ascending) if ascending and not wrong else (0, 0)
    if high < low:
        wrong = [f"{ascending[1]}: {high} is not accepted: it lies below {ascending[0]}, {low}: raise it or lower that"]
    if wrong:
        raise ValueError("\n".join(wrong))


def read(kind: Any, name: str, settings: Mapping[str, str | float]) -> Any:
    """The rule of this dataclass with these parameters, text or numbers. ValueError lists all that is wrong."""
    takes = {one.name: one.metadata["takes"] for one in fields(kind)}
    wrong = [
        f"{quote(given)}: is no parameter of {name}: {meant(given, takes)}" for given in settings if given not in takes
    ]
    values = {given: _meant_by(takes[given], value) for given, value in settings.items() if given in takes}
    try:
        rule = kind(**values)
    except ValueError as error:
        wrong += str(error).splitlines()
    if wrong:
        raise ValueError("\n".join(wrong))
    return rule


def _meant_by(takes: Numbers | Words, given: str | float) -> object:
    """The value that is accepted, or what was given, as it was written."""
    value = takes.read(given)
    return value if value in takes else given


def refusal(name: str, value: object, takes: Numbers | Words) -> str:
    """One line: field, value, what is accepted."""
    return f"{name}: {quote(value)} is not accepted: give {takes}"


def meant(given: str, known: Collection[str]) -> str:
    """The name that was likely meant, or all that there are."""
    close = get_close_matches(given, known, n=1)
    return f"did you mean {close[0]}?" if close else f"give one of {', '.join(known)}"


def quote(value: object) -> str:
    """A stranger's value on one line of ASCII."""
    text = ascii(value if isinstance(value, str) else str(value))[1:-1]
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
