"""One claim of the self-test: the truth beside what was measured."""

from dataclasses import asdict, dataclass
from typing import Any

SELFTEST_SCHEMA = "frostline/selftest/1"
SHARE = 0.03
LEAST_MS = 5.0


@dataclass(frozen=True)
class Check:
    """`truth` and `measured` are numbers in the unit that the name gives, or words."""

    name: str
    target: str
    truth: float | str
    measured: float | str | None
    ok: bool

    def to_json(self) -> dict[str, Any]:
        """The five fields; numbers to a thousandth."""
        fields = asdict(self)
        return {key: round(value, 3) if isinstance(value, float) else value for key, value in fields.items()}


@dataclass(frozen=True)
class Unjudged:
    """A scenario of which nothing may be said: each time, the machine was busy with something else."""

    scenario: str
    target: str
    why: str


def same(name: str, target: str, truth: int, measured: int | None) -> Check:
    """A check of two counts, which holds only when they are equal."""
    return Check(name, target, truth, measured, truth == measured)


def absent(name: str, target: str, why: str) -> Check:
    """A check that does not hold because there is nothing to compare: `why` says what is missing."""
    return Check(name, target, "a measurement", f"nothing: {why}", False)


def near(name: str, target: str, truth: float, measured: float | None, least: float = LEAST_MS) -> Check:
    """A check that holds within 3 % of the truth or within `least`, whichever is more."""
    ok = measured is not None and abs(measured - truth) <= max(SHARE * truth, least)
    return Check(name, target, truth, measured, ok)
