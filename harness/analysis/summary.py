"""What a run comes to: frostline/summary/1."""

from dataclasses import dataclass, field, fields
from typing import Any

from harness.analysis.notes import Note
from harness.analysis.over_trials import share_over_trials
from harness.analysis.usage import Usage
from harness.record.estimate import Estimate, plain
from harness.record.nouns import Case, Outcome, Reason, StartClass, TrialRecord

SUMMARY_SCHEMA = "frostline/summary/1"
ABSENT = (
    *("gpu_p50_ms", "first_chunk_p50_ms", "first_chunk_p95_ms", "chunk_gap_p50_ms", "chunk_gap_p95_ms", "chunks_p50"),
    *("unit_first_chunk_p50_ms", "unit_first_chunk_p95_ms", "unit_chunk_gap_p50_ms", "unit_chunk_gap_p95_ms"),
    *("tokens_in_p50", "tokens_out_p50", "tokens_per_s_p50", "throughput_tokens_per_s"),
    *("gpu_memory_peak_mb", "gpu_power_mean_w", "gpu_energy_per_1k_j"),
    *("cost_per_1k_usd", "reasons", "model_bytes", "image_mb", "makespan_s", "completions_rps"),
    *("repeats", "parts"),
)
"""Fields that are left out where nothing of them was measured."""
PLAIN = frozenset(
    {"completions_rps", "image_mb", "model_bytes", "parts", "reasons", "repeats", "throughput_tokens_per_s"}
    | {"gpu_memory_peak_mb", "gpu_power_mean_w", "gpu_energy_per_1k_j"}
)
"""Those of them that are no number with uncertainty."""
NO_TRIAL = Estimate(None, why="no valid trial")


@dataclass(frozen=True)
class PartFigures:
    """One part of a target of several, over the good answers that it had a share in; sums are of all its units."""

    name: str
    kind: str
    """service or function."""
    requests: int
    own_p50_ms: Estimate
    """Of the first part the handler's time without its waits for the others; of another its handler's whole time."""
    own_p95_ms: Estimate
    waited_p50_ms: Estimate | None
    """How long the first part waited for it, the way there and back included; None of the first."""
    queue_p95_ms: Estimate | None
    """Before its handler; None of the first, whose queue is the row's."""
    usage: Usage
    units: int

    def to_json(self) -> dict[str, Any]:
        """Flat, without what this part cannot have."""
        own = {f.name: plain(getattr(self, f.name)) for f in fields(self) if f.name != "usage"}
        used = {f.name: plain(getattr(self.usage, f.name)) for f in fields(self.usage)}
        return {name: value for name, value in (own | used).items() if value is not None}


@dataclass
class Row:
    """Figures over the valid trials of one key; None where nothing was measured. results/README.md lists the fields."""

    workload: str
    target: str
    profile: str
    case: Case
    rounds: int
    trials: int
    invalid_trials: int
    valid: bool
    seconds: float
    scheduled: int | None = None
    sent: int | None = None
    ok: int | None = None
    wrong: int | None = None
    failed: int | None = None
    throttled: int | None = None
    timed_out: int | None = None
    shed: int | None = None
    unfinished: int | None = None
    reasons: list[Reason] | None = None
    """Why requests had no good answer, the most frequent first; None where all had one, or no record says why."""
    starts: int | None = None
    start_classes: dict[StartClass, int] = field(default_factory=dict)
    cold_starts: int | None = None
    cold_share: Estimate = NO_TRIAL
    latency_p50_ms: Estimate = NO_TRIAL
    latency_p95_ms: Estimate = NO_TRIAL
    latency_p99_ms: Estimate = NO_TRIAL
    service_p50_ms: Estimate = NO_TRIAL
    service_p95_ms: Estimate = NO_TRIAL
    warm_p50_ms: Estimate = NO_TRIAL
    warm_p95_ms: Estimate = NO_TRIAL
    cold_p50_ms: Estimate = NO_TRIAL
    cold_p90_ms: Estimate = NO_TRIAL
    cold_phases_ms: dict[str, float | None] = field(default_factory=dict)
    """By every part that a start stamped; None where too few did for a median."""
    queue_p95_ms: Estimate = NO_TRIAL
    memory_peak_mb: float | None = None
    memory_own_peak_mb: float | None = None
    memory_mean_mb: float | None = None
    cpu_seconds: float | None = None
    cpu_throttled_seconds: float | None = None
    memory_gb_seconds: float | None = None
    model_bytes: int | None = None
    """Of the model's files; None where the package does not tell them apart, as where wheels carry the model."""
    image_mb: float | None = None
    """Unpacked, base and all; None where there is no image."""
    max_in_flight: int | None = None
    max_sandboxes: int | None = None
    throughput_rps: float | None = None
    makespan_s: Estimate | None = None
    """From the first scheduled moment to the end of the last good answer, over trials."""
    completions_rps: float | None = None
    """Good answers a second of that time."""
    repeats: int | None = None
    """How often a queue gave a request out once more; None where there is no queue."""
    gpu_p50_ms: Estimate | None = None
    gpu_memory_peak_mb: float | None = None
    gpu_power_mean_w: float | None = None
    gpu_energy_per_1k_j: float | None = None
    first_chunk_p50_ms: Estimate | None = None
    first_chunk_p95_ms: Estimate | None = None
    chunk_gap_p50_ms: Estimate | None = None
    chunk_gap_p95_ms: Estimate | None = None
    chunks_p50: Estimate | None = None
    unit_first_chunk_p50_ms: Estimate | None = None
    unit_first_chunk_p95_ms: Estimate | None = None
    unit_chunk_gap_p50_ms: Estimate | None = None
    unit_chunk_gap_p95_ms: Estimate | None = None
    tokens_in_p50: Estimate | None = None
    tokens_out_p50: Estimate | None = None
    tokens_per_s_p50: Estimate | None = None
    throughput_tokens_per_s: float | None = None
    lag_p50_ms: float | None = None
    lag_p99_ms: float | None = None
    cost_per_1k_usd: Estimate | None = None
    parts: list[PartFigures] | None = None
    """Of a target of several parts each of them, the one that requests reach first; usage above is that one's alone."""
    notes: list[Note] = field(default_factory=list)
    kind: str | None = field(default=None, metadata={"written": False})
    """Of the target, service or function; None where the manifest does not say."""
    asynchronous: bool = field(default=False, metadata={"written": False})
    """Whether requests are only accepted there, into a queue by which its units come and go."""
    entered: list[TrialRecord] = field(default_factory=list, metadata={"written": False})
    """The trials that the figures are of, for whoever reads their rows again: the same ones must enter there."""

    def latency_at(self, percentile: float) -> Estimate:
        """A percentile of latency from the schedule; without a value where this percentile is none of the summary's."""
        field = f"latency_p{percentile:g}_ms"
        estimate = getattr(self, field, None)
        return estimate if isinstance(estimate, Estimate) else Estimate(None, why=f"p{percentile:g} is not measured")

    @property
    def failure_share(self) -> Estimate:
        """Arrivals without a good answer, of all, with an interval over trials."""
        if not self.entered:
            return NO_TRIAL
        bad = [record.scheduled - record.counts.get(Outcome.OK, 0) for record in self.entered]
        return share_over_trials(bad, [record.scheduled for record in self.entered])

    @property
    def known_phases_ms(self) -> dict[str, float]:
        """The medians of parts that may be told."""
        return {phase: ms for phase, ms in self.cold_phases_ms.items() if ms is not None}

    def to_json(self) -> dict[str, Any]:
        """Every written field, without those that this row cannot have."""
        present = [name for name in ROW_FIELDS if not (name in ABSENT and getattr(self, name) is None)]
        return {name: plain(getattr(self, name)) for name in present}


ROW_FIELDS = [f.name for f in fields(Row) if f.metadata.get("written", True)]
"""Fields of a row that are written, in order."""


@dataclass
class Summary:
    """All rows of a run. `valid` says that nothing is wrong: no INVALID or missing trial, each with a good answer."""

    run: str
    experiment: str | None
    started_at: str
    finished_at: str | None
    rounds: int
    seed: int
    problems: list[str]
    notices: list[str]
    rows: list[Row]

    @property
    def valid(self) -> bool:
        """Whether nothing is wrong with the run."""
        return not self.problems

    def to_json(self) -> dict[str, Any]:
        """frostline/summary/1: finite numbers of six significant digits."""
        own = {f.name: plain(getattr(self, f.name)) for f in fields(self)}
        return {"schema": SUMMARY_SCHEMA, "valid": self.valid} | own
