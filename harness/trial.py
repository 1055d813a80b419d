"""One trial: deploy, send the schedule or force cold starts, watch, remove, and put it all on record."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import targets
from harness import validity
from harness.clock import now_ns, utc_now
from harness.cold import Question, discarded, force_cold_starts
from harness.columns import REQUESTS, SAMPLES
from harness.constancy import Circumstances
from harness.experiment import Experiment
from harness.facts import HostTimes, usable_cpus
from harness.load.plan import LoadPlan
from harness.load.process import LoadProcess, LoadResult
from harness.plan import Trial
from harness.records import GeneratorRecord, Outcome, TrialRecord
from harness.requests import Exchange, Judge, exchanges_of
from harness.sampler import Sampler
from harness.scale_out import scale_out_under
from harness.units import unit_records
from loadprofiles.contract import fingerprint
from targets.contract import Deployment, DeploymentError, Event, Order, Package, Target
from targets.lambda_front.server import TIMELINE_HEADER

Progress = Callable[[int, int], None]
"""Ended requests, of how many."""
EVENTS = "events.jsonl"
"""In a witness folder: the deployment's own log."""


@dataclass(frozen=True)
class Outcomes:
    """What a trial leaves: its record and its two tables."""

    record: TrialRecord
    requests: pa.Table
    samples: pa.Table
    repeatable: bool = False
    """It may end otherwise when it is tried again, although nothing could be sent."""


@dataclass(frozen=True)
class Visit:
    """Everything that one trial needs."""

    experiment: Experiment
    trial: Trial
    package: Package
    run_id: str
    attempt: int = 1
    lasting: dict[str, Any] = field(default_factory=dict)
    """Facts at the begin of the run, which must still hold."""
    witness: Path | None = None
    """A folder for what the workload and the deployment themselves say of this trial; None where nobody asks."""

    @property
    def target(self) -> Target:
        """Where it goes."""
        return targets.target(self.trial.target)

    @property
    def engine(self) -> bool:
        """Whether an engine of this machine runs its units."""
        return self.target.local and self.target.isolated

    def order(self) -> Order:
        """What the deployment is asked for."""
        choice = self.experiment
        return Order(
            run_id=self.run_id,
            sizing=choice.sizing.of(self.target.kind),
            replicas=choice.replicas,
            function=choice.function.settings(choice.compression),
            environment=settings_variable(self.trial.workload.settings),
            ledger=self.witness,
            images_absent=self.trial.regime is not None and self.trial.regime.images == "absent",
        )


def settings_variable(settings: dict[str, Any]) -> dict[str, str]:
    """How a workload's settings reach the serving code."""
    return {"FROSTLINE_SETTINGS": json.dumps(settings)} if settings else {}


def carry_out(visit: Visit, load: LoadProcess, progress: Progress) -> Outcomes:
    """Visit one deployment, and see that nothing changed meanwhile that should not have."""
    before = Circumstances.now(visit.engine)
    found = _visited(visit, load, progress)
    later = Circumstances.now(visit.engine)
    problems = [*found.record.problems, *before.problems(later, visit.lasting)]
    record = found.record.model_copy(update={"problems": [problem[:2000] for problem in problems]})
    return replace(found, record=record, repeatable=before.restarted(later))


def _visited(visit: Visit, load: LoadProcess, progress: Progress) -> Outcomes:
    """A target that cannot be deployed leaves an INVALID record, not an exception."""
    started_at = utc_now().isoformat(timespec="seconds")
    before = HostTimes.now()
    try:
        deployment = visit.target.deploy(visit.package, visit.order())
    except DeploymentError as error:
        return _not_deployed(visit, started_at, str(error))
    try:
        with Sampler(deployment) as sampler:
            exchanges, begin_ns, result = _send(visit, deployment, load, progress)
        end_ns = now_ns()
    except DeploymentError as error:
        return _not_deployed(visit, started_at, str(error))
    finally:
        kept = _destroyed(deployment)
    found = _record(
        visit, deployment, exchanges, result, sampler.table(begin_ns), (started_at, begin_ns, end_ns, before)
    )
    return replace(found, record=found.record.model_copy(update={"problems": [*found.record.problems, *kept]}))


def _destroyed(deployment: Deployment) -> list[str]:
    """What could not be removed: the run's sweep, or `clean`, finds it again."""
    try:
        deployment.destroy()
    except DeploymentError as error:
        return [f"the deployment could not be removed: {error}"]
    return []


def _send(
    visit: Visit, deployment: Deployment, load: LoadProcess, progress: Progress
) -> tuple[list[Exchange], int, LoadResult | None]:
    """Either the load profile's schedule through the load process, or forced cold starts one by one."""
    trial, timeout_s = visit.trial, visit.experiment.load.timeout_s
    question = Question(list(trial.workload.resolve().payloads()), TIMELINE_HEADER, timeout_s)
    if trial.regime is not None:
        begin_ns, count = now_ns(), visit.experiment.cold_starts
        dropped = trial.regime.page_cache == "dropped"
        tell = lambda ended: progress(ended, count)  # noqa: E731
        return force_cold_starts(deployment, question, count, dropped, tell), begin_ns, None
    assert trial.load is not None
    offsets = trial.load.arrivals(trial.arrival_seed)
    plan = LoadPlan(
        folder="",
        endpoints=[(endpoint.host, endpoint.port, endpoint.path) for endpoint in deployment.endpoints],
        sha256="",
        seconds=trial.load.seconds,
        timeout_s=timeout_s,
        cap=visit.experiment.load.cap,
        prewarm=visit.experiment.load.prewarm,
        kept_header=TIMELINE_HEADER,
    )
    bodies = [payload.body for payload in question.payloads]

    def send() -> LoadResult:
        return load.carry_out(plan, offsets, bodies, lambda ended: progress(ended, len(offsets)))

    if trial.scale_out:
        seconds = trial.load.seconds
        exchanges, result = scale_out_under(send, deployment, question, trial.scale_out, len(offsets), seconds)
        return exchanges, result.begin_ns, result
    result = send()
    return exchanges_of(result), result.begin_ns, result


def _record(
    visit: Visit,
    deployment: Deployment,
    exchanges: list[Exchange],
    result: LoadResult | None,
    samples: pa.Table,
    moments: tuple[str, int, int, HostTimes],
) -> Outcomes:
    started_at, begin_ns, end_ns, before = moments
    trial, events = visit.trial, deployment.events()
    if visit.witness is not None:
        (visit.witness / EVENTS).write_text("".join(json.dumps(event) + "\n" for event in events))
    workload, own_model = trial.workload.resolve(), trial.workload.model_dir is not None
    requests = Judge(workload, own_model, events).table(exchanges, begin_ns)
    now = HostTimes.now()
    steal, throttled = now.steal_share(before), now.throttled_since(before)
    generator, problems = _generator(visit, result, requests, throttled)
    problems += [problem for problem in (validity.steal_problem(steal),) if problem]
    outcomes = requests.column("outcome").to_pylist()
    units = unit_records(events, samples, begin_ns)
    target = visit.target
    record = TrialRecord(
        **_key(visit, started_at),
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
        warnings=_warnings(visit, requests, events),
        deployment=deployment.describe(),
    )
    return Outcomes(record, requests, samples)


def _warnings(visit: Visit, requests: pa.Table, events: list[Event]) -> list[str]:
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


def _generator(
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
    found = [
        validity.lag_problem(lag_p99, validity.percentile_ns(service, 0.5)),
        validity.rate_problem(validity.pace(scheduled, started)),
        validity.shed_problem(int((requests["outcome"].to_pandas() == Outcome.SHED).sum())),
        validity.throttle_problem(throttled),
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


def _not_deployed(visit: Visit, started_at: str, why: str) -> Outcomes:
    """A trial in which nothing was sent: on record with its reason, so that it is seen and counted."""
    counts = dict.fromkeys(Outcome, 0)
    record = TrialRecord(**_key(visit, started_at), seconds=0, counts=counts, scheduled=0, problems=[why[:2000]])
    return Outcomes(record, REQUESTS.empty_table(), SAMPLES.empty_table())


def _key(visit: Visit, started_at: str) -> dict[str, Any]:
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
