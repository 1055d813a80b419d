"""The nouns that are stored: outcomes, start classes, phases, trials and the manifest of a run."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, with_config
from typing_extensions import TypedDict  # pydantic takes that of Python 3.12 and newer only

from harness.record.definition import definition_sha256
from harness.record.facts import Facts
from harness.record.forms import Count, Number, Record, Seconds, Share, Span, Text
from harness.record.gpus import GpuRecord
from harness.record.phases import phase_problems
from harness.record.target_facts import UNTOLD, TargetFacts

RUN_SCHEMA: Literal["frostline/run/2"] = "frostline/run/2"

MACHINE = ("cpu", "cpus", "memory_mb", "architecture", "system", "host")
"""Facts of the machine that two runs must share to be compared."""
KERNEL = "system"
"""The one of them that is renewed every few weeks and alone makes no other machine."""
ROUNDS_FOR_VERDICT = 10
MOST_REASONS = 20
"""So many reasons of bad answers a trial's record keeps."""
FORCED_COLD = "cold"
"""Name of the profile that holds the forced cold starts."""
SCALE_OUT = "scale-out"
"""Name of the profile that adds replicas under load; only services have it."""


class Outcome(StrEnum):
    """What became of a scheduled arrival; every arrival has exactly one."""

    OK = "ok"
    WRONG = "wrong"
    FAILED = "failed"
    THROTTLED = "throttled"
    TIMED_OUT = "timed_out"
    SHED = "shed"
    UNFINISHED = "unfinished"


class StartClass(StrEnum):
    """What the request met, told from counters and init stamps, never from a latency."""

    COLD = "cold"
    COLD_REINIT = "cold_reinit"
    RESET = "reset"
    RESTORED = "restored"
    PROACTIVE = "proactive"
    WARM = "warm"


PROVEN_COLD = (StartClass.COLD, StartClass.COLD_REINIT)
"""What a forced cold start must have been."""


def _phases(names: list[str]) -> list[str]:
    if problems := phase_problems(names):
        raise ValueError("; ".join(problems[:3]))
    return names


Phases = Annotated[list[Text], AfterValidator(_phases)]


def package_identity(facts: Mapping[str, Any]) -> str | None:
    """What makes two packages the same: the image's id, or the content hashes of a site and its code, where it is told.

    None where neither is known. `facts` is a package's entry in the manifest.
    """
    if isinstance(image := facts.get("image_id"), str) and image:
        return image
    hashes = [of for name in ("site", "code") if isinstance(of := facts.get(name), str) and of]
    return "+".join(hashes) or None


BeginState = Literal["steady", "empty", "batch"]
"""Whether a function's pool is as enough of the trial's traffic would have left it, or empty; or empty, and the trial
is the whole of its traffic: a batch, which begins with nothing and leaves nothing."""


class BeginRecord(Record):
    """What was done before the first request of a trial under traffic. Nothing of it enters a figure or a count."""

    state: BeginState
    """As it was: empty where a steady one could not be had, which the trial's warnings explain."""
    sandboxes: Count | None = None
    """That were there; None for a service, and where nobody can say."""
    idle_s: list[Span] = []
    """For how long each of them counts as idle at the begin of the schedule, in real seconds, the shortest first;
    negative of one that counts as busy for so much longer."""
    way: Literal["started", "asked"] | None = None
    """started: by the deployment itself, for no request. asked: by as many requests at once. None: there were none."""
    history_s: Seconds | None = None
    """Real seconds of traffic that the pool's rules were told of."""
    warm_requests: Count = 0
    warm_ms: list[Number] = []
    """What the good ones of them took, from sent to done: so long each request of the history held its sandbox."""
    start_ms: Number | None = None
    """What the first start took, with its first answer."""
    seconds: Seconds
    """How long all of this took."""


class UnitRecord(Record):
    """One sandbox or replica over a trial; what could not be read is None."""

    unit: Text
    part: Text | None = None
    """Of a further part of its target: that part's name."""
    for_request: bool
    """Started because a request needed it."""
    lived_ns: Count
    lived_longer: bool = False
    """Whether `lived_ns` is but the least, from its first request to its last, because nobody logs its life."""
    memory_peak_bytes: Count | None = None
    """The kernel's own peak, page cache included; of several processes the most that a look saw of all together."""
    own_peak_bytes: Count | None = None
    """Highest sampled anonymous and shared memory."""
    memory_mean_bytes: Count | None = None
    cpu_ns: Count | None = None
    throttled_ns: Count | None = None
    oom_killed: bool = False


class GeneratorRecord(Record):
    """How well the load generator kept its schedule."""

    workers: Count
    timer: Text
    """timerfd, or the name of the fallback."""
    priority: Text
    """real-time, or normal where it is not permitted."""
    lag_p50_ns: int | None = None
    lag_p99_ns: int | None = None
    lag_max_ns: int | None = None
    cpu_share: float | None = None
    throttled: bool = False
    prewarmed: Count = 0
    clock_bound_ns: Count | None = None
    """Of workers on other machines: their stamps are on this machine's clock within this much, those of the worst."""


@with_config(ConfigDict(extra="allow", allow_inf_nan=False))
class Case(TypedDict, total=False):
    """What is part of a row's key beside workload, target and profile; each where it applies, sizes per unit.

    A platform may have settings of its own among them, of any name: rows that differ in one are different rows.
    """

    memory_mb: Number
    cpus: Number
    accelerators: Number
    """GPUs."""
    load: Text
    """Where the model is loaded, where that is not as a unit starts: within its first request."""
    keep_alive_s: Number
    """Of a function's idle sandbox, in real seconds: already divided by the compression."""
    concurrency: Number
    """Most sandboxes of a function at once."""
    replicas: Number
    """Of a service."""
    cold_starts: Number
    """Forced ones in each trial."""
    page_cache: Text
    images: Text
    scale_out: Number
    """Replicas that were added under the load."""
    rate: Number
    """Mean requests per second that the profile was asked for."""
    seconds: Number
    compression: Number
    """Modelled seconds that pass in one second."""
    begin: BeginState
    """Of rows under traffic; in those from before it was a choice, which lack it, every pool was empty."""


class Reason(Record):
    """Why some requests of a trial had no good answer: an error, or what the workload's check said."""

    reason: Text
    """In the commonest of their words; ids and durations in it may differ between them."""
    count: Annotated[int, Field(ge=1)]
    outcome: Outcome

    def __str__(self) -> str:
        return f"{self.count:,} x {self.reason}"

    def to_json(self) -> dict[str, Any]:
        """Its three fields."""
        return self.model_dump(mode="json")


class Witnesses(Record):
    """How many requests of a trial the platform itself later said something of: its word came by another way."""

    expected: Count
    """How many could have come."""
    came: Count
    disagree: Count
    """Contradicted what the unit itself said of the start."""
    strangers: Count = 0
    """Requests that it told of and that are no row's, or nobody knows whose."""


class TrialRecord(Record):
    """One visit to one deployment: a line of trials.jsonl."""

    trial: Text
    attempt: Annotated[int, Field(ge=1)] = 1
    round: Annotated[int, Field(ge=1)]
    order: Annotated[int, Field(ge=0)]
    """Position in the run."""
    workload: Text
    target: Text
    profile: Text
    """A load profile's name, or "cold" for forced cold starts."""
    case: Case
    begin: BeginRecord | None = None
    """None where nothing was done beforehand."""
    started_at: Text
    seconds: Annotated[float, Field(ge=0)]
    """Length of the schedule; for forced cold starts the time they took."""
    schedule_sha256: Text | None = None
    counts: dict[Outcome, Count]
    scheduled: Count
    reasons: Annotated[list[Reason], Field(max_length=MOST_REASONS)] = []
    """Why requests had no good answer, the most frequent first; empty in records from before it was kept."""
    starts: Count = 0
    """Units started for requests: by the deployment's event log or, without one, those whose start a row tells of."""
    open_starts: Count = 0
    """Rows whose start class is but what nothing excludes: no word of the platform's decided."""
    init_timeout_s: Seconds | None = None
    """When the platform cuts an initialisation off and does it again; None where it does not, or does not say."""
    phases: Phases
    """Parts of a start that occurred, in order; the requests' file has a column for each."""
    parts: list[Text] = []
    """Further parts of the target that requests told of; the requests' file has columns for each."""
    witnessed: Witnesses | None = None
    """None where the target has no witnesses."""
    units: list[UnitRecord] = []
    gpus: list[GpuRecord] = []
    """Those that its units had; empty where they had none."""
    host_cpus: float = 1
    unit_cpus: float | None = None
    """CPU share of one unit, None when unlimited."""
    steal_share: Share | None = None
    generator: GeneratorRecord | None = None
    problems: list[Text] = []
    """Why the trial is INVALID; empty when it is valid."""
    warnings: list[Text] = []
    """What makes its rows doubtful without making them invalid."""
    deployment: dict[str, Any] = {}
    files: dict[str, Text] = {}
    """sha256 of each Parquet file by its path in the run folder."""

    @property
    def valid(self) -> bool:
        """Whether this trial may enter figures."""
        return not self.problems

    @property
    def fruitless(self) -> str | None:
        """That it had requests and no good answer, with the commonest reason; None where it had one."""
        if not self.scheduled or self.counts.get(Outcome.OK):
            return None
        why = f": {self.reasons[0]}" if self.reasons else ""
        return f"no good answer to any of {self.scheduled:,} requests{why}"


class Manifest(Record):
    """What a run was asked to do and where it was done: manifest.json."""

    schema_: Literal["frostline/run/2"] = Field(RUN_SCHEMA, alias="schema")
    run: Text
    experiment: dict[str, Any]
    experiment_sha256: Text
    """As the Frostline of its day reckoned it; `definition` is reckoned anew, so that runs of all days compare."""
    seed: int
    rounds: Annotated[int, Field(ge=1)]
    trials: Count
    """Planned number of trials."""
    started_at: Text
    finished_at: Text | None = None
    notices: list[Text] = []
    """Said aloud when the run began: fallbacks, quick look, compressed time."""
    targets: dict[str, TargetFacts] = {}
    packages: dict[str, dict[str, Any]] = {}
    """By workload/target: digest, size, base."""
    facts: Facts = {}
    prices: dict[str, Any] = {}
    """The price book of the experiment's region as it was when the run began; empty where there is none."""
    capacities: dict[str, dict[str, Any]] | None = None
    """By workload/target the measured capacity that fitted when the run began, with its file's name and sha256; None in
    runs from before capacities were kept."""
    anchor: dict[str, Any] = {}
    """Where an earlier run's images were deployed instead of new ones: that run, its definition, its images."""
    owner: dict[str, Any] = {}
    """Process that carries the run out: pid, start time, boot id."""

    def target(self, name: str) -> TargetFacts:
        """What is known of a target; of one that the manifest does not name, nothing is."""
        return self.targets.get(name, UNTOLD)

    @property
    def definition(self) -> str:
        """Identity of what was asked to be measured: the same for two runs of one experiment."""
        return definition_sha256(self.experiment)
