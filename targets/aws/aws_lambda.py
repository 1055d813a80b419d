"""AWS Lambda: the image's function entry point under the real service, which starts units as requests come."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from targets.aws.account import account, is_emulated
from targets.aws.common import OnAws, RealTime, image_gb, shared_problems, shared_resources
from targets.aws.function import FunctionDeployment
from targets.aws.lambda_meter import LambdaMeter, Size
from targets.contract import (
    LAMBDA_REQUEST_BYTES,
    Capabilities,
    Consumed,
    Demand,
    Deployment,
    Order,
    Package,
    Part,
)
from targets.rules.lambda_pool import PoolLimits
from targets.settings import Settings

WAYS_IN, LOG_FORMATS = ("invoke", "url"), ("text", "json")
MOST_TIMEOUT_S = 900
ACCOUNT_LIMIT = 1000
"""Units at once that a region gives without being asked (AWS Lambda quotas)."""
INIT_S = 10.0
"""An initialisation that takes longer is cut off, and made again within the request (AWS, runtime environment)."""


@dataclass(frozen=True)
class AwsLambdaSettings(RealTime):
    """How the function is set up."""

    timeout_s: float = 60.0
    keep_alive_s: float = 300.0
    """What is assumed where the begin of a trial is to be steady: AWS publishes none, and nobody can set it."""
    reserved: int = 0
    """Most units at once; 0 leaves it to the account."""
    provisioned: int = 0
    """Units that are always ready."""
    way_in: str = "invoke"
    """invoke: the Invoke API. url: the function's own URL, which takes signed requests only."""
    sender: str = "aws-invoke"
    """Or boto3, which shows what a user of the SDK sees."""
    log_format: str = "text"
    tmp_mb: int = 512
    role: str = ""
    """Name of a role that it takes; without one the run makes its own."""

    def __post_init__(self) -> None:
        problems = shared_problems(self.sender, self.role) + [
            f"{name}: {value!a} is not one of: {', '.join(allowed)}"
            for name, value, allowed in (
                ("way_in", self.way_in, WAYS_IN),
                ("log_format", self.log_format, LOG_FORMATS),
            )
            if value not in allowed
        ]
        if not 1 <= self.timeout_s <= MOST_TIMEOUT_S:
            problems.append(f"timeout_s: {self.timeout_s:g} is not accepted: Lambda takes 1 to {MOST_TIMEOUT_S}")
        if self.way_in == "url" and self.sender == "boto3":
            problems.append("sender: boto3 does not ask a function's URL: give aws-invoke, or way_in: invoke")
        if self.way_in == "url" and self.provisioned:
            problems.append("provisioned: a function's URL asks no version, which alone has them: give way_in: invoke")
        if self.reserved and self.provisioned > self.reserved:
            problems.append(f"provisioned: {self.provisioned} is not accepted: at most reserved, {self.reserved}")
        if problems:
            raise ValueError("\n".join(problems))

    def case(self) -> dict[str, float | str]:
        """What tells two rows apart: of what is as usual, nothing is said."""
        usual, case = AwsLambdaSettings(), dict[str, float | str](concurrency=self.reserved or ACCOUNT_LIMIT)
        told = {name: getattr(self, name) for name in ("way_in", "sender", "provisioned")}
        return case | {name: value for name, value in told.items() if value != getattr(usual, name)}

    @property
    def limits(self) -> PoolLimits:
        """What its pool is taken to obey, where a steady begin is reckoned."""
        most = self.reserved or ACCOUNT_LIMIT
        return PoolLimits(round(self.keep_alive_s * 1e9), most, ACCOUNT_LIMIT, self.provisioned)


CAPABILITIES = Capabilities(
    clock="own",
    cold="renewed",
    usage="per_request",
    events=False,
    emulated=False,
    isolated=True,
    most_request_bytes=LAMBDA_REQUEST_BYTES,
    deploys="per_run",
    deploy_s=60.0,
    billed=frozenset({"requests", "gb_seconds"}),
)


class AwsLambda(OnAws):
    """AWS Lambda, from the image; billed by the millisecond."""

    name = "aws-lambda"
    parts = (Part("function", "function", bought_as="aws_lambda"),)
    settings: Callable[[], Settings] = AwsLambdaSettings

    @property
    def capabilities(self) -> Capabilities:
        """As AWS has them, or a server that stands in for it, which measures no memory and holds to no limit."""
        return replace(CAPABILITIES, emulated=True, isolated=False, deploy_s=5.0) if is_emulated() else CAPABILITIES

    def deploy(self, package: Package, order: Order) -> Deployment:
        """Push the image, make the function, and have it start once: what follows finds the image made ready."""
        settings = order.settings_of(AwsLambdaSettings)
        return FunctionDeployment(account(), package, order, settings)

    def resources(self, package: Package, order: Order) -> Sequence[str]:
        """What deploying makes there, a line each."""
        settings = order.settings_of(AwsLambdaSettings)
        kept = f", {settings.provisioned} units provisioned" if settings.provisioned else ""
        return [
            *shared_resources(image_gb(package), settings.role, "write its log"),
            f"a function of {order.sizing.memory_mb} MB{kept}, with a log group that is kept for a day",
        ]

    def foresee(self, package: Package, order: Order, demand: Demand) -> Sequence[Consumed]:
        """What so much would consume: each start is taken to last as long as Lambda lets it."""
        settings = order.settings_of(AwsLambdaSettings)
        meter = LambdaMeter(Size.of(package, order, settings.provisioned, settings.tmp_mb))
        held_s = demand.requests * demand.request_s + demand.colds * INIT_S
        kept_s = [demand.seconds / demand.trials] * demand.trials if settings.provisioned else []
        return [*meter.bound(demand.requests, held_s), *meter.standing(demand.seconds, kept_s)]


TARGET = AwsLambda()
