"""One trial: deploy, send the schedule or force cold starts, watch, remove, and put it all on record."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

import targets
from harness import validity
from harness.clock import now_ns, utc_now
from harness.cold import force_cold_starts
from harness.columns import REQUESTS, SAMPLES
from harness.experiment import Experiment
from harness.facts import HostTimes, usable_cpus
from harness.load.plan import LoadPlan
from harness.load.process import LoadProcess, LoadResult
from harness.plan import Trial
from harness.records import GeneratorRecord, Outcome, TrialRecord
from harness.requests import Exchange, Judge, exchanges_of
from harness.sampler import Sampler
from harness.units import unit_records
from loadprofiles.contract import fingerprint
from targets.contract import Deployment, DeploymentError, Order, Package, Target
from targets.lambda_front.server import TIMELINE_HEADER

Progress = Callable[[int, int], None]
"""Ended requests, of how many."""


@dataclass(frozen=True)
class Outcomes:
    """What a trial leaves: its record and its two tables."""

    record: TrialRecord
    requests: pa.Table
    samples: pa.Table


@dataclass(frozen=True)
class Visit:
    """Everything that one trial needs."""

    experiment: Experiment
    trial: Trial
    package: Package
    run_id: str
    attempt: int = 1

    @property
    def target(self) -> Target:
        """Where it goes."""
        return targets.target(self.trial.target)

    def order(self) -> Order:
        """What the deployment is asked for."""
        choice = self.experiment
        return Order(
            run_id=self.run_id,
            sizing=choice.sizing.of(self.target.kind),
            replicas=choice.replicas,
            function=choice.function.settings(choice.compression),
        )


def carry_out(visit: Visit, load: LoadProcess, progress: Progress) -> Outcomes:
    """Visit one deployment. A target that cannot be deployed leaves an INVALID record, not an exception."""
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
        deployment.destroy()
    return _record(
        visit, deployment, exchanges, result, sampler.table(begin_ns), (started_at, begin_ns, end_ns, before)
    )


def _send(
    visit: Visit, deployment: Deployment, load: LoadProcess, progress: Progress
) -> tuple[list[Exchange], int, LoadResult | None]:
    """Either the load profile's schedule through the load process, or forced cold starts one by one."""
    payloads = list(targets.workload(visit.trial.workload.name).payloads())
    timeout_s = visit.experiment.load.timeout_s
    if visit.trial.load is None:
        begin_ns, count = now_ns(), visit.experiment.cold_starts
        tell = lambda ended: progress(ended, count)  # noqa: E731
        return force_cold_starts(deployment, payloads, count, TIMELINE_HEADER, timeout_s, tell), begin_ns, None
    offsets = visit.trial.load.arrivals(visit.trial.arrival_seed)
    plan = LoadPlan(
        folder="",
        endpoints=[(endpoint.host, endpoint.port, endpoint.path) for endpoint in deployment.endpoints],
        sha256="",
        seconds=visit.trial.load.seconds,
        timeout_s=timeout_s,
        cap=visit.experiment.load.cap,
        prewarm=visit.experiment.load.prewarm,
        kept_header=TIMELINE_HEADER,
    )
    bodies = [payload.body for payload in payloads]
    result = load.carry_out(plan, offsets, bodies, lambda ended: progress(ended, len(offsets)))
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
    workload, own_model = targets.workload(trial.workload.name), trial.workload.model_dir is not None
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
        warnings=["answers are unchecked but for their form: the model is the user's own"] if own_model else [],
        deployment=deployment.describe(),
    )
    return Outcomes(record, requests, samples)


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
        "workload": trial.workload.name,
        "target": trial.target,
        "profile": trial.profile,
        "case": trial.case,
        "started_at": started_at,
    }
