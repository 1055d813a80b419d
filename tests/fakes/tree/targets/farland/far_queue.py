"""The far platform's function behind a queue: a request is accepted, and answered later."""

from dataclasses import replace

from targets.contract import Deployment, Order, Package
from targets.farland.deployment import FarQueue
from targets.farland.far_function import FarFunction
from targets.farland.region import region


class FarQueued(FarFunction):
    """Plain HTTP, and nobody waits."""

    name = "far-queue"
    capabilities = replace(FarFunction.capabilities, asynchronous=True)

    def missing(self, accelerators: int = 0) -> str | None:
        """It has no GPU; anything else it has everywhere."""
        return "far-queue has no GPUs: set accelerators to 0" if accelerators else None

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Deploy, and collect ends from then on."""
        return FarQueue(region(), package, order)


TARGET = FarQueued()
