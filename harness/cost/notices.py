"""What must be said with every figure of a costing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.record.stated import DEFAULT_PEAK, Economics

if TYPE_CHECKING:
    from harness.cost.side import Side

LIST_PRICES = "list prices without discounts, taxes, free tiers, data transfer and logs; a month is 730 hours"
SAME_MIX = (
    "the share of cold starts is the measured one at every rate; every trial begins without a warm sandbox, so in "
    "traffic that lasts it is lower"
)
COMPRESSED = "time was compressed: how often requests met a start holds for this run and for no real traffic"
ALL_MONTH = "replicas are bought for the peak and run all month: nothing is scaled in"
ONE_CONNECTION = (
    "the load balancer is billed as if each request came over a new connection, which is the most it can be"
)
FROM_EMULATION = "durations come from this machine and its emulated targets, not from the cloud whose prices are used"

MEAN_CONCURRENCY = (
    "provisioned concurrency is billed by how many sandboxes are busy on average: a burst that overflows them is "
    "priced as if they had carried it, and the cold starts measured without them stay in the cost"
)
OWN_TRAFFIC = (
    "the experiment expects no traffic: each row's own is taken to last all month, "
    f"its peak {DEFAULT_PEAK:g} times the mean"
)


def notices_of(economics: Economics, sides: Sequence["Side"]) -> list[str]:
    """Assumptions, and which inputs are blunt defaults."""
    found = [LIST_PRICES, FROM_EMULATION, SAME_MIX]
    if any(side.kind == "service" for side in sides):
        found.append(ALL_MONTH)
        if economics.priced_as.load_balancer == "alb":
            found.append(ONE_CONNECTION)
    if economics.priced_as.provisioned_concurrency and any(side.kind == "function" for side in sides):
        found.append(MEAN_CONCURRENCY)
    if any(compressed(side.row.case) for side in sides):
        found.append(COMPRESSED)
    if economics.expected is None:
        found.append(OWN_TRAFFIC)
    blunt = [name for name in economics.at_default("stakes") if not name.endswith("request_usd")]
    if blunt:
        found.append(f"stakes: {', '.join(blunt)} are at their defaults, which are blunt")
    unstated = [name for name in ("late_request_usd", "failed_request_usd") if getattr(economics.stakes, name) is None]
    if unstated:
        found.append(f"stakes: {', '.join(unstated)} is not stated: what it would cost is left out")
    return found


def compressed(case: dict[str, Any]) -> bool:
    """Whether modelled time passed faster than the clock."""
    factor = case.get("compression", 1)
    return isinstance(factor, int | float) and factor > 1
