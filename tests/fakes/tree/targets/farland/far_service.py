"""A service on a platform far away: replicas behind its balancer, which streams."""

from collections.abc import Callable
from dataclasses import replace

from targets.contract import Deployment, Order, Package, Part
from targets.farland.common import OfFarland
from targets.farland.far_function import FarFunction
from targets.farland.region import region
from targets.farland.service import ServiceDeployment
from targets.settings import ServiceSettings, Settings


class FarService(OfFarland):
    """Replicas are started when it is told to; what they use is billed by the second and told afterwards."""

    name = "far-service"
    parts = (Part("service", "service", "fargate"),)
    settings: Callable[[], Settings] = ServiceSettings
    capabilities = replace(FarFunction.capabilities, usage="afterwards", scale_out=True, streams=True)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Deploy, and wait until every replica answers."""
        return ServiceDeployment(region(), package, order)


TARGET = FarService()
