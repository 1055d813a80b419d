"""The bill of one month: priced lines, each quantity x unit price = cost to the last digit."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from harness.cost.book import Price, PriceBook
from harness.cost.nouns import CostLine, Purchase, TermName
from harness.cost.sku import MB_PER_GB, Kind
from harness.cost.use import Use
from harness.record.stated import HOURS_PER_MONTH, SECONDS_PER_MONTH, Economics

LEAST_TASK_S = 60
"""AWS Fargate bills a task by the second, one minute at least."""
KEPT_STEP_S = 300
"""Provisioned concurrency is billed from its beginning to its end, rounded up to five minutes."""
CONNECTIONS_PER_LCU = 25
"""New connections a second that one load balancer capacity unit carries (Elastic Load Balancing pricing)."""
PLACES = Decimal("0.000001")
STATED = "stated in the experiment"


@dataclass(frozen=True)
class Order:
    """What a bill is written for. `image_gb` is None where the image's size is not known."""

    kind: Kind
    purchase: Purchase
    economics: Economics
    book: PriceBook
    image_gb: float | None

    @property
    def memory_gb(self) -> float:
        """Of one unit."""
        return self.purchase.memory_mb / MB_PER_GB


def bill(order: Order, use: Use, arrivals: float, replicas: int | None) -> list[CostLine]:
    """`arrivals` a month, evenly over its 730 hours; `replicas` of a service run all month."""
    measured = _function(order, use, arrivals) if order.kind == "function" else _service(order, use, arrivals, replicas)
    return [*measured, *_registry(order), *_penalty(order, use, arrivals), *_people(order)]


def _function(order: Order, use: Use, arrivals: float) -> Iterator[CostLine]:
    seconds, sku = arrivals * use.billed_s, order.purchase.sku
    sandboxes = order.economics.priced_as.provisioned_concurrency
    busy = seconds / SECONDS_PER_MONTH
    reserved = min(1.0, sandboxes / busy) if busy else 1.0
    gb_s = seconds * order.memory_gb
    if sandboxes:
        used, kept = (f"{sku.replace('lambda.', 'lambda.provisioned.')}.{name}.gb-second" for name in ("used", "kept"))
        kept_gb_s = sandboxes * order.memory_gb * kept_seconds(SECONDS_PER_MONTH)
        in_use = min(1.0, busy / sandboxes)
        yield from lines(order, "compute", used, gb_s * reserved)
        yield from lines(order, "compute", kept, kept_gb_s * in_use)
        yield from lines(order, "idle", kept, kept_gb_s * (1 - in_use))
    yield from lines(order, "compute", f"{sku}.gb-second", gb_s * (1 - reserved) if sandboxes else gb_s)
    yield from lines(order, "compute", "lambda.request", arrivals * use.invoked)


def _service(order: Order, use: Use, arrivals: float, replicas: int | None) -> Iterator[CostLine]:
    if replicas is None:
        return
    hours, purchase, bought = task_seconds(SECONDS_PER_MONTH) / 3600, order.purchase, order.economics.priced_as
    busy = utilisation(purchase, use, arrivals, replicas)
    amounts = {"vcpu-hour": purchase.vcpus, "gb-hour": order.memory_gb}
    parts: tuple[tuple[TermName, float], ...] = (("compute", busy), ("idle", 1 - busy))
    for term, part in parts:
        for unit, amount in amounts.items():
            yield from lines(order, term, f"{purchase.sku}.{unit}", replicas * amount * hours * part)
    if bought.load_balancer == "alb":
        yield from lines(order, "platform", "alb.hour", HOURS_PER_MONTH)
        units = arrivals / SECONDS_PER_MONTH / CONNECTIONS_PER_LCU
        yield from lines(order, "platform", "alb.lcu-hour", units * HOURS_PER_MONTH)
    yield from lines(order, "platform", "ipv4.hour", bought.public_ipv4 * HOURS_PER_MONTH)


def _registry(order: Order) -> Iterator[CostLine]:
    if order.image_gb is not None:
        stored = order.image_gb * order.economics.priced_as.image_versions
        yield from lines(order, "platform", "ecr.gb-month", stored)


def _penalty(order: Order, use: Use, arrivals: float) -> Iterator[CostLine]:
    stakes = order.economics.stakes
    for name, share, usd in (
        ("late", use.late, stakes.late_request_usd),
        ("failed", use.bad, stakes.failed_request_usd),
    ):
        if usd is not None:
            yield stated(order, "scaling penalty", f"stated.{name}-request", "request", arrivals * share, usd)


def _people(order: Order) -> Iterator[CostLine]:
    stakes, kind = order.economics.stakes, order.kind
    yield stated(order, "platform", "stated.platform", "month", 1, stakes.platform_usd_per_month.of(kind))
    hours = stakes.engineering_hours_per_month.of(kind)
    yield stated(order, "engineering", "stated.engineering", "hour", hours, stakes.engineering_usd_per_hour)


def utilisation(purchase: Purchase, use: Use, arrivals: float, replicas: int) -> float:
    """Share of the replicas' time in which they infer, one inference at a time per vCPU; 1 at most."""
    slots = replicas * max(1, math.floor(purchase.vcpus))
    return min(1.0, arrivals / SECONDS_PER_MONTH * use.handler_s / slots)


def task_seconds(seconds: float) -> int:
    """What a container task is billed for: whole seconds, a minute at least."""
    return max(LEAST_TASK_S, math.ceil(seconds))


def kept_seconds(seconds: float) -> int:
    """What provisioned concurrency is billed for: whole steps of five minutes."""
    return math.ceil(seconds / KEPT_STEP_S) * KEPT_STEP_S


def lines(order: Order, term: TermName, sku: str, units: float) -> Iterator[CostLine]:
    """One line per price tier that so many units a month reach. UsageError when the book has no such row."""
    price = order.book.price(sku)
    for quantity, unit_price in price.parts(_exact(units)):
        yield _line(order, term, price, quantity, unit_price)


def stated(order: Order, term: TermName, sku: str, unit: str, units: float, usd: float) -> CostLine:
    """A line whose price the experiment states."""
    quantity, unit_price = _exact(units), Decimal(str(usd))
    region, currency = order.book.region, order.book.currency
    return CostLine(term, STATED, sku, region, unit, quantity, unit_price, quantity * unit_price, currency)


def _line(order: Order, term: TermName, price: Price, quantity: Decimal, unit_price: Decimal) -> CostLine:
    book = order.book
    cost = quantity * unit_price
    return CostLine(term, price.service, price.sku, book.region, price.unit, quantity, unit_price, cost, book.currency)


def _exact(units: float) -> Decimal:
    return Decimal(repr(units)).quantize(PLACES, ROUND_HALF_UP)
