"""What an experiment states and nobody measures: its objective, expected traffic, prices, stakes and ratings."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from harness.errors import RecordError
from harness.files.problems import problems_in, quote

if TYPE_CHECKING:
    from harness.record.nouns import Manifest


class Part(BaseModel):
    """A piece of an experiment: unknown fields are mistakes."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_switches(cls, value: Any) -> Any:
        if isinstance(value, bool):  # YAML's yes and no; they would count as 1 and 0
            raise ValueError(f"{value} is not accepted: no field is a switch; write a number or a name")
        return value


class Objective(Part):
    """This percentile of latency, counted from the schedule, is at most this long."""

    percentile: float = Field(95, ge=50, le=99.9)
    """Which percentile of latency is held against it."""
    latency_ms: float = Field(gt=0)
    """What it may be at most."""


def objective_of(experiment: dict[str, Any]) -> Objective | None:
    """Read the economics of the experiment that a run stores. RecordError when it is malformed."""
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
"""Taken where nobody states a peak, which is said wherever it counts."""
SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600
FIELDS = ("expected", "priced_as", "stakes", "ratings")
"""Of an experiment; they may change without making it another one."""
Usd = Annotated[float, Field(ge=0, le=1e9)]
Rating = Annotated[int, Field(ge=1, le=5)]


class Expected(Part):
    """The traffic that is decided about."""

    requests_per_month: float = Field(gt=0, le=1e13)
    """In a month of 730 hours."""
    peak_to_mean: float | None = Field(None, ge=1, le=1000)
    """How much busier the busiest minutes are than the mean: replicas are bought for those. None where not stated."""

    @property
    def peak(self) -> float:
        """Peak to mean that replicas are bought for: as stated, otherwise DEFAULT_PEAK."""
        return DEFAULT_PEAK if self.peak_to_mean is None else self.peak_to_mean

    @property
    def mean_rps(self) -> float:
        """Mean requests per second over a month of 730 hours."""
        return self.requests_per_month / SECONDS_PER_MONTH


class PricedAs(Part):
    """What the two sides are bought as."""

    provider: Annotated[str, Field(max_length=40)] = PROVIDER
    """The only one with prices here."""
    region: Annotated[str, Field(max_length=40)] = "us-east-1"
    """One that has a price book: `frostline prices`."""
    architecture: Literal["x86", "arm"] = "x86"
    """Of the units' processors: arm has prices of its own."""
    load_balancer: Literal["alb", "none"] = "alb"
    """What stands before a service's replicas."""
    queue: Literal["sqs", "none"] = "sqs"
    """What keeps the requests that workers take from a queue; none where yours is not to be in the bill."""
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
            raise ValueError(f"{quote(provider)} is not accepted: only {PROVIDER} has prices here; leave it out")
        return provider


class Sides(Part):
    """One figure for each side."""

    service: float = Field(ge=0, le=1e9)
    """Of a service."""
    function: float = Field(ge=0, le=1e9)
    """Of a function."""

    def of(self, kind: str) -> float | None:
        """The figure of the side that targets of this kind are on; None where they are on neither."""
        return {"service": self.service, "function": self.function}.get(kind)


class Stakes(Part):
    """What people and bad answers cost. Nobody measures it: what is not stated enters no figure, and what is stated
    stands beside the cost, never in it."""

    late_request_usd: Usd | None = None
    """Of a good answer that met a cold start and missed the objective (any cold start, where there is none)."""
    failed_request_usd: Usd | None = None
    """Of a request without a good answer."""
    platform_usd_per_month: Sides | None = None
    """Beyond load balancer, addresses and registry: monitoring, a cluster, licences."""
    engineering_hours_per_month: Sides | None = None
    """What people spend on running it; it needs their rate."""
    engineering_usd_per_hour: Usd | None = None
    """What such an hour costs."""

    @model_validator(mode="after")
    def _hours_with_their_rate(self) -> "Stakes":
        fields = ("engineering_hours_per_month", "engineering_usd_per_hour")
        given, absent = (
            [name for name in fields if (getattr(self, name) is not None) is stated] for stated in (True, False)
        )
        if len(given) == 1:
            raise ValueError(f"{given[0]} is stated and {absent[0]} is not: state both, or neither")
        return self

    def platform_usd(self, kind: str) -> float | None:
        """USD a month for targets of this kind; None where it is not stated."""
        return self.platform_usd_per_month.of(kind) if self.platform_usd_per_month else None

    def engineering(self, kind: str) -> tuple[float, float] | None:
        """Hours a month and USD an hour, for targets of this kind; None where they are not stated."""
        hours = self.engineering_hours_per_month.of(kind) if self.engineering_hours_per_month else None
        return (
            None if hours is None or self.engineering_usd_per_hour is None else (hours, self.engineering_usd_per_hour)
        )

    @property
    def unstated(self) -> list[str]:
        """Names of what the experiment does not say."""
        return [name for name in type(self).model_fields if getattr(self, name) is None]


class Ratings(Part):
    """Dimensions of the scorecard that nobody can measure, from 1 (little) to 5 (much)."""

    custom_infrastructure: Rating | None = None
    """Need of special hardware, networks, sidecars or long-lived connections."""
    team_ops_capacity: Rating | None = None
    """How much of running servers the team can carry."""


class Economics(Part):
    """The four sections of an experiment that say what matters to people: traffic, purchase, stakes, ratings."""

    expected: Expected | None = None
    priced_as: PricedAs = PricedAs()
    stakes: Stakes = Stakes()
    ratings: Ratings = Ratings()


OLD_PLATFORM = {"service": 0, "function": 0}
OLD_HOURS = {"service": 4, "function": 2}
OLD_USD_PER_HOUR = 100
"""What an experiment that did not state platform, hours or rate was stored with until they had to be stated."""


def economics_of(manifest: "Manifest") -> Economics:
    """The economics of the experiment that a run stores. RecordError with every problem; older runs have none."""
    given = {name: manifest.experiment[name] for name in FIELDS if manifest.experiment.get(name) is not None}
    if manifest.capacities is None:
        given |= {
            name: {field: value for field, value in section.items() if field not in old_defaults(section)}
            for name, section in given.items()
            if isinstance(section, dict)
        }
    try:
        return Economics.model_validate(given)
    except ValidationError as error:
        raise RecordError("\n".join(f"experiment: {line}" for line in problems_in(error))) from None


def old_defaults(section: Mapping[str, Any]) -> set[str]:
    """Fields of a section that a run from before capacities were kept may hold only because they were defaults then.

    Such a run keeps defaults like stated values. An experiment that really stated one of them loses a line beside its
    cost, or is told that 3 was taken as its peak: no figure lies. Hours and rate make one figure, so both must differ.
    """
    found = set()
    if section.get("platform_usd_per_month") == OLD_PLATFORM:
        found.add("platform_usd_per_month")
    if section.get("engineering_hours_per_month") == OLD_HOURS or (
        section.get("engineering_usd_per_hour") == OLD_USD_PER_HOUR
    ):
        found |= {"engineering_hours_per_month", "engineering_usd_per_hour"}
    if section.get("peak_to_mean") == DEFAULT_PEAK:
        found.add("peak_to_mean")
    return found
