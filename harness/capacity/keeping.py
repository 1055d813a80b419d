"""What a search keeps: its file, rewritten after each rate, and what one that was cut off has left for the next."""

from pathlib import Path

import targets
from harness.capacity.lone import Range
from harness.capacity.order import MOST_RATE, CapacityOrder
from harness.capacity.search import Probe
from harness.capacity.steps import Steps
from harness.clock import utc_now
from harness.errors import MissingError
from harness.files.whole import replacing
from harness.record.capacity import (
    CAPACITY_SCHEMA,
    Capacity,
    Goal,
    KeptCapacity,
    Lone,
    Rate,
    Step,
    Subject,
    UnitSize,
    read_capacities,
    strangeness,
    subject_of,
)
from harness.record.figures import plural
from harness.record.nouns import Manifest


def now() -> str:
    """As a file has it."""
    return utc_now().isoformat(timespec="seconds")


def subject_in(order: CapacityOrder, manifest: Manifest) -> Subject:
    """What is searched, by the first run of the search."""
    size = order.sizing.of(targets.target(order.target).parts[0])
    return subject_of(manifest, order.workload, order.target, size.memory_mb, size.cpus)


def find_earlier(folder: Path, order: CapacityOrder, manifest: Manifest) -> tuple[KeptCapacity | None, list[str]]:
    """The newest search of the same subject that was asked the same, if it did not come to an answer; else why the
    newest one of this workload and target that was cut off is another."""
    subject = subject_in(order, manifest)
    near = [
        kept
        for kept in read_capacities(folder)[0]
        if (kept.capacity.workload, kept.capacity.target) == (order.workload, order.target)
    ]
    same = [kept for kept in near if not _differences(kept.capacity, order, subject)]
    if same:
        return (same[-1] if same[-1].capacity.ended != "answered" else None), []
    return None, _differences(near[-1].capacity, order, subject) if near and near[
        -1
    ].capacity.ended == "cut off" else []


def _differences(capacity: Capacity, order: CapacityOrder, subject: Subject) -> list[str]:
    """Why steps of that search are none of this one."""
    limit = order.concurrency_limit if order.limits_units else None
    pairs: dict[str, tuple[object, object]] = {
        "step_s": (capacity.step_s, order.step_s),
        "repeats": (capacity.repeats, order.repeats),
        "concurrency_limit": (capacity.concurrency_limit, limit),
    }
    found = [f"another {name}: {its}, not {ours}" for name, (its, ours) in pairs.items() if its != ours]
    return [*strangeness(capacity, subject), *found]


def probes_of(steps: list[Step], repeats: int) -> list[Probe]:
    """What the steps at each rate came to; of rates that are decided."""
    rates: dict[float, dict[int, Step]] = {}
    for step in steps:
        rates.setdefault(step.rate, {})[step.repeat] = step  # the last attempt counts
    probes = []
    for rate, last in rates.items():
        valid = [step for step in last.values() if step.valid]
        probes.append(Probe(rate, sum(step.held for step in valid), len(valid), repeats))
    return [probe for probe in probes if probe.decided]


def make_record(
    order: CapacityOrder, steps: Steps, range_: Range | None, lone: Lone, rate: Rate, ended: str, started_at: str
) -> Capacity:
    """All that a search has come to so far; without a range it ended before its first step."""
    assert steps.manifest is not None
    target, size = targets.target(order.target), order.sizing.of(targets.target(order.target).parts[0])
    subject = subject_in(order, steps.manifest)
    return Capacity.model_validate(
        {
            "schema": CAPACITY_SCHEMA,
            "workload": order.workload,
            "target": order.target,
            "kind": order.kind,
            "objective": Goal(percentile=order.percentile, latency_ms=order.latency_ms),
            "sizing": UnitSize(memory_mb=size.memory_mb, cpus=size.cpus),
            "concurrency_limit": order.concurrency_limit if order.limits_units else None,
            "package": None if subject.has_unknown_model else subject.package,
            "settings": subject.settings,
            "model": subject.model,
            "measuring_sha256": subject.measuring_sha256,
            "python": subject.python,
            "machine": subject.machine,
            "emulated": target.capabilities.emulated,
            "isolated": target.capabilities.isolated,
            "started_at": started_at,
            "finished_at": now(),
            "ended": ended,
            "most_rate": range_.most if range_ else order.most_rate or MOST_RATE,
            "step_s": order.step_s,
            "warm_up_s": steps.warm_up_s,
            "repeats": order.repeats,
            "seed": order.seed,
            "rate": rate,
            "steps": steps.taken,
            "lone": lone,
            "warnings": _warnings(order, steps),
        }
    )


def _warnings(order: CapacityOrder, steps: Steps) -> list[str]:
    target, found = targets.target(order.target), []
    if target.capabilities.emulated:
        found.append(f"emulated: {order.target} stands in for a cloud service on this one machine")
    if not target.capabilities.isolated:
        found.append(f"{order.target} holds no unit to a size: it may use the whole machine")
    if steps.taken:
        found.append(f"of warm units: the first {steps.warm_up_s:g} s of each step are not judged")
    found += [f"{plural(steps.earlier, 'step')} of an earlier call, which was cut off"] if steps.earlier else []
    if steps.met_start:
        found.append(f"{steps.met_start} judged requests met a start all the same; they count like the others")
    if bad := sum(not step.valid for step in steps.taken):
        found.append(f"{bad} of {len(steps.taken)} steps were INVALID and count for nothing")
    return found


def path_in(folder: Path, order: CapacityOrder, started_at: str) -> Path:
    """Where a search keeps what it learns."""
    stamp = started_at.removesuffix("+00:00").replace(":", "-") + "Z"
    return folder / f"{order.workload}_{order.target}_{stamp}.json"


def store(path: Path, record: Capacity) -> None:
    """Whole or not at all. MissingError when it cannot be written."""
    try:
        with replacing(path) as file:
            file.write(record.model_dump_json(by_alias=True, indent=2).encode() + b"\n")
    except OSError as error:
        raise MissingError(
            f"{path} cannot be written ({error.strerror}): free some space or make it writable"
        ) from None
