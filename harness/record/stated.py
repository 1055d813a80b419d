"""What an experiment states and nobody measures: its objective, expected traffic, prices, stakes and ratings."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from harness.errors import RecordError
from harness.files.problems import problems_in, shown


class Part(BaseModel):
    """A piece of an experiment: unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_switches(cls, value: Any) -> Any:
        if isinstance(value, bool):  # YAML's yes and no; they would count as 1 and 0
            raise ValueError(f"{value} is not accepted: no field is a switch; write a number or a name")
        return value


class Objective(Part):
    """This percentile of latency, counted from the schedule, is at most this long."""

    percentile: float = Field(95, ge=50, le=99.9)
    latency_ms: float = Field(gt=0)


def objective_of(experiment: dict[str, Any]) -> Objective | None:
    """From the experiment that a run stores. RecordError when it is malformed."""
    given = experiment.get("objective")
    if given is None:
        return None
    try:
        return Objective.model_validate(given)
    except ValidationError as error:
        raise RecordError("\n".join(f"experiment: objective.{line}" for line in problems_in(error))) from None


HOURS_PER_MONTH = 730
PROVIDER = "AWS"
"""The one whose ways of buying can be priced."""
DEFAULT_PEAK = 3.0
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
FIELDS = ("expected", "priced_as", "stakes", "ratings")
"""Of an experiment; they may change without making it another one."""
Usd = Annotated[float, Field(ge=0, le=1e9)]
Rating = Annotated[int, Field(ge=1, le=5)]


class Expected(Part):
    """The traffic that is decided about."""

    requests_per_month: float = Field(gt=0, le=1e13)
    peak_to_mean: float = Field(DEFAULT_PEAK, ge=1, le=1000)
    """How much busier the busiest minutes are than the mean: replicas are bought for those."""

    @property
    def mean_rps(self) -> float:
        """Over a month of 730 hours."""
        return self.requests_per_month / SECONDS_PER_MONTH


class PricedAs(Part):
    """What the two sides are bought as."""

    provider: Annotated[str, Field(max_length=40)] = PROVIDER
    region: Annotated[str, Field(max_length=40)] = "us-east-1"
    architecture: Literal["x86", "arm"] = "x86"
    load_balancer: Literal["alb", "none"] = "alb"
    public_ipv4: int = Field(2, ge=0, le=100)
    """Addresses of the service; a load balancer has two at least."""
    provisioned_concurrency: int = Field(0, ge=0, le=10_000)
    """Sandboxes of the function that are kept warm and paid for."""
    image_versions: int = Field(3, ge=1, le=100)
    """Images kept in the registry, on either side."""

    @field_validator("provider")
    @classmethod
    def _is_priced(cls, provider: str) -> str:
        if provider != PROVIDER:
            raise ValueError(f"{shown(provider)} is not accepted: only {PROVIDER} has prices here; leave it out")
        return provider


class Sides(Part):
    """One figure for each side."""

    service: float = Field(ge=0, le=1e9)
    function: float = Field(ge=0, le=1e9)

    def of(self, kind: str) -> float:
        """`kind` is service or function."""
        return self.function if kind == "function" else self.service


class Stakes(Part):
    """What people and bad answers cost. The defaults are blunt: they are named as such wherever they enter."""

    late_request_usd: Usd | None = None
    """Of a good answer that met a cold start and missed the objective (any cold start, where there is none)."""
    failed_request_usd: Usd | None = None
    """Of a request without a good answer."""
    platform_usd_per_month: Sides = Sides(service=0, function=0)
    """Beyond load balancer, addresses and registry: monitoring, a cluster, licences."""
    engineering_hours_per_month: Sides = Sides(service=4, function=2)
    engineering_usd_per_hour: Usd = 100


class Ratings(Part):
    """Dimensions of the scorecard that nobody can measure, from 1 (little) to 5 (much)."""

    custom_infrastructure: Rating | None = None
    """Need of special hardware, networks, sidecars or long-lived connections."""
    team_ops_capacity: Rating | None = None
    """How much of running servers the team can carry."""


class Economics(Part):
    """The four sections together."""

    expected: Expected | None = None
    priced_as: PricedAs = PricedAs()
    stakes: Stakes = Stakes()
    ratings: Ratings = Ratings()

    def at_default(self, section: str) -> list[str]:
        """Fields of this section whose value is the blunt one that they have where the experiment says nothing."""
        part: Part = getattr(self, section)
        return [name for name, of in type(part).model_fields.items() if getattr(part, name) == of.get_default()]


def economics_of(experiment: dict[str, Any]) -> Economics:
    """From the experiment that a run stores. RecordError with every problem; older runs have none of the sections."""
    try:
        return Economics.model_validate({name: experiment[name] for name in FIELDS if experiment.get(name) is not None})
    except ValidationError as error:
        raise RecordError("\n".join(f"experiment: {line}" for line in problems_in(error))) from None
