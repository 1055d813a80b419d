"""SageMaker real-time inference: the image's service entry point on instances that are there all the time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from targets.aws.account import account, is_emulated
from targets.aws.common import OnAws, RealTime, image_gb, refusal, shared_problems
from targets.aws.endpoint import EndpointDeployment, Wanted
from targets.aws.on_sagemaker import machine_refusal, resource_lines
from targets.aws.sagemaker_meter import Instances, image_kept
from targets.contract import Capabilities, Consumed, Demand, Deployment, DeploymentError, Order, Package, Part, Sizing
from targets.local import containers
from targets.local.declarations import refuse
from targets.settings import Settings

REQUEST_BYTES = 6_291_456
"""The largest body of a request (SageMaker runtime API, BodyBlob)."""
RENEWAL_S = 600.0
"""So long both the old and the new instances are taken to be there while an endpoint is renewed, where it is foreseen:
nobody has measured it."""
HEALTH_LIMIT_S = 900
"""So long a container may take until it answers: large models load for minutes."""
GPU_VARIABLES = {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
"""What an image says in which the GPU's driver is to be seen; ours is the same for every target."""
TYPES = {
    "ml.m5.xlarge": Sizing(16_384, 4.0),
    "ml.g4dn.xlarge": Sizing(16_384, 4.0, 1),
    "ml.g6.xlarge": Sizing(16_384, 4.0, 1),
    "ml.g5.xlarge": Sizing(16_384, 4.0, 1),
    "ml.g5.2xlarge": Sizing(32_768, 8.0, 1),
}
"""Instances that the price book has, the smallest first (Amazon EC2 instance types, from memory, not re-read)."""


@dataclass(frozen=True)
class AwsSagemakerSettings(RealTime):
    """How the endpoint is set up."""

    replicas: int = 1
    """Instances; each has one unit."""
    instance_type: str = ""
    """Of each; "" takes the smallest without a GPU that has at least the unit's size."""
    sender: str = "aws-invoke"
    """Or boto3, which shows what a user of the SDK sees."""
    role: str = ""
    """Name of a role that it takes; without one the run makes its own."""

    def __post_init__(self) -> None:
        problems = shared_problems(self.sender, self.role)
        if self.replicas < 1:
            problems.append(f"replicas: {self.replicas} is not accepted: give 1 or more")
        if self.instance_type and self.instance_type not in TYPES:
            problems.append(f"instance_type: {self.instance_type!a} is not one of: {', '.join(TYPES)}")
        if problems:
            raise ValueError("\n".join(problems))

    def case(self) -> dict[str, float | str]:
        """What tells two rows apart: of what is as usual, nothing is said."""
        usual, case = AwsSagemakerSettings(), dict[str, float | str](replicas=self.replicas)
        told = {name: getattr(self, name) for name in ("instance_type", "sender")}
        return case | {name: value for name, value in told.items() if value != getattr(usual, name)}


CAPABILITIES = Capabilities(
    clock="own",
    cold="renewed",
    usage="afterwards",
    events=False,
    emulated=False,
    isolated=False,
    most_request_bytes=REQUEST_BYTES,
    accelerator=True,
    deploys="per_run",
    deploy_s=600.0,
    billed=frozenset({"unit_seconds"}),
)
"""A unit has all of its instance, which may be larger than the unit's size: nothing holds it to that."""


class AwsSagemaker(OnAws):
    """SageMaker real-time inference, from the image; billed by the hours of its instances."""

    name = "aws-sagemaker"
    parts = (Part("service", "service", bought_as="sagemaker"),)
    settings: Callable[[], Settings] = AwsSagemakerSettings
    most_image_gb = None

    @property
    def capabilities(self) -> Capabilities:
        """As AWS has them, or a server that stands in for it."""
        return replace(CAPABILITIES, emulated=True, deploy_s=5.0) if is_emulated() else CAPABILITIES

    def missing(self, accelerators: int = 0) -> str | None:
        """Why AWS cannot be used from here, or has no instance with so many GPUs; the fix with it."""
        most = max(size.accelerators for size in TYPES.values())
        if accelerators > most:
            return f"{self.name} has instances with {most} GPU, not {accelerators}: set accelerators to {most} or 0"
        return refusal() or containers.missing(0)

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Push the image, make the endpoint; returned once every instance has answered SageMaker."""
        settings = order.settings_of(AwsSagemakerSettings)
        bought = self._bought(package, order)
        instance = {"instance_type": bought.instance_type, **vars(TYPES[bought.instance_type])}
        wanted = Wanted(
            offer={
                "InstanceType": bought.instance_type,
                "InitialInstanceCount": bought.count,
                "ContainerStartupHealthCheckTimeoutInSeconds": HEALTH_LIMIT_S,
            },
            bought=bought,
            starts_for_requests=False,
            variables=GPU_VARIABLES if order.sizing.accelerators else {},
            role=settings.role,
            sender=settings.sender,
            facts={
                "replicas": bought.count,
                "spread": "by SageMaker",
                "threads": f"1 an inference, {order.sizing.threads} at once in a replica",
                "limits": instance,
                "metering": "hours of instances, by our clock; data is not metered, for nobody tells of it",
            },
        )
        return EndpointDeployment(account(), package, order, wanted)

    def resources(self, package: Package, order: Order) -> Sequence[str]:
        """What deploying makes there, a line each."""
        settings, bought = order.settings_of(AwsSagemakerSettings), self._bought(package, order)
        units = f"an endpoint with {bought.count} x {bought.instance_type}, and as many beside while it is renewed"
        return resource_lines(image_gb(package), settings.role, units)

    def foresee(self, package: Package, order: Order, demand: Demand) -> Sequence[Consumed]:
        """What so much would consume; each forced start has a second set of instances."""
        bought = self._bought(package, order)
        return [*bought.kept(demand.seconds + demand.starts * RENEWAL_S), image_kept(image_gb(package), demand.seconds)]

    def _bought(self, package: Package, order: Order) -> Instances:
        """DeploymentError where it is refused."""
        refuse(machine_refusal(package, self.name))
        check_size(order)
        settings = order.settings_of(AwsSagemakerSettings)
        fitting = (name for name in TYPES if _holds(name, order.sizing))
        return Instances(settings.instance_type or next(fitting), settings.replicas)


def check_size(order: Order) -> None:
    """DeploymentError where the instance that is named has not the unit's size, or none has."""
    named, size = order.settings_of(AwsSagemakerSettings).instance_type, order.sizing
    known = "; ".join(f"{name} has {_words(each)}" for name, each in TYPES.items())
    if size.accelerators and not named:
        raise DeploymentError(f"instance_type: name the one whose GPU a unit is to have ({known})")
    if named and not _holds(named, size):
        raise DeploymentError(
            f"instance_type: {named} is not one for a unit of {_words(size)}: give another size or type ({known})"
        )
    if not any(_holds(name, size) for name in TYPES):
        raise DeploymentError(f"sizing: no instance is one for a unit of {_words(size)}: give less ({known})")


def _holds(name: str, unit: Sizing) -> bool:
    size = TYPES[name]
    holds = size.cpus >= unit.cpus and size.memory_mb >= unit.memory_mb
    return holds and size.accelerators == unit.accelerators


def _words(size: Sizing) -> str:
    gpus = f" and {size.accelerators} GPU" if size.accelerators else ""
    return f"{size.cpus:g} vCPU with {size.memory_mb:,} MB{gpus}"


TARGET = AwsSagemaker()
