"""The far platform's function behind a queue: a request is accepted, and answered later."""

from dataclasses import replace

from targets.contract import Deployment, Order, Package
from targets.farland.far_function import FarFunction
from targets.farland.queue import QueueDeployment
from targets.farland.region import region


class FarQueue(FarFunction):
    """Plain HTTP, and nobody waits."""

    name = "far-queue"
    capabilities = replace(FarFunction.capabilities, asynchronous=True)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Deploy, and collect ends from then on."""
        return QueueDeployment(region(), package, order)


TARGET = FarQueue()
