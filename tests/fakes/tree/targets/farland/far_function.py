"""Lambda's kind of function on a platform far away: HTTPS, another clock, a log that comes late."""

import os
from collections.abc import Callable

from targets.contract import Capabilities, Deployment, Order, Package, Part
from targets.farland.common import OfFarland
from targets.farland.function import FarSettings, FunctionDeployment
from targets.farland.region import region
from targets.settings import Settings


class FarFunction(OfFarland):
    """Asked over HTTPS, billed per request, and told of later."""

    name = "far-function"
    parts = (Part("function", "function", "aws_lambda"),)
    settings: Callable[[], Settings] = FarSettings
    capabilities = Capabilities(
        clock="own",
        cold="renewed",
        usage="per_request",
        events=False,
        emulated=False,
        isolated=False,
        deploys="per_run",
        deploy_s=float(os.environ.get("FAR_DEPLOY_S", "20")),
    )

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Deploy, and wait until it is active: 20 s."""
        return FunctionDeployment(region(), package, order)


TARGET = FarFunction()
