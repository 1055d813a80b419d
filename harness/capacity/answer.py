"""What a search comes to: the rate with its interval or the reason why there is none, and both as plain lines."""

from rich.console import Console

from harness.capacity.lone import Range, words
from harness.capacity.order import CapacityOrder
from harness.capacity.search import Search
from harness.files.text import harmless
from harness.record.capacity import Capacity, Lone, Rate, Step
from harness.record.estimate import round_digits
from harness.record.figures import MISSING, fixed, milliseconds, plural

METHOD = (
    "bisection by the majority of repeated steps: value is the middle of the last bracket, low the highest rate up to "
    "which every step held, high the lowest from which none did"
)
METHOD_ALONE = "requests one at a time, and a one-sided binomial test of those that are late"

HEAD = f"{'rate/s':>9}  {'repeat':>6}  {'requests':>8}  {'percentile':>12}  step"


def answer(found: Search, problem: str | None = None) -> Rate:
    """Requests per second; n counts the valid steps. `problem` of a step explains a search that steps ended INVALID."""
    value, low, high = found.value, found.sure_low, found.sure_high
    why: str | None = None
    if found.ending == "invalid":
        value, last = None, found.probes[-1]
        told = f": {problem}" if problem else ""
        least = "" if low is None else f"at least {per_second(low)}; "
        why = f"{least}only {last.valid} of {last.asked} steps at {per_second(last.rate)} were valid{told}"
    elif found.ending == "all held":
        low = found.low
        why = f"at least {per_second(low)}: nothing higher was tried"
    elif found.ending == "none held":
        high = found.high
        why = f"less than {per_second(high)}: nothing lower was tried"
    elif low is None or high is None:
        ends = [name for name, end in (("lower", low), ("upper", high)) if end is None]
        why = f"no {' and no '.join(ends)} end: the repeats disagree at the outermost rates tried"
    n = sum(probe.valid for probe in found.probes)
    return Rate(value=short(value), low=short(low), high=short(high), n=n, need=None, why=why, method=METHOD)


def cut_off(found: Search, reason: str) -> Rate:
    """Of a search that did not come to its end: what held so far is a lower end, and what did not an upper one."""
    low, n = found.sure_low, sum(probe.valid for probe in found.probes)
    least = "" if low is None else f"at least {per_second(low)}; "
    why = f"{least}the search was cut off: {reason}"[:2000]
    return Rate(value=None, low=short(low), high=short(found.sure_high), n=n, need=None, why=why, method=METHOD)


def out_of_reach(order: CapacityOrder, lone: Lone) -> Rate:
    """Where one request alone is too slow already."""
    why = f"{words(order, lone)}, and the limit is {order.latency_ms:g} ms: no rate holds it"
    return Rate(value=None, low=None, high=None, n=0, need=None, why=why, method=METHOD_ALONE)


def per_second(rate: float | None) -> str:
    """A rate in words, to three significant digits."""
    return "–" if rate is None else f"{plain_rate(rate)} requests per second"  # noqa: RUF001


def plain_rate(rate: float) -> str:
    """Without decimals from 100 on."""
    return fixed(rate, 0 if rate >= 100 else 1 if rate >= 10 else 2)


def short(rate: float | None) -> float | None:
    """As it is stored."""
    return None if rate is None else round_digits(rate)


def plain(console: Console, line: str) -> None:
    """One line, whatever is in it."""
    console.print(harmless(line), markup=False, highlight=False, soft_wrap=True)


def heading(order: CapacityOrder) -> str:
    """Before anything starts."""
    unit = "one replica"
    if order.limits_units:
        unit = f"at most {plural(order.concurrency_limit, 'warm sandbox', 'warm sandboxes')}"
    return f"capacity of {order.target} for {order.workload}, {unit}, {order.objective}"


def plan_line(range_: Range, lone_words: str, minutes: float) -> str:
    """Before the first step: from where the search goes, and how long it takes."""
    return (
        f"{lone_words[0].upper()}{lone_words[1:]}: the search goes from {per_second(range_.guess)} down to "
        f"{plain_rate(range_.lowest)} or up to {plain_rate(range_.most)}, and takes {about(minutes)}."
    )


def rate_line(found: Search, rate: float, order: CapacityOrder, minutes: float) -> str:
    """Before the steps at a rate: where the search is."""
    left = f"about {found.likely_left} to go, {about(minutes)}" if found.likely_left else about(minutes)
    return (
        f"rate {len(found.probes) + 1} ({left}): {per_second(rate)}, "
        f"{plural(order.repeats, 'step')} of {order.seconds_at(rate):.0f} s"
    )


def about(minutes: float) -> str:
    """A duration in words."""
    return f"about {minutes:.0f} minutes" if minutes >= 9.5 else f"about {minutes:.1f} minutes"


def step_line(step: Step) -> str:
    """A row of the table; an INVALID attempt with its reason."""
    verdict = "held" if step.held else "missed"
    if not step.valid:
        verdict = f"INVALID: {step.problem}"
    elif step.percentile_ms is None:
        verdict = "missed: falls among failures"
    reached = MISSING if step.percentile_ms is None else f"{milliseconds(step.percentile_ms).main} ms"
    return f"{plain_rate(step.rate):>9}  {step.repeat:>6}  {step.requests:>8}  {reached:>12}  {verdict}"


def sentence(record: Capacity) -> str:
    """The answer."""
    goal = f"p{record.objective.percentile:g} <= {record.objective.latency_ms:g} ms"
    unit, size = f"one replica of {record.target}", f"{record.sizing.memory_mb} MB and {record.sizing.cpus:g} vCPU"
    if record.concurrency_limit is not None:
        unit = f"{record.target} with {plural(record.concurrency_limit, 'warm sandbox', 'warm sandboxes')}"
        size += " each" if record.concurrency_limit > 1 else ""
    size = size if record.isolated else "not held to any size"
    size = f"emulated, {size}" if record.emulated else size
    rate, steps = record.rate, plural(record.rate.n, "step")
    if rate.value is None:
        n = f" (n = {steps})" if record.steps else ""
        told = f"{unit} ({size}) under {record.workload}, {goal}: {rate.why}{n}."
        return told[0].upper() + told[1:]
    ends = f"{end(rate.low)}–{end(rate.high)}; n = {steps}"  # noqa: RUF001
    why = f"; {rate.why}" if rate.why else ""
    told = f"{unit} ({size}) serves {record.workload} up to {per_second(rate.value)} ({ends}) with {goal}{why}."
    return told[0].upper() + told[1:]


def end(rate: float | None) -> str:
    """Of the interval."""
    return "?" if rate is None else plain_rate(rate)
