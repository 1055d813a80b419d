"""What each term rests on, in words, and what must be said of a side."""

from harness.cost.bill import Order
from harness.cost.metering import Metered
from harness.cost.nouns import TermName
from harness.cost.use import Use
from harness.record.figures import counted, figure

MS_PER_S = 1000


def basis_of(name: TermName, order: Order, use: Use, carried: str) -> tuple[str, bool]:
    """The words, and whether the term can be told."""
    function, stakes = order.kind == "function", order.economics.stakes
    if name == "compute":
        if function:
            each = f"{figure(use.billed_s * MS_PER_S)} ms billed per arrival, initialisation included"
            return f"{each}, and {figure(use.invoked)} invocations", True
        return f"{figure(use.handler_s * MS_PER_S)} ms in the handler per request; replicas: {carried}", True
    if name == "idle":
        kept = order.economics.priced_as.provisioned_concurrency
        if function:
            return f"{kept} sandboxes kept warm" if kept else "no capacity is kept warm", True
        return "the rest of the replicas' hours", True
    if name == "scaling penalty":
        return penalty_basis(use, stakes.late_request_usd, stakes.failed_request_usd)
    if name == "platform":
        extra = figure(stakes.platform_usd_per_month.of(order.kind))
        parts = (
            "registry"
            if function
            else f"load balancer ({order.economics.priced_as.load_balancer}), addresses, registry"
        )
        return f"{parts}, and {extra} USD stated", True
    hours = figure(stakes.engineering_hours_per_month.of(order.kind))
    return f"{hours} hours a month at {figure(stakes.engineering_usd_per_hour)} USD, stated", True


def penalty_basis(use: Use, late_usd: float | None, failed_usd: float | None) -> tuple[str, bool]:
    """Measured shares and stated prices; it can be told when every share that is not 0 has a price."""
    told, known = [], True
    for name, share, usd in (
        ("late after a start", use.late, late_usd),
        ("without a good answer", use.bad, failed_usd),
    ):
        price = "no cost stated" if usd is None else f"{usd:g} USD each"
        known = known and (usd is not None or share == 0)
        told.append(f"{figure(100 * share)} % {name}, {price}")
    return "; ".join(told), known


def notes_of(order: Order, trials: list[Metered]) -> list[str]:
    """Of the size bought, and of what had to be assumed."""
    found = [f"priced as {order.purchase.sku}, {order.purchase.vcpus:.3g} vCPU and {order.purchase.memory_mb:,} MB"]
    if order.purchase.remark:
        found.append(order.purchase.remark)
    if order.kind == "function":
        assumed, unknown = (sum(getattr(one, name) for one in trials) for name in ("assumed", "uninitialised"))
        if assumed:
            told = f"{counted(assumed, 'request')} without a handler time: billed from sent to done, which is more"
            found.append(told)
        if unknown:
            found.append(f"{counted(unknown, 'start')} of unknown parts: their initialisation is not in the cost")
    if order.image_gb is None:
        found.append("no image, so no registry in the cost")
    return found
