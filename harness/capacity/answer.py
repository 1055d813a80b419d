"""What the probes of a search come to: the rate with its interval, or the reason why there is none."""

from harness.capacity.search import Search
from harness.record.capacity import Rate
from harness.record.estimate import rounded
from harness.record.figures import fixed

METHOD = (
    "bisection by the majority of repeated steps: value is the middle of the last bracket, low the highest rate up to "
    "which every step held, high the lowest from which none did"
)


def answer(found: Search, problem: str | None = None) -> Rate:
    """Requests per second; n counts the valid steps. `problem` of a step explains a search that steps ended INVALID."""
    value, low, high = found.value, found.sure_low, found.sure_high
    why: str | None = None
    if found.ending == "invalid":
        value, last = None, found.probes[-1]
        told = f": {problem}" if problem else ""
        why = f"only {last.valid} of {last.asked} steps at {per_second(last.rate)} were valid{told}"
    elif found.ending == "all held":
        low = found.low
        why = f"at least {per_second(low)}: nothing higher was tried"
    elif found.ending == "none held":
        high = found.high
        why = f"less than {per_second(high)}, or the objective cannot be held at all: nothing lower was tried"
    elif low is None or high is None:
        ends = [name for name, end in (("lower", low), ("upper", high)) if end is None]
        why = f"no {' and no '.join(ends)} end: the repeats disagree at the outermost rates tried"
    n = sum(probe.valid for probe in found.probes)
    return Rate(value=short(value), low=short(low), high=short(high), n=n, need=None, why=why, method=METHOD)


def cut_off(reason: str, n: int) -> Rate:
    """Of a search that did not come to its end."""
    return Rate(value=None, low=None, high=None, n=n, need=None, why=reason[:2000], method=METHOD)


def per_second(rate: float | None) -> str:
    """A rate in words, to three significant digits."""
    return "–" if rate is None else f"{plain_rate(rate)} requests per second"  # noqa: RUF001


def plain_rate(rate: float) -> str:
    """Without decimals from 100 on."""
    return fixed(rate, 0 if rate >= 100 else 1 if rate >= 10 else 2)


def short(rate: float | None) -> float | None:
    """As it is stored."""
    return None if rate is None else rounded(rate)
