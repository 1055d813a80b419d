"""A search for capacity as plain lines: what is tried, each step, and the answer in one sentence."""

from rich.console import Console

from harness.capacity.answer import per_second, plain_rate
from harness.capacity.order import CapacityOrder
from harness.files.text import harmless
from harness.record.capacity import Capacity, Step
from harness.record.figures import MISSING, counted, milliseconds

HEAD = f"{'rate/s':>9}  {'repeat':>6}  {'requests':>8}  {'percentile':>12}  step"


def plain(console: Console, line: str) -> None:
    """One line, whatever is in it."""
    console.print(harmless(line), markup=False, highlight=False, soft_wrap=True)


def heading(order: CapacityOrder) -> str:
    """Before anything starts."""
    unit = "one replica"
    if order.kind == "function":
        unit = f"at most {counted(order.concurrency_limit, 'warm sandbox', 'warm sandboxes')}"
    return (
        f"capacity of {order.target} for {order.workload}, {unit}, {order.objective}: "
        f"from {plain_rate(order.lowest_rate)} to {plain_rate(order.most_rate)} requests per second"
    )


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
        unit = f"{record.target} with {counted(record.concurrency_limit, 'warm sandbox', 'warm sandboxes')}"
        size += " each" if record.concurrency_limit > 1 else ""
    size = size if record.isolated else "not held to any size"
    size = f"emulated, {size}" if record.emulated else size
    rate, steps = record.rate, counted(record.rate.n, "step")
    if rate.value is None:
        told = f"{unit} ({size}) under {record.workload}, {goal}: {rate.why} (n = {steps})."
        return told[0].upper() + told[1:]
    ends = f"{end(rate.low)}–{end(rate.high)}; n = {steps}"  # noqa: RUF001
    why = f"; {rate.why}" if rate.why else ""
    told = f"{unit} ({size}) serves {record.workload} up to {per_second(rate.value)} ({ends}) with {goal}{why}."
    return told[0].upper() + told[1:]


def end(rate: float | None) -> str:
    """Of the interval."""
    return "?" if rate is None else plain_rate(rate)
