"""What a forecast leaves, forecast.json in the run's folder: a month of traffic by a run's own samples and pure rules.

It holds quantities and no money: whoever prices them takes the price book of the run, or another.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.errors import RecordError
from harness.files.whole import inside, one_line, read_file, replacing, saving, sha256
from harness.record.capacity import Goal, Sha256
from harness.record.estimate import Estimate
from harness.record.folder import RunFolder
from harness.record.forms import Amount, Count, Record, Seconds, Text
from harness.record.lines import read_record
from harness.record.nouns import Case

FORECAST_SCHEMA: Literal["frostline/forecast/1"] = "frostline/forecast/1"
FILE = "forecast.json"
MOST_BYTES = 32 * 2**20
Rps = Annotated[float, Field(gt=0, le=1e9)]
Parameters = dict[Text, int | float | Text | None]
"""Of a rule, by name: as they were given."""
ByHour = Annotated[list[Amount | None], Field(max_length=168)]
AS_IT_IS = "as it is"
"""The what-if that is none: what the others are held against, over the same resamples."""
CLAIM = "95 % intervals of the long-run value"
"""Of every interval of a forecast. What too few trials were measured for to hold it is withheld."""
METHOD = "percentiles over resampled trials and days, widened for the number of trials"
"""Of every interval: a bootstrap of the rounds, which are drawn for all sides alike, and of the days; its half-widths
times sqrt(k / (k - 1)) t / z for k rounds (Hesterberg, What Teachers Should Know About the Bootstrap, 2015). That of a
latency percentile is, as a ratio, no narrower than that of the warm requests which it is drawn from."""


class Figure(Record):
    """A forecast number and its 95 % interval over resampled trials and days (METHOD).

    `value` is the median over resamples; it is None where `why` says the reason.
    """

    value: Amount | None = None
    low: Amount | None = None
    high: Amount | None = None
    n: Count = 0
    """Resamples."""
    why: Text | None = None

    @model_validator(mode="after")
    def _in_order(self) -> "Figure":
        if self.value is None and not self.why:
            raise ValueError("value: is absent without a reason: say `why`")
        told = [end for end in (self.low, self.value, self.high) if end is not None]
        if told != sorted(told):
            raise ValueError("low, value, high: are not in order")
        return self

    @property
    def estimate(self) -> Estimate:
        """The same as tables have it."""
        return Estimate(self.value, self.low, self.high, self.n, why=self.why, method=METHOD)


class Traffic(Record):
    """The arrivals of the month, the same for every side."""

    name: Text
    """Of the profile, or of the trace's file."""
    source: Literal["profile", "trace"]
    parameters: dict[str, Any] = {}
    """Of the profile; of a trace its format, window, thinning or superposition."""
    sha256: Sha256 | None = None
    """Of the trace's file."""
    mean_rps: Rps
    days: Annotated[float, Field(gt=0, le=366)]
    """Of the month."""
    simulated_days: Annotated[float, Field(gt=0, le=366)]
    """Those of them that each resample draws and simulates."""
    seed: Count
    notes: list[Text] = []
    """E.g. that a trace of seven days was repeated, or what of it was dropped and why."""


class Quantities(Record):
    """What can be billed of a month of 730 hours; each with its interval, absent where a side has none of it."""

    arrivals: Amount
    """The traffic's mean rate times the month."""
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

    rps: Rps
    quantities: Quantities
    latency_ms: Figure | None = None
    """At the objective's percentile; None without an objective."""
    units_peak: Count | None = None
    """Most sandboxes or replicas at once; of fixed replicas their number."""


class Hours(Record):
    """By hour of the week (168 values, or 24 where days are alike): None where no day has that hour."""

    arrivals: ByHour
    cold_starts: ByHour
    units: ByHour
    """Mean sandboxes or replicas that exist."""


class WhatIf(Record):
    """The same month under one setting that is another."""

    name: Text
    """E.g. keep_alive_s=900, provisioned=2, replicas=3, rule=knative, memory_mb=3538."""
    case: Case
    """That of its row, but where another size is the setting."""
    rule: Text
    parameters: Parameters
    """All of the rule, the changed one included."""
    cold_share: Figure
    latency_p95_ms: Figure
    latency_at_objective_ms: Figure | None = None
    late_share: Figure | None = None
    quantities: Quantities


class Unit(Record):
    """Where a side's samples come from, with their numbers; intervals of its medians are over trials."""

    trials: Count
    """Of traffic; forced cold starts have trials of their own."""
    warm: Count
    cold: Count
    cold_trials: Count
    waiting_ms: Figure
    """Of a cold start, until the unit begins to initialise: median."""
    starting_ms: Figure
    """Initialisation of a cold start: median."""
    warm_ms: Figure
    """Service time of a warm request at the concurrency that was measured: median."""
    from_profile: Text
    """The profile whose warm requests are drawn from."""
    payloads: dict[Text, Count] = {}
    """Warm requests by payload: the mix that the month has too."""
    memory_peak_mb: Amount | None = None
    """The kernel's own, of one unit; None where it was not read."""


class ForecastRow(Record):
    """One side of the month. Every number in it is a forecast and none was measured."""

    workload: Text
    target: Text
    kind: Literal["service", "function", "hybrid"]
    profile: Text
    """The traffic's name."""
    case: Case
    """Sizing and settings of the row that the samples are from."""
    rule: Text
    """Name of the platform's rule."""
    parameters: Parameters
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
    notes: list[Text] = []
    """On what it rests, e.g. how the number of replicas was found."""

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
    requests: Count
    """Simulated in all."""
    took_s: Seconds
    compiled: bool
    """Whether the inner loop was compiled; the numbers are the same."""
    objective: Goal | None = None
    """As the experiment states it."""
    traffic: list[Traffic]
    rows: list[ForecastRow]
    withheld: list[Text] = []
    """Sides that cannot be forecast, each with its reason and the fix."""
    notices: list[Text] = []


def read_forecast(run: RunFolder) -> Forecast | None:
    """The forecast that a run keeps. None where there is none, or none that can be used, which a notice tells."""
    try:
        file = inside(run.path, FILE)
        if not file.exists():
            return None
        forecast = read_record(Forecast, read_file(file, MOST_BYTES), file, (FORECAST_SCHEMA,))
        if forecast.trials_sha256 == trials_sha256(run):
            return forecast
        why = "it is of other trials than the run has now"
    except (OSError, RecordError) as error:
        why = getattr(error, "strerror", None) or str(error)
    notice = f"{FILE} is left out: {one_line(why)}: make it anew with `frostline forecast {run.manifest.run}`"
    if notice not in run.notices:
        run.notices.append(notice)
    return None


def write_forecast(run: RunFolder, forecast: Forecast) -> Path:
    """Put it into the run's folder, whole or not at all; an earlier one is replaced."""
    with saving(run.manifest.run, run.path), replacing(file := inside(run.path, FILE)) as stream:
        stream.write(forecast.model_dump_json(by_alias=True).encode() + b"\n")
    return file


def trials_sha256(run: RunFolder) -> str:
    """Of trials.jsonl, which names the sha256 of every other file."""
    return sha256(inside(run.path, "trials.jsonl"))
