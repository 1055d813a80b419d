"""Instances that are bought by the hour: which is large enough, and the hours of a month that are paid for."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.cost.bill import MB_PER_GB, Bought, lines, size_of
from harness.cost.month import Month
from harness.cost.nouns import CostLine, Purchase
from harness.errors import RecordError
from harness.files.problems import quote
from harness.record.nouns import Case

INSTANCE = "instance_type"
"""Setting of a target that ran on an instance: the very one that was measured is bought."""


@dataclass(frozen=True)
class Instance:
    """What an instance has, by Amazon EC2's instance types (from memory of its public pages, not re-read)."""

    name: str
    vcpus: int
    memory_gb: int
    has_gpu: bool = False
    architecture: str = "x86"


def instance_for(case: Case, architecture: str, prefix: str, sold: Sequence[Instance]) -> Purchase:
    """The instance that was measured, or else the smallest one without a GPU that has at least so much.

    RecordError where there is none. Its SKU begins with `prefix`.
    """
    found, remark = named(case, sold), None
    if found is None:
        memory_mb, cpus = size_of(case, "memory_mb"), size_of(case, "cpus")
        found = smallest(case, architecture, sold, memory_mb, cpus)
        if (found.vcpus, found.memory_gb * MB_PER_GB) != (cpus, memory_mb):
            remark = f"measured with {cpus:g} vCPU and {memory_mb:g} MB, which is no instance"
    return Purchase(f"{prefix}{found.name}", found.memory_gb * MB_PER_GB, found.vcpus, remark)


def named(case: Case, sold: Sequence[Instance]) -> Instance | None:
    """The instance that a row was measured on; None where it names none. RecordError for one without a price."""
    name = case.get(INSTANCE)
    found = next((each for each in sold if each.name == name), None)
    if name is not None and found is None:
        known = ", ".join(each.name for each in sold)
        raise RecordError(f"case.{INSTANCE}: {quote(name)} has no price here, these have: {known}")
    return found


def smallest(case: Case, architecture: str, sold: Sequence[Instance], memory_mb: float, cpus: float) -> Instance:
    """The fewest vCPU, then the least memory. Without a name nobody knows which GPU it was, so none stands for it."""
    if (count := case.get("accelerators")) not in (None, 0):
        raise RecordError(
            f"case.accelerators: {quote(count)} GPUs a unit, and case.{INSTANCE} does not say of which instance: no "
            "bill can be made"
        )
    fitting = [
        each
        for each in sold
        if (each.architecture, each.has_gpu) == (architecture, False)
        and each.vcpus >= cpus
        and each.memory_gb * MB_PER_GB >= memory_mb
    ]
    if not fitting:
        raise RecordError(
            f"memory_mb, cpus: no {architecture} instance without a GPU whose price is known here has at least "
            f"{memory_mb:g} and {cpus:g}"
        )
    return min(fitting, key=lambda each: (each.vcpus, each.memory_gb))


def instance_lines(bought: Bought, month: Month) -> Iterator[CostLine]:
    """The hours of all instances; those in which they infer are compute, the rest idle."""
    hours = bought.paid(month).unit_hours or 0.0
    for term, share in bought.paid(month).shares(bought.purchase):
        yield from lines(bought, term, f"{bought.purchase.sku}.hour", hours * share, month.source)
