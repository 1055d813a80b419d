"""A function edge in front of a service core, without an engine: all units are processes. No limits, no isolation."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from targets.backing.contract import why_unbacked
from targets.contract import Deployment, Order, Package
from targets.local.declarations import PROCESSES, AsProcesses, Hybrid, as_hybrid, refuse
from targets.local.hybrid_deployment import HybridDeployment
from targets.local.process_lambda import deploy_function
from targets.local.process_service import deploy_service
from targets.workloads.contract import Workload, why_whole


class ProcessHybrid(AsProcesses, Hybrid):
    """Emulated, and without limits: a unit of either part may use the whole machine."""

    name = "process-hybrid"
    capabilities = as_hybrid(PROCESSES)

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """One folder for both parts. DeploymentError for a workload that does not split, or needs a server."""
        refuse(why_whole(workload) or why_unbacked(workload, self.name))
        return super().package(workload, model_dir, say)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Start the core, and once it answers the edge's front."""
        refuse(self.refusal(order, more=0))
        return HybridDeployment(order, partial(deploy_service, package), partial(deploy_function, package))


TARGET = ProcessHybrid()
