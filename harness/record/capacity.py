"""What a search for capacity left, results/capacity/<workload>_<target>_<time>.json, and the run that it belongs to.

A capacity belongs to a package with its settings and model, on a target, in a size, on a machine, and to the objective
that the experiment demands, if any; where the package is no image, to the code and the interpreter that served it as
well. A run keeps the one that fitted when it began, so that a later search never prices it anew.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from harness.clock import moment_of, utc_now
from harness.errors import RecordError
from harness.files.problems import problems_in, quote
from harness.files.whole import one_line, read_file
from harness.record.estimate import Estimate
from harness.record.forms import Count, Record, Text
from harness.record.lines import read_record
from harness.record.moments import is_ahead
from harness.record.nouns import KERNEL, MACHINE, Manifest, package_identity
from harness.record.stated import Objective, objective_of

CAPACITY_SCHEMA: Literal["frostline/capacity/3"] = "frostline/capacity/3"
EARLIER_SCHEMA: Literal["frostline/capacity/2"] = "frostline/capacity/2"
"""It does not say what one request alone takes; what was cut off has no lower end."""
OLD_SCHEMA: Literal["frostline/capacity/1"] = "frostline/capacity/1"
"""It does not say settings, model and machine: it is readable, and belongs to no run."""
SAME_MACHINE = tuple(name for name in MACHINE if name != KERNEL)
MOST_BYTES = 4 * 2**20
OTHERWISE = ", or delete it"
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$")]
Positive = Annotated[float, Field(gt=0, le=1e9)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Kind = Literal["service", "function"]


class Goal(Record):
    """This percentile of latency, from the scheduled moment and over all arrivals, is at most this long."""

    percentile: Annotated[float, Field(ge=50, le=99.9)]
    latency_ms: Positive


class UnitSize(Record):
    """Of one replica or one sandbox."""

    memory_mb: Annotated[int, Field(gt=0, le=10**9)]
    cpus: Positive


class Rate(Record):
    """Requests per second with their uncertainty; `value` is None where `why` says the reason."""

    value: Positive | None
    low: Positive | None
    high: Positive | None
    n: Count
    need: Count | None
    why: Text | None
    method: Text

    @property
    def estimate(self) -> Estimate:
        """The same as the figures of a summary have it."""
        return Estimate(self.value, self.low, self.high, self.n, self.need, self.why, self.method)


class Step(Record):
    """One trial at one rate. `percentile_ms` is None when it falls among failures, or nothing could be judged."""

    rate: Positive
    repeat: Annotated[int, Field(ge=1)]
    attempt: Annotated[int, Field(ge=1)]
    seed: Count
    """Of its arrivals."""
    requests: Count
    """Scheduled arrivals that were judged: those after the warm-up."""
    percentile_ms: Annotated[float, Field(ge=0)] | None
    held: bool
    valid: bool
    problem: Text | None
    """Why it is INVALID."""
    run: Text
    trials_sha256: Sha256
    """Of the run's trials.jsonl, which names the sha256 of every other file."""


class Lone(Record):
    """Requests that met nobody else's, before the first step: no rate is kinder to them."""

    requests: Annotated[int, Field(ge=1)]
    late: Count
    """Of them, later than the objective or without a good answer."""
    percentile_ms: Annotated[float, Field(ge=0)] | None
    """The objective's, of as many as there are; None where it falls among failures, or they are INVALID."""
    middle_ms: Annotated[float, Field(gt=0)] | None
    """Median of those that were answered well: a hint of where to begin."""
    problem: Text | None
    """Why they are INVALID."""
    run: Text


class Capacity(Record):
    """The highest rate that ONE replica, or a function at `concurrency_limit` sandboxes, serves within the goal."""

    schema_: Literal["frostline/capacity/3", "frostline/capacity/2", "frostline/capacity/1"] = Field(alias="schema")
    workload: Text
    target: Text
    kind: Kind
    objective: Goal
    sizing: UnitSize
    concurrency_limit: Annotated[int, Field(ge=1)] | None
    """Sandboxes of a function; None for a service, which is one replica."""
    package: Text | None
    """Its identity: id of the image, or hash of the installed packages."""
    settings: dict[str, Any] | None = None
    """The workload's own; None in files of the older format."""
    model: Sha256 | None = None
    """Of the user's own model, where the package does not hold it."""
    measuring_sha256: Sha256 | None = None
    """Of the code that served and measured; None where the package is an image, which holds what serves."""
    python: Text | None = None
    """Version of the interpreter that served; None where the package is an image."""
    machine: dict[str, Any] | None = None
    """Facts by which runs are compared; None in files of the older format."""
    emulated: bool
    isolated: bool
    """Whether the unit was held to its sizing; otherwise it had the whole machine."""
    started_at: Moment
    finished_at: Moment | None
    ended: Literal["answered", "invalid", "cut off"]
    """invalid: steps stayed INVALID; cut off: interrupted, killed, stopped by an error, or not yet at its end. Neither
    is an answer; a lower end is all that a run may take from them."""
    most_rate: Positive
    step_s: Positive
    warm_up_s: Annotated[float, Field(ge=0)]
    """Of every step, before its measured part and not judged."""
    repeats: Annotated[int, Field(ge=1)]
    seed: Count
    rate: Rate
    steps: list[Step]
    lone: Lone | None = None
    """None in files of earlier formats."""
    warnings: list[Text]

    @property
    def says_something(self) -> bool:
        """Whether a run can take a number from it: an answer, or else what a replica carries at least."""
        return self.ended == "answered" or self.rate.low is not None


@dataclass(frozen=True)
class KeptCapacity:
    """A capacity, the name of its file and the sha256 of what was in it."""

    file: str
    sha256: str
    capacity: Capacity

    def to_json(self) -> dict[str, Any]:
        """As a run's manifest keeps it."""
        record = self.capacity.model_dump(mode="json", by_alias=True)
        return {"file": self.file, "sha256": self.sha256, "capacity": record}


@dataclass(frozen=True)
class Subject:
    """What a capacity must be of to price a row: a packaged workload on a target, in a size, on a machine."""

    workload: str
    settings: dict[str, Any]
    model: str | None
    has_unknown_model: bool
    """Whether there is a model of the user's own beside the package of which the run keeps no hash."""
    target: str
    package: str | None
    is_image: bool
    measuring_sha256: str | None
    """Like `python`, None where the package is an image: it holds the code that serves, and the interpreter."""
    python: str | None
    memory_mb: float
    cpus: float
    machine: dict[str, Any]
    objective: Objective | None


def read_capacities(folder: Path, now: datetime | None = None) -> tuple[list[KeptCapacity], list[str]]:
    """Every *.json of results/capacity, oldest first, and a line for each file that is left out: it is malformed, or by
    its own word of the future."""
    found, told = [], []
    try:
        files = sorted(folder.glob("*.json"))
    except OSError as error:
        return [], [f"capacity: {folder} is not readable ({error.strerror})"]
    for file in files:
        try:
            kept = read_capacity(file)
            began = moment_of(kept.capacity.started_at)
            if is_ahead(began, now or utc_now()):
                at = f"started_at: {quote(kept.capacity.started_at)} lies in the future"
                raise RecordError(f"{file}: {at}: set this machine's clock, or search again")
            found.append((began, kept))
        except ValueError:
            told.append(f"capacity left out: {file}: started_at is no time: restore it{OTHERWISE}")
        except RecordError as error:
            told.append(one_line(f"capacity left out: {error}"))
    return [kept for _, kept in sorted(found, key=lambda item: item[0])], told


def read_capacity(file: Path) -> KeptCapacity:
    """One file. RecordError with every problem."""
    try:
        text = read_file(file, MOST_BYTES)
    except OSError as error:
        raise RecordError(f"{file}: not readable ({error.strerror}): restore it{OTHERWISE}") from None
    except ValueError as error:
        raise RecordError(f"{file}: {one_line(str(error))}: restore it{OTHERWISE}") from None
    record = read_record(Capacity, text, file, (CAPACITY_SCHEMA, EARLIER_SCHEMA, OLD_SCHEMA), OTHERWISE)
    return KeptCapacity(file.name, hashlib.sha256(text).hexdigest(), record)


def subject_of(manifest: Manifest, workload: str, target: str, memory_mb: float, cpus: float) -> Subject:
    """Of a run's rows; `workload` is their key, which may be a label. Where a stranger's experiment cannot be read,
    the package is unknown, and no capacity is of it."""
    workloads = manifest.experiment.get("workloads", [])
    choices = [each for each in workloads if isinstance(each, dict)] if isinstance(workloads, list) else []
    chosen = next((each for each in choices if (each.get("label") or each.get("name")) == workload), {})
    settings = chosen.get("settings") or {}
    facts = manifest.packages.get(f"{workload}/{target}", {})
    machine, software = manifest.facts.get("machine"), manifest.facts.get("software", {})
    own_model = bool(chosen.get("model_dir") or chosen.get("model_archive"))
    model, is_image = text_of(facts.get("model_sha256")), bool(facts.get("image_id"))
    readable = isinstance(workloads, list) and isinstance(settings, dict)
    return Subject(
        workload=str(chosen.get("name", workload)),
        settings=dict(settings) if readable else {},
        model=model,
        has_unknown_model=model is None and own_model and not is_image,
        target=target,
        package=package_identity(facts) if readable else None,
        is_image=is_image,
        measuring_sha256=None if is_image else text_of(software.get("measuring_sha256")),
        python=None if is_image else text_of(software.get("python")),
        memory_mb=memory_mb,
        cpus=cpus,
        machine={name: machine.get(name) for name in SAME_MACHINE} if isinstance(machine, dict) else {},
        objective=objective_of(manifest.experiment),
    )


def text_of(value: Any) -> str | None:
    """What a manifest keeps as text; None where it keeps something else."""
    return value if isinstance(value, str) else None


def misfits(capacity: Capacity, subject: Subject) -> list[str]:
    """Every reason why a capacity says nothing of this subject; empty when it does."""
    silent = [] if capacity.says_something else [f"its search is no answer: {capacity.ended}"]
    return [*silent, *strangeness(capacity, subject)]


def strangeness(capacity: Capacity, subject: Subject) -> list[str]:
    """Every reason why a search was of something else, whatever it came to."""
    if capacity.schema_ == OLD_SCHEMA:
        return [f"its format, {OLD_SCHEMA}, does not say settings, model and machine: search again"]
    found: list[str] = []
    pairs: dict[str, tuple[Any, Any]] = {
        "workload": (capacity.workload, subject.workload),
        "target": (capacity.target, subject.target),
        "settings": (capacity.settings, subject.settings),
        "model": (capacity.model, subject.model),
    }
    machine = capacity.machine or {}
    pairs |= {f"machine: {name}": (machine.get(name), subject.machine.get(name)) for name in SAME_MACHINE}
    found += [f"another {name}: {quote(its)}, not {quote(ours)}" for name, (its, ours) in pairs.items() if its != ours]
    if subject.has_unknown_model:
        found.append("the run keeps no hash of its own model, so no capacity is known to be of it")
    found += package_misfits(capacity, subject)
    if capacity.sizing.memory_mb != subject.memory_mb:
        found.append(f"another memory_mb: {capacity.sizing.memory_mb}, not {subject.memory_mb:g}")
    if not math.isclose(capacity.sizing.cpus, subject.cpus, rel_tol=1e-6):
        found.append(f"another cpus: {capacity.sizing.cpus:g}, not {subject.cpus:g}")
    goal, asked = capacity.objective, subject.objective
    if asked is not None and (goal.percentile, goal.latency_ms) != (asked.percentile, asked.latency_ms):
        its, ours = (f"p{each.percentile:g} within {each.latency_ms:g} ms" for each in (goal, asked))
        found.append(f"another objective: {its}, not {ours}")
    return found


def package_misfits(capacity: Capacity, subject: Subject) -> list[str]:
    """What serves is another, or not known to be the same: a folder of packages, unlike an image, does not hold it."""
    pairs = {"package": (capacity.package, subject.package)}
    if not subject.is_image:
        pairs["measuring_sha256"] = (capacity.measuring_sha256, subject.measuring_sha256)
        pairs["Python"] = (capacity.python, subject.python)
    return [
        f"another {name}: {quote(its)}, not {quote(ours)}"
        for name, (its, ours) in pairs.items()
        if its is None or its != ours
    ]


def keep_capacities(
    folder: Path, manifest: Manifest, sizes: Mapping[tuple[str, str], tuple[float, float]]
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """For each workload and target (memory and vCPU in `sizes`) the newest capacity that fits, as the run keeps it: an
    answer where there is one, else the newest lower end.

    And what must be said: files left out, and why the newest one of the same workload and target does not fit.
    """
    records, told = read_capacities(folder)
    kept: dict[str, dict[str, Any]] = {}
    for (workload, target), (memory_mb, cpus) in sizes.items():
        subject = subject_of(manifest, workload, target, memory_mb, cpus)
        fitting = [each for each in records if not misfits(each.capacity, subject)]
        near = [
            each for each in records if (each.capacity.workload, each.capacity.target) == (subject.workload, target)
        ]
        if fitting:
            answers = [each for each in fitting if each.capacity.ended == "answered"]
            kept[f"{workload}/{target}"] = (answers or fitting)[-1].to_json()
        elif near:
            why = "; ".join(misfits(near[-1].capacity, subject))
            told.append(one_line(f"capacity {near[-1].file} is not of this run's {workload} on {target}: {why}"))
    return kept, told


def kept_capacity(manifest: Manifest, workload: str, target: str) -> KeptCapacity | None:
    """What a run keeps for its rows. RecordError when that is malformed."""
    place = f"{workload}/{target}"
    given = (manifest.capacities or {}).get(place)
    if given is None:
        return None
    try:
        record = Capacity.model_validate(given.get("capacity"))
    except ValidationError as error:
        lines = [f"manifest.json: capacities.{place}: {line}" for line in problems_in(error)]
        raise RecordError("\n".join(lines)) from None
    return KeptCapacity(str(given.get("file")), str(given.get("sha256")), record)
