"""SageMaker Serverless Inference: the image's service entry point in units that start as requests come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from targets.aws.account import account, is_emulated
from targets.aws.common import OnAws, RealTime, image_gb, shared_problems
from targets.aws.endpoint import EndpointDeployment, Wanted
from targets.aws.on_sagemaker import (
    LONGEST_REQUEST_S,
    UNMETERED_REPLIES,
    largest_request_bytes,
    machine_refusal,
    resource_lines,
)
from targets.aws.sagemaker_meter import Serverless, image_kept
from targets.contract import Capabilities, Consumed, Demand, Deployment, DeploymentError, Order, Package, Part
from targets.local.declarations import refuse
from targets.rules.lambda_pool import PoolLimits
from targets.settings import Settings

SIZES_MB = tuple(range(1024, 6144 + 1, 1024))
"""What is sold (SageMaker API, ProductionVariantServerlessConfig)."""
MOST_CONCURRENCY = 200
"""Of one endpoint (the same)."""
REQUEST_BYTES = 4 * 1024 * 1024
"""The largest body of a request (SageMaker endpoints and quotas: 4 MB for a serverless endpoint)."""


@dataclass(frozen=True)
class AwsSagemakerServerlessSettings(RealTime):
    """How the endpoint is set up."""

    max_concurrency: int = 20
    """Most units at once."""
    provisioned: int = 0
    """Units that are always ready."""
    keep_alive_s: float = 300.0
    """What is assumed where the begin of a trial is to be steady: AWS publishes none, and nobody can set it."""
    sender: str = "aws-invoke"
    """Or boto3, which shows what a user of the SDK sees."""
    role: str = ""
    """Name of a role that it takes; without one the run makes its own."""

    def __post_init__(self) -> None:
        problems = shared_problems(self.sender, self.role)
        if not 1 <= self.max_concurrency <= MOST_CONCURRENCY:
            problems.append(
                f"max_concurrency: {self.max_concurrency} is not accepted: SageMaker takes 1 to {MOST_CONCURRENCY}"
            )
        if not 0 <= self.provisioned <= self.max_concurrency:
            problems.append(
                f"provisioned: {self.provisioned} is not accepted: give 0 to max_concurrency, {self.max_concurrency}"
            )
        if not self.keep_alive_s >= 0:
            problems.append(f"keep_alive_s: {self.keep_alive_s:g} is not accepted: give 0 or more")
        if problems:
            raise ValueError("\n".join(problems))

    def case(self) -> dict[str, float | str]:
        """What tells two rows apart: of what is as usual, nothing is said."""
        usual, case = AwsSagemakerServerlessSettings(), dict[str, float | str](concurrency=self.max_concurrency)
        told = {name: getattr(self, name) for name in ("sender", "provisioned")}
        return case | {name: value for name, value in told.items() if value != getattr(usual, name)}

    @property
    def limits(self) -> PoolLimits:
        """What its pool is taken to obey, where a steady begin is reckoned."""
        most = self.max_concurrency
        return PoolLimits(round(self.keep_alive_s * 1e9), most, most, self.provisioned)


CAPABILITIES = Capabilities(
    clock="own",
    cold="renewed",
    usage="afterwards",
    events=False,
    emulated=False,
    isolated=True,
    most_request_bytes=REQUEST_BYTES,
    deploys="per_run",
    deploy_s=300.0,
    billed=frozenset({"requests", "unit_seconds"}),
)


class AwsSagemakerServerless(OnAws):
    """SageMaker Serverless Inference, from the image; billed by the second of a request."""

    name = "aws-sagemaker-serverless"
    parts = (Part("function", "function", bought_as="sagemaker_serverless"),)
    settings: Callable[[], Settings] = AwsSagemakerServerlessSettings

    @property
    def capabilities(self) -> Capabilities:
        """As AWS has them, or a server that stands in for it, which holds to no limit."""
        return replace(CAPABILITIES, emulated=True, isolated=False, deploy_s=5.0) if is_emulated() else CAPABILITIES

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Push the image, make the endpoint; returned once SageMaker has had an answer from a unit."""
        settings = order.settings_of(AwsSagemakerServerlessSettings)
        kept = {"ProvisionedConcurrency": settings.provisioned} if settings.provisioned else {}
        limits = {"memory_mb": order.sizing.memory_mb, "max_concurrency": settings.max_concurrency}
        metering = f"seconds as requests were under way, at most; {UNMETERED_REPLIES}"
        wanted = Wanted(
            offer={
                "ServerlessConfig": {
                    "MemorySizeInMB": order.sizing.memory_mb,
                    "MaxConcurrency": settings.max_concurrency,
                    **kept,
                }
            },
            bought=self._bought(package, order),
            starts_for_requests=True,
            variables={},
            role=settings.role,
            sender=settings.sender,
            facts={"limits": limits, "provisioned": settings.provisioned, "metering": metering},
        )
        return EndpointDeployment(account(), package, order, wanted)

    def resources(self, package: Package, order: Order) -> Sequence[str]:
        """What deploying makes there, a line each."""
        settings, bought = order.settings_of(AwsSagemakerServerlessSettings), self._bought(package, order)
        kept = f", {bought.provisioned} of them provisioned" if bought.provisioned else ""
        units = f"at most {settings.max_concurrency} units of {bought.memory_mb} MB{kept}"
        return resource_lines(image_gb(package), settings.role, f"a serverless endpoint, {units}")

    def foresee(self, package: Package, order: Order, demand: Demand) -> Sequence[Consumed]:
        """What so much would consume: each forced start is taken to last as long as a unit has for an answer."""
        bought = self._bought(package, order)
        held_s = demand.requests * demand.request_s + demand.starts * LONGEST_REQUEST_S
        return [
            *bought.use(demand.requests, held_s),
            *bought.kept(demand.seconds),
            image_kept(image_gb(package), demand.seconds),
        ]

    def _bought(self, package: Package, order: Order) -> Serverless:
        """DeploymentError where it is refused."""
        refuse(machine_refusal(package, self.name))
        check_size(order)
        settings = order.settings_of(AwsSagemakerServerlessSettings)
        request_bytes = largest_request_bytes(package, order)
        return Serverless(order.sizing.memory_mb, settings.provisioned, request_bytes)


def check_size(order: Order) -> None:
    """DeploymentError for a size that is not sold, with the nearest that are."""
    memory_mb = order.sizing.memory_mb
    if memory_mb in SIZES_MB:
        return
    below, above = [size for size in SIZES_MB if size < memory_mb], [size for size in SIZES_MB if size > memory_mb]
    nearest = " or ".join(str(size) for size in [*below[-1:], *above[:1]])
    raise DeploymentError(
        f"sizing.function_memory_mb: {memory_mb} cannot be bought as SageMaker Serverless Inference: give {nearest}"
    )


TARGET = AwsSagemakerServerless()
