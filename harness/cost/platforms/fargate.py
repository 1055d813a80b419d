"""AWS Fargate: tasks of fixed sizes by the second, all month, behind a load balancer with public addresses."""

from collections.abc import Iterator

from harness.cost.bill import STATED, Bought, Way, lines, refuse_accelerators, size_of
from harness.cost.month import Month
from harness.cost.nouns import CostLine, Purchase, TermName
from harness.cost.usage import Billed, Requests
from harness.errors import RecordError
from harness.record.figures import figure
from harness.record.nouns import Case
from harness.record.stated import HOURS_PER_MONTH, SECONDS_PER_MONTH

TASK_MB: dict[float, tuple[int, ...]] = {
    0.25: (512, 1024, 2048),
    0.5: (1024, 2048, 3072, 4096),
    1: tuple(range(2048, 8192 + 1, 1024)),
    2: tuple(range(4096, 16_384 + 1, 1024)),
    4: tuple(range(8192, 30_720 + 1, 1024)),
    8: tuple(range(16_384, 61_440 + 1, 4096)),
    16: tuple(range(32_768, 122_880 + 1, 8192)),
}
"""Memory that goes with each number of vCPU (Amazon ECS developer guide, Fargate task size)."""
CONNECTIONS_PER_LCU = 25
"""New connections a second that one load balancer capacity unit carries (Elastic Load Balancing pricing)."""
MS_PER_S, SECONDS_PER_HOUR = 1000, 3600


def purchase(case: Case, architecture: str) -> Purchase:
    """The smallest task that has at least so much; RecordError for more than is sold."""
    refuse_accelerators(case, "Fargate")
    memory_mb, cpus = size_of(case, "memory_mb"), size_of(case, "cpus")
    sizes = [(vcpus, mb) for vcpus, sold in TASK_MB.items() for mb in sold if vcpus >= cpus and mb >= memory_mb]
    if not sizes:
        raise RecordError(f"memory_mb, cpus: {memory_mb:g} and {cpus:g} are more than a Fargate task can have")
    vcpus, mb = min(sizes)
    exact = (vcpus, mb) == (cpus, memory_mb)
    remark = None if exact else f"measured with {cpus:g} vCPU and {memory_mb:g} MB, which cannot be bought"
    return Purchase(f"fargate.{architecture}", mb, vcpus, remark)


def meter(requests: Requests) -> Billed:
    """Nothing is billed for a request: tasks are paid by the hour."""
    return Billed()


def bill_lines(bought: Bought, month: Month) -> Iterator[CostLine]:
    """The tasks' hours, busy and idle, then what stands before them."""
    size, terms, source = bought.purchase, bought.economics.priced_as, month.source
    amounts = {"vcpu-hour": size.vcpus, "gb-hour": bought.memory_gb}
    for term, part in month.shares(size):
        for unit, amount in amounts.items():
            yield from lines(bought, term, f"{size.sku}.{unit}", (month.unit_hours or 0.0) * amount * part, source)
    if terms.load_balancer == "alb":
        yield from lines(bought, "platform", "alb.hour", HOURS_PER_MONTH, STATED)
        units = month.arrivals / SECONDS_PER_MONTH / CONNECTIONS_PER_LCU
        yield from lines(bought, "platform", "alb.lcu-hour", units * HOURS_PER_MONTH, source)
    yield from lines(bought, "platform", "ipv4.hour", terms.public_ipv4 * HOURS_PER_MONTH, STATED)


def basis(bought: Bought, month: Month, term: TermName, carried: str) -> str:
    """On what a billed term rests, in words."""
    if term == "compute":
        if month.busy_hours is None:
            return f"all hours of the replicas, since how busy they are is not known; replicas: {carried}"
        handler_s = month.per_arrival(month.busy_hours * SECONDS_PER_HOUR)
        return f"{figure(handler_s * MS_PER_S)} ms in the handler per request; replicas: {carried}"
    if term == "idle":
        return "the rest of the replicas' hours"
    return f"load balancer ({bought.economics.priced_as.load_balancer}), addresses, registry"


WAY = Way("service", replicated=True, purchase=purchase, meter=meter, lines=bill_lines, basis=basis)
