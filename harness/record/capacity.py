"""What a search for capacity left, read again: results/capacity/<workload>_<target>_<time>.json."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from harness.errors import RecordError
from harness.files.whole import one_line, read_file
from harness.record.estimate import Estimate
from harness.record.lines import read_record
from harness.record.nouns import Count, Record, Text

CAPACITY_SCHEMA: Literal["frostline/capacity/1"] = "frostline/capacity/1"
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


class Capacity(Record):
    """The highest rate that ONE replica, or a function at `concurrency_limit` sandboxes, serves within the goal."""

    schema_: Literal["frostline/capacity/1"] = Field(alias="schema")
    workload: Text
    target: Text
    kind: Kind
    objective: Goal
    sizing: UnitSize
    concurrency_limit: Annotated[int, Field(ge=1)] | None
    """Sandboxes of a function; None for a service, which is one replica."""
    package: Text | None
    """Id of the image, or hash of the installed packages."""
    emulated: bool
    isolated: bool
    """Whether the unit was held to its sizing; otherwise it had the whole machine."""
    started_at: Moment
    finished_at: Moment | None
    ended: Literal["answered", "invalid", "cut off"]
    """invalid: steps stayed INVALID; cut off: interrupted or stopped by an error. Neither is an answer."""
    most_rate: Positive
    step_s: Positive
    warm_up_s: Annotated[float, Field(ge=0)]
    """Of every step, before its measured part and not judged."""
    repeats: Annotated[int, Field(ge=1)]
    seed: Count
    rate: Rate
    steps: list[Step]
    warnings: list[Text]


def read_capacities(folder: Path) -> list[Capacity]:
    """Every *.json of results/capacity, oldest first; none where there is no such folder. RecordError names the file
    that is malformed."""
    try:
        files = sorted(folder.glob("*.json"))
    except OSError as error:
        raise RecordError(f"{folder}: not readable ({error.strerror}): restore it") from None
    return sorted((read_capacity(file) for file in files), key=lambda record: record.started_at)


def read_capacity(file: Path) -> Capacity:
    """One file. RecordError with every problem."""
    try:
        text = read_file(file, MOST_BYTES)
    except OSError as error:
        raise RecordError(f"{file}: not readable ({error.strerror}): restore it{OTHERWISE}") from None
    except ValueError as error:
        raise RecordError(f"{file}: {one_line(str(error))}: restore it{OTHERWISE}") from None
    return read_record(Capacity, text, file, CAPACITY_SCHEMA, OTHERWISE)


def capacity_of(
    records: Iterable[Capacity], workload: str, target: str, memory_mb: int, cpus: float
) -> Capacity | None:
    """The newest answer for this workload and target in this size. Whether its objective suits is for the caller."""
    fitting = [
        record
        for record in records
        if record.ended == "answered"
        and (record.workload, record.target, record.sizing.memory_mb) == (workload, target, memory_mb)
        and math.isclose(record.sizing.cpus, cpus, rel_tol=1e-6)
    ]
    return max(fitting, key=lambda record: record.started_at, default=None)
