"""Amazon SageMaker real-time endpoints: instances by the hour, all month, one for each replica."""

from collections.abc import Iterator

from harness.cost.bill import Bought, Way
from harness.cost.instances import Instance, instance_for, instance_lines
from harness.cost.month import Month
from harness.cost.nouns import CostLine, Purchase, TermName
from harness.cost.platforms.fargate import basis as basis_of_hours
from harness.cost.platforms.fargate import meter
from harness.record.nouns import Case

SOLD = (
    Instance("ml.m5.xlarge", 4, 16),
    Instance("ml.g4dn.xlarge", 4, 16, has_gpu=True),
    Instance("ml.g5.xlarge", 4, 16, has_gpu=True),
    Instance("ml.g6.xlarge", 4, 16, has_gpu=True),
    Instance("ml.g5.2xlarge", 8, 32, has_gpu=True),
)
"""Those whose prices are known: there are many more."""


def purchase(case: Case, architecture: str) -> Purchase:
    """The instance that was measured, or the smallest that has at least so much; RecordError where there is none."""
    return instance_for(case, architecture, "sagemaker.", SOLD)


def bill_lines(bought: Bought, month: Month) -> Iterator[CostLine]:
    """Hours of instances; the load balancer before them is not billed apart."""
    yield from instance_lines(bought, month)


def basis(bought: Bought, month: Month, term: TermName, carried: str) -> str:
    """On what a billed term rests, in words."""
    if term == "platform":
        return "registry; data in and out of the endpoint and its disks are not in it, since no run keeps their size"
    return basis_of_hours(bought, month, term, carried)


WAY = Way("service", replicated=True, purchase=purchase, meter=meter, lines=bill_lines, basis=basis)
