"""AWS Lambda on instances: EC2 by the hour, a fee on what it costs, and requests; no duration is billed."""

from collections.abc import Iterator

from harness.cost.bill import Bought, Way, lines
from harness.cost.instances import Instance, instance_for, instance_lines
from harness.cost.month import Month
from harness.cost.nouns import CostLine, Purchase, TermName
from harness.cost.platforms.fargate import basis as basis_of_hours
from harness.cost.platforms.fargate import meter
from harness.record.nouns import Case

SOLD = tuple(
    Instance(f"{family}.{size}", vcpus, 4 * vcpus, architecture=architecture)
    for family, architecture in (("m7i", "x86"), ("m7g", "arm"))
    for size, vcpus in (("large", 2), ("xlarge", 4), ("2xlarge", 8), ("4xlarge", 16))
)
"""Without those that have a GPU: what the fee is on them is not known."""
LEAST_INSTANCES = 3
"""That Lambda keeps by default, as was noted when it was announced in November 2025."""
FEE = "lambda.managed.fee"


def purchase(case: Case, architecture: str) -> Purchase:
    """The instance that was measured, or the smallest that holds one environment; RecordError where there is none."""
    return instance_for(case, architecture, "ec2.", SOLD)


def bill_lines(bought: Bought, month: Month) -> Iterator[CostLine]:
    """Hours of instances, the fee on each dollar of them, and every invocation."""
    for line in instance_lines(bought, month):
        yield line
        yield from lines(bought, line.term, FEE, float(line.ListCost), month.source)
    yield from lines(bought, "compute", "lambda.managed.request", month.invoked, month.source)


def basis(bought: Bought, month: Month, term: TermName, carried: str) -> str:
    """On what a billed term rests, in words."""
    if term == "platform":
        return "registry"
    hours = basis_of_hours(bought, month, term, carried)
    if term == "idle":
        return hours
    kept = f"one environment an instance, {LEAST_INSTANCES} instances at least, and the fee on them"
    return f"{hours}; {kept}"


WAY = Way(
    "function",
    replicated=True,
    purchase=purchase,
    meter=meter,
    lines=bill_lines,
    basis=basis,
    least_units=LEAST_INSTANCES,
)
