"""The machine part of a review (frostline/review/2): what it rests on, what it says, what would trip it."""

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from harness.clock import moment_of
from harness.decision.recommendation import Recommendation
from harness.record.estimate import Estimate
from harness.record.nouns import Case

Form = Literal["frostline/review/1", "frostline/review/2"]
FIRST_FORM: Form = "frostline/review/1"
REVIEW_SCHEMA: Form = "frostline/review/2"
EVIDENCE_SCHEMA: Literal["frostline/evidence/1"] = "frostline/evidence/1"
Primary = Literal["serverless", "container", "hybrid", "split", "undecided"]
Op = Literal["above", "below"]
Text = Annotated[str, Field(max_length=2000)]
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Quarter = Annotated[str, Field(pattern=r"^[0-9]{4}-Q[1-4]$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._=@+-]{0,199}$")]


class Strict(BaseModel):
    """Unknown fields are mistakes, and a text is a text: YAML would make a date or a number of some."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CitedFigure(Strict):
    """One number of one row of the run's summary, of its costing or of its forecast, under an id."""

    id: Annotated[str, Field(pattern=r"^E[1-9][0-9]{0,5}$")]
    workload: Text
    target: Text
    profile: Text
    case: Case
    field: Text
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    why: Text | None = None
    """Why there is no value, or no interval."""

    @property
    def estimate(self) -> Estimate:
        """The number with its interval, as the summary has it."""
        return Estimate(self.value, self.low, self.high, self.n or 0, why=self.why)


class Trigger(Strict):
    """`field` of the newest run, set beside `limit`. `target` and `profile` are null where the field has none."""

    field: Text
    workload: Text | None
    target: Text | None
    profile: Text | None
    service: Text | None = Field(None, exclude_if=lambda name: name is None)
    """Which of several services a break-even is with (`target` is the function); not written where there is one."""
    op: Op
    limit: float
    words: Text


class WorkloadAdvice(Strict):
    """What a scorecard says. Which service and function it is of is written where a workload has several cards; before
    them stands what they come to where there are more than two forms, with `targets` and the one that is chosen."""

    workload: Text
    recommendation: Recommendation
    targets: list[Text] | None = Field(None, exclude_if=lambda names: names is None)
    target: Text | None = Field(None, exclude_if=lambda name: name is None)
    service: Text | None = Field(None, exclude_if=lambda name: name is None)
    function: Text | None = Field(None, exclude_if=lambda name: name is None)


class CitedRun(Strict):
    """`role`: the run that the review rests on, the one of the previous review, or one that deployed its images."""

    role: Literal["run", "previous", "anchor"]
    run: FileName
    hash: Digest


class CitedReview(Strict):
    """A review in the same folder, and the sha256 of its machine part."""

    file: FileName
    sha256: Digest


class CitedTraffic(Strict):
    """What a month was forecast of; `sha256` is of a trace's file."""

    name: Text
    source: Literal["profile", "trace"]
    mean_rps: Annotated[float, Field(gt=0)]
    days: Annotated[float, Field(gt=0)]
    sha256: Digest | None = Field(None, exclude_if=lambda digest: digest is None)


class CitedForecast(Strict):
    """forecast.json in the run's folder, by the sha256 of the file, and its traffic."""

    sha256: Digest
    made_at: Text
    traffic: list[CitedTraffic]


class CitedEvidence(Strict):
    """The file beside the review that holds the rows of its evidence."""

    file: FileName
    sha256: Digest


class Evidence(Strict):
    """That file: every number of the review with its interval and n, under the id by which the page names it."""

    schema_: Literal["frostline/evidence/1"] = Field(EVIDENCE_SCHEMA, alias="schema")
    review: FileName
    run: FileName
    run_hash: Digest
    forecast_sha256: Digest | None
    figures: list[CitedFigure]


def renames(given: Any, field: str = "recommendation") -> Any:
    """A mapping with the name that hybrid has since."""
    return given | {field: "split"} if isinstance(given, dict) and given.get(field) == "hybrid" else given


class ReviewRecord(Strict):
    """The front matter of a review's file. The first form held the rows of the evidence itself, and no forecast."""

    schema_: Form = Field(REVIEW_SCHEMA, alias="schema")
    quarter: Quarter
    name: FileName
    written_on: Text
    written_by: Text
    """Version of Frostline."""
    experiment: Text
    experiment_sha256: Text
    run: FileName
    run_hash: Digest
    measured_at: Text
    rounds: Annotated[int, Field(ge=1)]
    margin: Annotated[float, Field(gt=0, lt=1)]
    cost_sha256: Digest | None
    """Of the costing; null where there is none. It is another where another Frostline reckons it, or where the run
    keeps no prices and today's are other ones."""
    recommendations: list[WorkloadAdvice]
    primary: Primary
    triggers: list[Trigger]
    previous: CitedReview | None
    runs: list[CitedRun]
    forecast: CitedForecast | None = Field(None)
    evidence: Annotated[
        Annotated[CitedEvidence, Tag("file")] | Annotated[list[CitedFigure], Tag("rows")],
        Discriminator(lambda given: "rows" if isinstance(given, list) else "file"),
    ]

    @model_validator(mode="before")
    @classmethod
    def _first_form(cls, given: Any) -> Any:
        """What the first form called hybrid was different sides for different profiles."""
        if not isinstance(given, dict) or given.get("schema") != FIRST_FORM:
            return given
        advice = given.get("recommendations")
        renamed = [renames(each) for each in advice] if isinstance(advice, list) else advice
        return renames(given, "primary") | {"recommendations": renamed}

    @model_validator(mode="after")
    def _in_its_form(self) -> "ReviewRecord":
        cited = None if isinstance(self.evidence, list) else self.evidence
        if (cited is None) is not (self.schema_ == FIRST_FORM):
            raise ValueError(f"evidence: is not what {self.schema_} has: restore the file")
        if cited is not None and cited.file != self.evidence_file:
            raise ValueError(f"evidence.file: {cited.file!r} is not accepted: {self.evidence_file} is")
        return self

    @field_validator("written_on")
    @classmethod
    def _day(cls, value: str) -> str:
        date.fromisoformat(value)
        return value

    @field_validator("measured_at")
    @classmethod
    def _moment(cls, value: str) -> str:
        moment_of(value)
        return value

    @property
    def file(self) -> str:
        """Name of the review's file."""
        return f"{self.quarter}_{self.name}.md"

    @property
    def evidence_file(self) -> str:
        """Name of the file of its evidence."""
        return f"{self.quarter}_{self.name}.evidence.json"

    @property
    def anchor(self) -> str | None:
        """The run that deployed the previous review's images."""
        return next((cited.run for cited in self.runs if cited.role == "anchor"), None)
