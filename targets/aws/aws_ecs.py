"""AWS ECS on Fargate: the image's HTTP entry point in tasks behind a load balancer, billed by the second."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from targets.aws.account import account, is_emulated
from targets.aws.common import OnAws, RealTime, image_gb, role_problems, shared_resources
from targets.aws.network import range_problem
from targets.aws.task_meter import Size, TaskMeter
from targets.aws.tasks_deployment import TasksDeployment
from targets.contract import Capabilities, Consumed, Demand, Deployment, DeploymentError, Order, Package, Part, Sizing
from targets.serving.http_app import MOST_BODY_BYTES
from targets.settings import Settings

ADDRESSES = ("public", "private")
TASK_MB: dict[float, range] = {
    0.25: range(512, 2048 + 1, 512),
    0.5: range(1024, 4096 + 1, 1024),
    1: range(2048, 8192 + 1, 1024),
    2: range(4096, 16_384 + 1, 1024),
    4: range(8192, 30_720 + 1, 1024),
    8: range(16_384, 61_440 + 1, 4096),
    16: range(32_768, 122_880 + 1, 8192),
}
"""Memory that goes with each number of vCPU (Amazon ECS developer guide, Fargate task size); 1,536 is not sold."""
ZONES = 6
"""For the estimate only: no region has more."""


@dataclass(frozen=True)
class AwsEcsSettings(RealTime):
    """How the service is set up."""

    replicas: int = 1
    most_replicas: int = 0
    """ECS may start so many by target tracking; 0: as many as `replicas`, all the time."""
    cpu_percent: float = 50.0
    """How busy tasks' CPU is to be, by target tracking."""
    reachable_from: str = ""
    """The range of addresses that requests come from, such as 192.0.2.7/32; without one, this machine's address."""
    address: str = "public"
    """private: this machine is in the same network, and reaches tasks there."""
    role: str = ""
    """Name of a role that pulls the image and writes the log; without one the run makes its own."""

    def __post_init__(self) -> None:
        problems = role_problems(self.role)
        if self.address not in ADDRESSES:
            problems.append(f"address: {self.address!a} is not one of: {', '.join(ADDRESSES)}")
        if self.most_replicas and self.most_replicas < self.replicas:
            problems.append(f"most_replicas: {self.most_replicas} is not accepted: at least replicas, {self.replicas}")
        if not 1 <= self.cpu_percent <= 100:
            problems.append(f"cpu_percent: {self.cpu_percent:g} is not accepted: give 1 to 100")
        if self.reachable_from and (why := range_problem(self.reachable_from)):
            problems.append(f"reachable_from: {self.reachable_from!a} is not accepted: {why}")
        if problems:
            raise ValueError("\n".join(problems))

    def case(self) -> dict[str, float | str]:
        """What tells two rows apart."""
        tracked: dict[str, float | str] = {"most_replicas": self.most_replicas, "cpu_percent": self.cpu_percent}
        return {"replicas": self.replicas, **(tracked if self.most_replicas else {})}


CAPABILITIES = Capabilities(
    clock="own",
    cold="renewed",
    usage="afterwards",
    events=False,
    emulated=False,
    isolated=True,
    scale_out=True,
    streams=True,
    most_request_bytes=MOST_BODY_BYTES,
    deploys="per_run",
    deploy_s=240.0,
    billed=frozenset({"unit_seconds", "load_balancer"}),
)


class AwsEcs(OnAws):
    """AWS ECS on Fargate, behind a load balancer that lets in this machine alone; billed by the second."""

    name = "aws-ecs"
    parts = (Part("service", "service", bought_as="fargate"),)
    settings: Callable[[], Settings] = AwsEcsSettings
    most_image_gb = None

    @property
    def capabilities(self) -> Capabilities:
        """As AWS has them, or a server that stands in for it, which holds no task to its size and streams nothing."""
        emulated = replace(CAPABILITIES, emulated=True, isolated=False, streams=False, deploy_s=10.0)
        return emulated if is_emulated() else CAPABILITIES

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Push the image and start the service; returns once every replica answers through the load balancer."""
        check_size(order.sizing)
        settings = order.settings_of(AwsEcsSettings)
        return TasksDeployment(account(), package, order, settings)

    def resources(self, package: Package, order: Order) -> Sequence[str]:
        """What deploying makes there, a line each. DeploymentError for a size that is not sold."""
        check_size(order.sizing)
        settings = order.settings_of(AwsEcsSettings)
        allowed, most = settings.reachable_from or "this machine's address", settings.most_replicas or settings.replicas
        size = f"{order.sizing.cpus:g} vCPU and {order.sizing.memory_mb:,} MB"
        return [
            *shared_resources(image_gb(package), settings.role),
            f"a cluster with a service of {most} task{'s' if most != 1 else ''} at most, each of {size}, and single "
            "ones for starts, with a log group that is kept for a day",
            f"a load balancer and two security groups, which let in {allowed} alone",
        ]

    def foresee(self, package: Package, order: Order, demand: Demand) -> Sequence[Consumed]:
        """What so much would consume: each start is a task of its own, for the least that is billed."""
        settings = order.settings_of(AwsEcsSettings)
        meter = TaskMeter(Size.of(package, order, ZONES))
        replicas = settings.most_replicas or settings.replicas
        lived_s = [demand.seconds] * replicas + [demand.start_s + demand.request_s] * demand.starts
        return list(meter.bill(lived_s, demand.seconds, demand.seconds, "bound"))


def check_size(sizing: Sizing) -> None:
    """DeploymentError for a size that is not sold, with those that are."""
    sold = TASK_MB.get(sizing.cpus)
    if sold is None:
        raise DeploymentError(
            f"sizing.service_cpus: {sizing.cpus:g} is no size of a Fargate task: give one of "
            f"{', '.join(f'{cpus:g}' for cpus in TASK_MB)}"
        )
    if sizing.memory_mb not in sold or (sizing.cpus, sizing.memory_mb) == (0.25, 1536):
        raise DeploymentError(
            f"sizing.service_memory_mb: {sizing.memory_mb} is not sold with {sizing.cpus:g} vCPU: give {sold.start} to "
            f"{sold.stop - 1} in steps of {sold.step}"
        )


TARGET = AwsEcs()
