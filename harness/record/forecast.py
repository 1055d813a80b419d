"""What a forecast leaves, forecast.json in the run's folder: a month of traffic by a run's own samples and pure rules.

It holds quantities and no money: whoever prices them takes the price book of the run, or another.
"""

from typing import Annotated, Any, Literal

from pydantic import Field

from harness.record.estimate import Estimate
from harness.record.forms import Count, Number, Record, Seconds, Text
from harness.record.nouns import Case

FORECAST_SCHEMA: Literal["frostline/forecast/1"] = "frostline/forecast/1"
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Amount = Annotated[float, Field(ge=0, le=1e15)]
HOURS_PER_WEEK = 168


class Figure(Record):
    """A forecast number, its interval over resampled trials and days; `value` is None where `why` says the reason."""

    value: float | None
    low: float | None = None
    high: float | None = None
    n: Count = 0
    """Resamples."""
    why: Text | None = None

    @property
    def estimate(self) -> Estimate:
        """The same as tables have it."""
        return Estimate(self.value, self.low, self.high, self.n, why=self.why, method="forecast")


class Traffic(Record):
    """The arrivals of the month, the same for every side."""

    name: Text
    """Of the profile, or of the trace's file."""
    source: Literal["profile", "trace"]
    parameters: dict[str, Any] = {}
    """Of the profile; of a trace its format, window, thinning or superposition."""
    sha256: Sha256 | None = None
    """Of the trace's file."""
    mean_rps: Annotated[float, Field(gt=0, le=1e9)]
    days: Annotated[float, Field(gt=0, le=366)]
    """Of the month."""
    seed: Count
    notes: list[Text] = []
    """E.g. that a trace of seven days was repeated, or what of it was dropped and why."""


class Quantities(Record):
    """What can be billed of a month of 730 hours; each with its interval, absent where a side has none of it."""

    arrivals: Amount
    invoked: Figure
    """Requests that the function took, or the service served."""
    good: Figure
    billed_s: Figure | None = None
    """Of a function: seconds billed in all, initialisation included."""
    overflow_s: Figure | None = None
    """Of a function with provisioned concurrency: those of `billed_s` that ran on demand beside it."""
    unit_hours: Figure | None = None
    """Of a service: replicas, starting and draining ones included, times hours."""
    busy_hours: Figure | None = None
    """Slots that serve, times hours."""
    late: Figure | None = None
    """Good answers that met a start and missed the objective."""


class RatePoint(Record):
    """The quantities at one mean rate of the same traffic, thinned or superposed."""

    rps: Annotated[float, Field(gt=0, le=1e9)]
    quantities: Quantities
    latency_ms: Figure | None = None
    """At the objective's percentile; None without an objective."""
    units_peak: Count | None = None


class Hours(Record):
    """By hour of the week (168 values, or 24 where days are alike): None where no day has that hour."""

    arrivals: list[float | None]
    cold_starts: list[float | None]
    units: list[float | None]
    """Mean sandboxes or replicas that exist."""


class WhatIf(Record):
    """The same month under one setting that is another."""

    name: Text
    """E.g. keep_alive_s=900, provisioned=2, replicas=3, scale_to_zero."""
    cold_share: Figure
    latency_p95_ms: Figure
    latency_at_objective_ms: Figure | None = None
    quantities: Quantities


class Unit(Record):
    """Where a side's samples come from, with their numbers."""

    trials: Count
    warm: Count
    cold: Count
    waiting_ms: Figure
    """Of a cold start, until the unit begins to initialise: median."""
    starting_ms: Figure
    """Initialisation of a cold start: median."""
    warm_ms: Figure
    """Service time of a warm request at the concurrency that was measured: median."""
    from_profile: Text
    """The profile whose warm requests are drawn from."""


class ForecastRow(Record):
    """One side of the month. Every number in it is a forecast and none was measured."""

    workload: Text
    target: Text
    kind: Literal["service", "function"]
    profile: Text
    """The traffic's name."""
    case: Case
    """Sizing and settings of the row that the samples are from."""
    rule: Text
    """Name of the platform's rule."""
    parameters: dict[str, Number | Text | None]
    """Of the rule, those set by --set included."""
    rule_source: Text
    unit: Unit
    cold_share: Figure
    cold_starts_per_day: Figure
    latency_p50_ms: Figure
    latency_p95_ms: Figure
    latency_p99_ms: Figure
    latency_at_objective_ms: Figure | None = None
    """At the objective's percentile, where there is an objective."""
    throttled_share: Figure
    failed_share: Figure
    late_share: Figure | None = None
    """Beyond the objective or never answered; None without an objective."""
    queue_p95_ms: Figure | None = None
    units_mean: Figure
    units_peak: Figure
    hours: Hours | None = None
    quantities: Quantities
    curve: list[RatePoint] = []
    """Over a grid of rates, the same for all sides of one traffic, ascending."""
    what_ifs: list[WhatIf] = []
    warnings: list[Text] = []
    """What makes the row doubtful, e.g. a rate beyond the concurrency that was measured."""

    def latency_at(self, percentile: float) -> Figure:
        """A percentile of latency from arrival; without a value where it is none of those that are kept."""
        named = {50.0: self.latency_p50_ms, 95.0: self.latency_p95_ms, 99.0: self.latency_p99_ms}
        if (kept := named.get(percentile)) is not None:
            return kept
        return self.latency_at_objective_ms or Figure(value=None, why=f"p{percentile:g} was not forecast")


class Forecast(Record):
    """A month for each workload and traffic of a run, all sides under the same arrivals."""

    schema_: Literal["frostline/forecast/1"] = Field(FORECAST_SCHEMA, alias="schema")
    run: Text
    trials_sha256: Sha256
    """Of the run's trials.jsonl, which names the sha256 of every other file."""
    made_at: Text
    seed: Count
    resamples: Count
    took_s: Seconds
    compiled: bool
    """Whether the inner loop was compiled; the numbers are the same."""
    traffic: list[Traffic]
    rows: list[ForecastRow]
    withheld: list[Text] = []
    """Sides that cannot be forecast, each with its reason and the fix."""
    notices: list[Text] = []
