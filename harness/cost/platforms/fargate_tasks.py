"""AWS Fargate tasks that come and go with their work: each by the second while it lives, a minute at least."""

from collections.abc import Iterator

from harness.cost.bill import Bought, Way, lines
from harness.cost.month import Month
from harness.cost.nouns import CostLine, TermName
from harness.cost.platforms.fargate import purchase
from harness.cost.usage import Billed, Requests
from harness.record.figures import figure
from harness.record.nouns import TrialRecord

LEAST_S = 60
"""The shortest time that a task is billed for (AWS Fargate pricing)."""
QUEUE = "sqs.request"
REQUESTS_EACH = 3
"""Of the queue for each request: it is sent, received and deleted (Amazon SQS pricing: of up to 64 KB each)."""
NS_PER_S, SECONDS_PER_HOUR = 1e9, 3600


def meter(requests: Requests) -> Billed:
    """The lives of all workers; those that are left at the end of a trial are kept for the cooldown of their rule."""
    seconds = sum(max(LEAST_S, lived_s) for lived_s in _lives_s(requests.record))
    return Billed(seconds, seconds)


def _lives_s(record: TrialRecord) -> Iterator[float]:
    """In the order in which they began; the latest end first, as in a cluster, so that the oldest are left."""
    left, cooldown_s = record.deployment.get("workers_left"), record.case.get("cooldown_s")
    for place, unit in enumerate(record.units):
        is_left = isinstance(left, int) and place < left and isinstance(cooldown_s, int | float)
        yield unit.lived_ns / NS_PER_S + (cooldown_s if is_left else 0.0)  # type: ignore[operator]


def bill_lines(bought: Bought, month: Month) -> Iterator[CostLine]:
    """vCPU and memory by the second, and the queue's requests; there is no load balancer before it."""
    hours, sku = (month.billed_s or 0.0) / SECONDS_PER_HOUR, bought.purchase.sku
    for unit, amount in {"vcpu-hour": bought.purchase.vcpus, "gb-hour": bought.memory_gb}.items():
        yield from lines(bought, "compute", f"{sku}.{unit}", hours * amount, month.source)
    if unpriced_queue(bought) is None:
        yield from lines(bought, "platform", QUEUE, REQUESTS_EACH * month.arrivals, month.source)


def unpriced_queue(bought: Bought) -> str | None:
    """Why the queue is not in the bill; None where it is."""
    if bought.economics.priced_as.queue == "none":
        return "as priced_as.queue says"
    known = any(price.sku == QUEUE for price in bought.book.prices)
    return None if known else f"for the price book has no {QUEUE}"


def basis(bought: Bought, month: Month, term: TermName, carried: str) -> str:
    """On what a billed term rests, in words."""
    if term == "compute":
        each = f"{figure(month.per_arrival(month.billed_s))} s of a worker's life per arrival"
        return f"{each}, its start and the cooldown after the last request included; {month.source}"
    if term == "idle":
        return "no worker is paid while none lives"
    if why := unpriced_queue(bought):
        return f"registry; the queue is not in it, {why}"
    return (
        f"registry; the queue as Amazon SQS, not the Redis that was measured: {REQUESTS_EACH} requests of it for each "
        "(sent, received, deleted; of up to 64 KB); without empty receives and what asks for its length"
    )


WAY = Way("service", replicated=False, purchase=purchase, meter=meter, lines=bill_lines, basis=basis)
