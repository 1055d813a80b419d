"""The nouns of money: a priced line, a term, a side, a break-even, and all of them together (frostline/cost/1)."""

from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Literal

from harness.cost.metered import OwnBill
from harness.record.estimate import Estimate, plain
from harness.record.nouns import Case

COST_SCHEMA = "frostline/cost/1"
TermName = Literal["compute", "idle", "platform", "scaling penalty", "stated platform", "engineering"]
BILLED: tuple[TermName, ...] = ("compute", "idle", "platform")
"""What the provider bills: all that headline, break-even and recommendation rest on."""
STATED: tuple[TermName, ...] = ("scaling penalty", "stated platform", "engineering")
"""What somebody states and nobody measures: beside the headline, never in it."""
TERMS = (*BILLED, *STATED)
HOURS: TermName = "engineering"
"""People's, which are a line of their own and enter no break-even."""


Basis = Literal["forecast", "run", "batch"]
"""What the quantities are of: a month that was forecast, the run's own mix of cold and warm requests, or whole batches
of which each trial was one."""
BASIS_WORDS: dict[Basis, str] = {"forecast": "forecast", "run": "the run's own mix", "batch": "whole batches"}


@dataclass(frozen=True)
class CostLine:
    """A row of the bill of one month, in FOCUS's names: PricingQuantity x ListUnitPrice = ListCost, exactly."""

    term: TermName
    ServiceName: str
    SkuId: str
    RegionId: str
    PricingUnit: str
    PricingQuantity: Decimal
    ListUnitPrice: Decimal
    ListCost: Decimal
    BillingCurrency: str
    x_QuantitySource: str = "measured"  # noqa: N815
    """Where the quantity comes from: a forecast, the run's own mix, or what is stated. Columns of one's own begin with
    x_ in FOCUS."""

    def to_json(self) -> dict[str, Any]:
        """Every column; exact numbers as text."""
        return {f.name: str(getattr(self, f.name)) for f in fields(self)}


@dataclass(frozen=True)
class Term:
    """One term of a cost. `usd_per_month` is None where nobody stated it or it cannot be told; `basis` says on what it
    rests, in words."""

    name: TermName
    usd_per_month: float | None
    basis: str
    billed: bool = True
    """Whether the provider bills it; otherwise it has a value only where the experiment states one."""


@dataclass(frozen=True)
class Purchase:
    """The nearest size that can be bought and fits; `remark` when it is not the one measured."""

    sku: str
    memory_mb: int
    vcpus: float
    remark: str | None = None


@dataclass(frozen=True)
class SideCost:
    """What one row of the run costs at the expected traffic.

    The estimates hold what the provider bills; their interval is of the measured part.
    """

    workload: str
    target: str
    profile: str
    kind: str
    """As the manifest says it: service or function; hybrid where it has parts of both."""
    purchase: Purchase
    """Of the part that requests reach."""
    replicas: int | None
    """Of a service at the expected peak; by a forecast the most at once."""
    utilisation: float | None
    """Busy share of what is paid for by the hour; None for a function without provisioned concurrency."""
    terms: list[Term]
    lines: list[CostLine]
    per_month_usd: Estimate
    per_1k_usd: Estimate
    """For 1,000 good answers."""
    notes: list[str]
    per_month_with_stated_usd: Estimate | None = None
    """The same and what the experiment states; None where it states nothing."""
    per_1k_with_stated_usd: Estimate | None = None
    case: Case = field(default_factory=lambda: Case())
    """Of the row, for which workload, target and profile alone are no key."""
    basis: Basis = "run"
    arrivals: float = 0.0
    """Requests of the month that is priced."""
    source: str = ""
    """Where the quantities come from, in words."""
    further: list[Purchase] = field(default_factory=list)
    """Of the parts behind it."""
    is_bound: bool = False
    """Whether the month lies anywhere within its interval, since nobody measured what a replica carries; an end that is
    not there has no bound."""

    @property
    def counted(self) -> str:
        """The noun of what `n` counts."""
        if self.basis == "forecast":
            return "resample"
        by_capacity = self.basis == "run" and self.kind == "service" and not self.is_bound
        return "capacity step" if by_capacity and self.replicas is not None else "trial"


@dataclass(frozen=True)
class Span:
    """Mean rates in which one target is billed less than the other; the outer ends are those of what was looked at."""

    begin_rps: float
    end_rps: float
    cheaper: str


@dataclass(frozen=True)
class BreakEven:
    """Mean requests per second at which function and service are billed the same, and which is cheaper where.

    `rate` is the lowest above which the service is cheaper; it has no value where there is none within the range that
    was looked at, or where it is not known. A service's replicas are steps, so there may be more: `crossings` has all,
    `spans` says which side is cheaper between them.
    """

    workload: str
    profile: str
    function: str
    service: str
    rate: Estimate
    rates: list[float]
    function_usd_per_month: list[float]
    service_usd_per_month: list[float]
    """The curves, over `rates`."""
    words: str
    rate_with_stated: Estimate | None = None
    """Where also what the experiment states counts, but for people's hours; None where it states nothing else."""
    crossings: list[Estimate] = field(default_factory=list)
    """Ascending. Within an interval it is not sure which side is cheaper."""
    spans: list[Span] = field(default_factory=list)
    basis: Basis = "run"
    function_ends_usd: list[tuple[float, float]] = field(default_factory=list)
    service_ends_usd: list[tuple[float, float]] = field(default_factory=list)
    """The cheap and the dear end of each curve, over `rates`; empty where one is not known."""


@dataclass(frozen=True)
class Costing:
    """The money of a whole run. `notices` go with every figure: whose prices, what is stated, what was assumed."""

    run: str
    experiment: str | None
    currency: str
    prices: str
    """Provider, region, whose book and its oldest date, in words."""
    requests_per_month: float
    expected: bool
    """Whether the experiment states its traffic; otherwise it is each row's own, kept up all month."""
    sides: list[SideCost]
    break_evens: list[BreakEven]
    notices: list[str]
    metered: OwnBill | None = None
    """What the run itself was billed for; None where nothing was metered."""

    def to_json(self) -> dict[str, Any]:
        """The costing as stored: frostline/cost/1. A run without metering has no such field."""
        told = [f.name for f in fields(self) if f.name != "metered" or self.metered is not None]
        return {"schema": COST_SCHEMA} | {name: plain(getattr(self, name)) for name in told}
