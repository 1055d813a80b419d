"""One trial: deploy, send the schedule or force cold starts, watch, remove, and put it all on record."""

from collections.abc import Callable
from dataclasses import replace

from harness.clock import now_ns, utc_now
from harness.load.plan import LoadPlan
from harness.load.process import LoadProcess, LoadResult
from harness.measure.constancy import Circumstances
from harness.measure.forced import Question, force_cold_starts
from harness.measure.machine import HostTimes
from harness.measure.recording import recorded, unsent
from harness.measure.rows import Exchange, exchanges_of
from harness.measure.sampler import Sampler
from harness.measure.scale_out import scale_out_under
from harness.measure.visit import Outcomes, Visit
from targets.contract import Deployment, DeploymentError
from targets.lambda_front.server import TIMELINE_HEADER

Progress = Callable[[int, int], None]
"""Ended requests, of how many."""


def carry_out(visit: Visit, load: LoadProcess, progress: Progress) -> Outcomes:
    """Visit one deployment, and see that nothing changed meanwhile that should not have."""
    before = Circumstances.look(visit.engine)
    found = _visited(visit, load, progress)
    later = Circumstances.look(visit.engine)
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
        return unsent(visit, started_at, str(error))
    try:
        with Sampler(deployment) as sampler:
            exchanges, begin_ns, result = _send(visit, deployment, load, progress)
        end_ns = now_ns()
    except DeploymentError as error:
        return unsent(visit, started_at, str(error))
    finally:
        kept = _destroyed(deployment)
    found = recorded(
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
