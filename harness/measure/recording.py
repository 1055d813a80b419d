"""From what a trial's witnesses saw to its record: rows, units, how well the schedule was kept, what is doubtful."""

import json
from typing import Any

import numpy as np
import pyarrow as pa

from harness.load.process import LoadResult
from harness.measure import validity
from harness.measure.forced import discarded
from harness.measure.machine import HostTimes, usable_cpus
from harness.measure.rows import Exchange, Judge
from harness.measure.visit import Outcomes, Visit
from harness.record.columns import REQUESTS, SAMPLES
from harness.record.nouns import GeneratorRecord, Outcome, TrialRecord, UnitRecord
from loadprofiles.contract import fingerprint
from targets.contract import Deployment, Event

EVENTS = "events.jsonl"
"""In a witness folder: the deployment's own log."""


def recorded(
    visit: Visit,
    deployment: Deployment,
    exchanges: list[Exchange],
    result: LoadResult | None,
    samples: pa.Table,
    moments: tuple[str, int, int, HostTimes],
) -> Outcomes:
    """The record of a trial that was sent. `moments`: its label, begin and end in ns, the machine's times before it."""
    started_at, begin_ns, end_ns, before = moments
    trial, events = visit.trial, deployment.events()
    if visit.witness is not None:
        (visit.witness / EVENTS).write_text("".join(json.dumps(event) + "\n" for event in events))
    workload, own_model = trial.workload.resolve(), trial.workload.model_dir is not None
    requests = Judge(workload, own_model, events).table(exchanges, begin_ns)
    now = HostTimes.now()
    steal, throttled = now.steal_share(before), now.throttled_since(before)
    generator, problems = generator_of(visit, result, requests, throttled)
    problems += [problem for problem in (validity.steal_problem(steal, validity.in_force),) if problem]
    outcomes = requests.column("outcome").to_pylist()
    units = unit_records(events, samples, begin_ns)
    target = visit.target
    record = TrialRecord(
        **key_of(visit, started_at),
        seconds=trial.load.seconds if trial.load else (end_ns - begin_ns) / 1e9,
        schedule_sha256=fingerprint(trial.load.arrivals(trial.arrival_seed)) if trial.load else None,
        counts={outcome: outcomes.count(outcome) for outcome in Outcome},
        scheduled=len(exchanges),
        starts=sum(unit.for_request for unit in units),
        units=units,
        host_cpus=usable_cpus(),
        unit_cpus=visit.order().sizing.cpus if target.isolated else None,
        steal_share=None if steal is None else max(0.0, steal),
        generator=generator,
        problems=problems,
        warnings=warnings_of(visit, requests, events),
        deployment=deployment.describe(),
    )
    return Outcomes(record, requests, samples)


def warnings_of(visit: Visit, requests: pa.Table, events: list[Event]) -> list[str]:
    """What makes the trial's rows doubtful."""
    found = []
    if visit.trial.workload.model_dir is not None:
        found.append("answers are unchecked but for their form: the model is the user's own")
    found += [
        f"replica {event['unit']} ended in the trial and nothing restarts it: {event['why']}"[:2000]
        for event in events
        if event["kind"] == "died" and "why" in event
    ]
    if visit.trial.regime is not None:
        found += discarded(requests.column("start_class").to_pylist(), visit.experiment.cold_starts)
    return found


def generator_of(
    visit: Visit, result: LoadResult | None, requests: pa.Table, throttled: bool
) -> tuple[GeneratorRecord | None, list[str]]:
    """How well the schedule was kept, and what about it makes the trial INVALID."""
    if result is None:
        return None, []
    scheduled, started = result.records["scheduled_ns"], result.records["started_ns"]
    lag = (started - scheduled)[started > 0]
    good = requests.filter(pa.compute.equal(requests["outcome"].cast(pa.string()), "ok")).to_pandas()
    service = (good["done_ns"] - good["sent_ns"]).to_numpy()
    lag_p99 = validity.percentile_ns(lag, 0.99)
    limits = validity.in_force
    found = [
        validity.lag_problem(lag_p99, validity.percentile_ns(service, 0.5), limits),
        validity.rate_problem(validity.pace(scheduled, started), limits),
        validity.shed_problem(int((requests["outcome"].to_pandas() == Outcome.SHED).sum())),
        validity.throttle_problem(throttled, limits),
    ]
    workers: list[dict[str, Any]] = result.workers
    record = GeneratorRecord(
        workers=len(workers),
        timer=workers[0]["timer"],
        priority=workers[0]["priority"],
        lag_p50_ns=validity.percentile_ns(lag, 0.5),
        lag_p99_ns=lag_p99,
        lag_max_ns=int(np.max(lag)) if len(lag) else None,
        cpu_share=max(worker["cpu_share"] for worker in workers),
        throttled=throttled,
        prewarmed=visit.experiment.load.prewarm,
    )
    return record, [problem for problem in found if problem]


def unsent(visit: Visit, started_at: str, why: str) -> Outcomes:
    """A trial in which nothing was sent: on record with its reason, so that it is seen and counted."""
    counts = dict.fromkeys(Outcome, 0)
    record = TrialRecord(**key_of(visit, started_at), seconds=0, counts=counts, scheduled=0, problems=[why[:2000]])
    return Outcomes(record, REQUESTS.empty_table(), SAMPLES.empty_table())


def key_of(visit: Visit, started_at: str) -> dict[str, Any]:
    """Which trial, which attempt, which row."""
    trial = visit.trial
    return {
        "trial": trial.id,
        "attempt": visit.attempt,
        "round": trial.round,
        "order": trial.order,
        "workload": trial.workload.key,
        "target": trial.target,
        "profile": trial.profile,
        "case": trial.case,
        "started_at": started_at,
    }


def unit_records(events: list[Event], samples: pa.Table, begin_ns: int) -> list[UnitRecord]:
    """Every unit that was created, in order; figures are the kernel's last ones, or the last sample's."""
    frame = samples.to_pandas().astype({"unit": str})
    last_ns = max((event["at_ns"] for event in events), default=begin_ns)
    found = []
    for created in (event for event in events if event["kind"] == "create"):
        name = created["unit"]
        own = [event for event in events if event.get("unit") == name]
        nothing: Event = {}
        removed = next((event for event in own if event["kind"] == "removed"), nothing)
        sampled = frame[frame["unit"] == name]
        found.append(
            UnitRecord(
                unit=name,
                for_request=bool(created.get("for_request")),
                lived_ns=max(0, removed.get("at_ns", last_ns) - created["at_ns"]),
                memory_peak_bytes=_whole(removed.get("memory_peak_bytes")),
                own_peak_bytes=_most(removed.get("own_memory_bytes"), sampled["own_memory_bytes"].max()),
                memory_mean_bytes=_whole(sampled["memory_bytes"].mean()),
                cpu_ns=_most(removed.get("cpu_ns"), sampled["cpu_ns"].max()),
                throttled_ns=_most(removed.get("throttled_ns"), sampled["throttled_ns"].max()),
                oom_killed=bool(removed.get("oom_killed")),
            )
        )
    return found


def _whole(value: Any) -> int | None:
    """A pandas figure as an int; None for its NaN, which means that there was none."""
    return None if value is None or value != value else int(value)


def _most(*values: Any) -> int | None:
    known = [whole for value in values if (whole := _whole(value)) is not None]
    return max(known, default=None)
