"""A function edge in front of a service core on this machine: limited containers on a network of their own."""

from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

from targets.backing.contract import why_unbacked
from targets.contract import Deployment, DeploymentError, Order, Package
from targets.local import containers, network
from targets.local.declarations import CONTAINERS, Hybrid, InContainers, as_hybrid, refuse
from targets.local.docker_lambda import deploy_function
from targets.local.docker_service import deploy_service
from targets.local.hybrid_deployment import HybridDeployment
from targets.ownership import Owner, labels
from targets.workloads.contract import Workload, why_whole


class DockerHybrid(InContainers, Hybrid):
    """The edge is emulated, the core is a real service on one host."""

    name = "docker-hybrid"
    capabilities = as_hybrid(CONTAINERS)

    def package(self, workload: Workload, model_dir: Path | None, say: Callable[[str], None]) -> Package:
        """One image for both parts. DeploymentError for a workload that does not split, or needs a server."""
        refuse(why_whole(workload) or why_unbacked(workload, self.name))
        return super().package(workload, model_dir, say)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Make the network, start the core, and once it answers the edge's front."""
        refuse(self.refusal(order, more=0))
        if order.images_absent:
            raise DeploymentError("the core runs from the edge's image, which is never absent: leave that regime out")
        with ExitStack() as stack:
            client = stack.enter_context(closing(containers.engine()))
            own = network.make(client, f"frostline-{order.run_id}-net", labels(order.run_id, Owner.current()))
            stack.callback(network.remove, client, own)
            new_core = partial(deploy_service, package, network=own)
            new_edge = partial(deploy_function, package, network=own)
            return HybridDeployment(order, new_core, new_edge, stack.pop_all())


TARGET = DockerHybrid()
