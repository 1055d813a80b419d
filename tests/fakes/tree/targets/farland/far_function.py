"""Lambda's kind of function on a platform far away: HTTPS, another clock, a log that comes late."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from targets.contract import Capabilities, Deployment, Order, Package, Part, Remnant, Workload
from targets.farland.deployment import FarDeployment, FarSettings
from targets.farland.region import known_region, region
from targets.local import processes


class FarFunction:
    """What it cannot prove it does not claim."""

    name = "far-function"
    parts = (Part("function", "function", "aws_lambda"),)
    settings = FarSettings
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

    def missing(self, accelerators: int = 0) -> str | None:
        """It has no GPU; anything else it has everywhere."""
        return "far-function has no GPUs: set accelerators to 0" if accelerators else None

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """Install the workload's packages into a folder, which far away is read as well."""
        return processes.package(workload, model_dir, say)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Deploy, and wait until it is active: 20 s."""
        return FarDeployment(region(), package, order)

    def remnants(self) -> Iterable[Remnant]:
        """Everything that is deployed there; nothing where no platform is known."""
        there = known_region()
        held = there.call("GET", "/deployments")["deployments"] if there else []
        return [Remnant(item["name"], item["run"], item["owner"]) for item in held]

    def remove(self, remnant: Remnant) -> None:
        """Remove it; fine when it is gone."""
        region().call("DELETE", f"/deployments/{remnant.name}")


TARGET = FarFunction()
