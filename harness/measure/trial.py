"""One trial: deploy, send the schedule or force cold starts, watch, remove, and put it all on record."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial

from harness.clock import now_ns
from harness.load.failures import WorkersLost
from harness.load.process import LoadProcess, Sent
from harness.load.senders import SenderFailed
from harness.load.wire import LoadPlan
from harness.measure.beforehand import NOTHING, Beforehand, Preparation
from harness.measure.constancy import Circumstances
from harness.measure.forced import Asker, force_cold_starts
from harness.measure.gpus.records import add_gpus, gpus_of_units
from harness.measure.gpus.sampler import GpuSampler
from harness.measure.hearing import account_of, write_off_untold
from harness.measure.leases import SETTLE_S, Leases
from harness.measure.purse import Flight, Fly, Purse
from harness.measure.recording import Outset, record_refusal, record_trial, record_unsent
from harness.measure.rows.completions import KeptCompletions
from harness.measure.sampler import Sampler
from harness.measure.scale_out import scale_out_under
from harness.measure.visit import Account, Visit, VisitResult
from targets.contract import Capabilities, Completion, Deployment, DeploymentError, StartFailed
from targets.workloads.contract import carries_envelope

DRAIN_LIMIT_S = 3600.0
"""How long accepted requests may take to their ends, all of them together."""
Progress = Callable[[int, int], None]
"""Ended requests, of how many."""


def visit_target(
    visit: Visit, leases: Leases, load: LoadProcess, progress: Progress, purse: Purse | None = None
) -> VisitResult:
    """Visit one deployment, and see that nothing changed meanwhile that should not have."""
    before = Circumstances.look(visit.engine)
    result = _measure(visit, leases, load, progress, purse or Purse())
    later = Circumstances.look(visit.engine)
    return _add_problems(result, before.problems(later, visit.lasting))


def _measure(visit: Visit, leases: Leases, load: LoadProcess, progress: Progress, purse: Purse) -> VisitResult:
    """A target whose units do not start has failed all its requests; any other refusal is the bench's or machine's."""
    outset = Outset.look()
    try:
        lease = leases.take(visit, partial(purse.open, visit.trial.workload.key, visit.trial.target))
    except StartFailed as error:
        return record_refusal(visit, outset, error)
    except DeploymentError as error:
        return record_unsent(visit, outset, str(error))
    deployment, can = lease.deployment, visit.target.capabilities
    fly = partial(purse.flight, purse.open(visit.trial.workload.key, visit.trial.target, deployment))
    with ExitStack() as account:
        try:
            beforehand = _prepare(visit, deployment, fly)
            with Sampler(deployment, can.usage == "polled") as sampler, GpuSampler(visit.has_gpus) as gpus:
                with fly(visit.schedule) as flight:
                    sent = _send(visit, deployment, load, _counted(progress, flight))
                    end_ns = now_ns()
                account.enter_context(account_of(deployment, sent, can))
                ends, unheard = _take_ends(deployment, can)  # watched: most of a batch may be worked off by then
            said, unsaid = _take_account(deployment, ends)
        finally:
            problems = leases.give_back(visit, lease)
        said = replace(said, witnesses=lease.new_words(said.witnesses, beforehand.request_ids))
        said = replace(said, events=lease.events())  # after the removal, which is one of them
        result = record_trial(visit, outset, said, sent, sampler.table(sent.begin_ns), end_ns, beforehand)
        write_off_untold(deployment, result.record.witnessed, can)
    if visit.has_gpus:
        result = add_gpus(result, gpus.table(sent.begin_ns, gpus_of_units(said.events)))
    silent = [*unheard, *unsaid]
    return _add_problems(result, [*beforehand.problems, *sampler.problems, *gpus.problems, *silent, *problems])


def _counted(progress: Progress, flight: Flight | None) -> Progress:
    """Progress that is told to whoever counts what is under way, too."""
    if flight is None:
        return progress

    def advance(ended: int, of: int) -> None:
        flight.advance(ended)
        progress(ended, of)

    return advance


def _prepare(visit: Visit, deployment: Deployment, fly: Fly) -> Beforehand:
    """Do what the trial's begin asks for before its first request, if anything."""
    if visit.trial.begin != "steady":
        return NOTHING
    return Preparation(visit, deployment, _asker(visit), fly).carry_out()


def _asker(visit: Visit) -> Asker:
    workload = visit.workload
    return Asker(list(workload.payloads()), visit.experiment.load.timeout_s, carries_envelope(workload))


def _take_ends(deployment: Deployment, can: Capabilities) -> tuple[KeptCompletions, list[str]]:
    """Ends of accepted requests. Where no more can come, those that came are kept and the trial is INVALID."""
    ends = KeptCompletions()
    if can.asynchronous:
        try:
            ends.take(_all_ends(deployment))
        except DeploymentError as error:
            return ends, [f"ends of accepted requests could not be had: {error}"]
        except Exception as error:  # a service far away fails in ways of its own
            return ends, [f"ends of accepted requests could not be had: {type(error).__name__}: {error}"]
    return ends, []


def _take_account(deployment: Deployment, ends: KeptCompletions) -> tuple[Account, list[str]]:
    """What the deployment says while it is there: a log far away may go with what it is of. What it could not say
    makes the trial INVALID; what was measured is kept."""
    account = Account(completions=ends)
    try:
        account = replace(account, facts=deployment.describe())
        deployment.settle(SETTLE_S)
        account = replace(account, witnesses=list(deployment.witnesses()))
        account = replace(account, facts=deployment.describe())  # what came late is among them
    except Exception as error:  # a service far away fails in ways of its own
        return account, [f"the platform's own word could not be had: {type(error).__name__}: {error}"]
    return account, []


def _all_ends(deployment: Deployment) -> Iterator[Completion]:
    """Ends of accepted requests, as long as one comes every SETTLE_S: a batch is worked off after the last reply."""
    deadline_ns = now_ns() + int(DRAIN_LIMIT_S * 1e9)
    came = True
    while came and now_ns() < deadline_ns:
        came = False
        for end in deployment.completions(SETTLE_S):
            came = True
            yield end


def _add_problems(result: VisitResult, problems: list[str]) -> VisitResult:
    """Add what makes the trial INVALID to its record."""
    all_problems = [problem[:2000] for problem in [*result.record.problems, *problems]]
    return replace(result, record=result.record.model_copy(update={"problems": all_problems}))


def _send(visit: Visit, deployment: Deployment, load: LoadProcess, progress: Progress) -> Sent:
    """Send in the one of three ways that the trial's cell asks for. Where the target's sender cannot send, or
    workers of other machines are lost before it begins, nothing is sent and the trial has that problem."""
    asker = _asker(visit)
    begin_ns = now_ns()
    try:
        if visit.trial.regime is not None:
            return _send_to_cold_units(visit, deployment, asker, progress)
        if visit.trial.scale_out:
            return _send_while_scaling_out(visit, deployment, load, asker, progress)
        return _send_schedule(visit, deployment, load, progress)
    except (SenderFailed, WorkersLost) as error:
        return Sent.of(begin_ns, [], [str(error)])


def _send_to_cold_units(visit: Visit, deployment: Deployment, asker: Asker, progress: Progress) -> Sent:
    count, regime, can = visit.experiment.cold_starts, visit.trial.regime, visit.target.capabilities
    dropped = regime is not None and regime.page_cache == "dropped"
    return force_cold_starts(deployment, can, asker, count, dropped, lambda proven: progress(proven, count))


def _send_while_scaling_out(
    visit: Visit, deployment: Deployment, load: LoadProcess, asker: Asker, progress: Progress
) -> Sent:
    assert visit.schedule is not None and visit.trial.load is not None
    count, first, seconds = visit.trial.scale_out, len(visit.schedule), visit.trial.load.seconds
    send = lambda: _send_schedule(visit, deployment, load, progress)  # noqa: E731
    return scale_out_under(send, deployment, asker, count, first, seconds)


def _send_schedule(visit: Visit, deployment: Deployment, load: LoadProcess, progress: Progress) -> Sent:
    offsets, profile, choice = visit.schedule, visit.trial.load, visit.experiment.load
    assert offsets is not None and profile is not None
    plan = LoadPlan(
        folder="",
        endpoints=list(deployment.endpoints),
        sha256="",
        seconds=profile.seconds,
        timeout_s=choice.timeout_s,
        cap=choice.cap,
        prewarm=choice.prewarm,
    )
    bodies = [payload.body for payload in visit.workload.payloads()]
    return load.carry_out(plan, offsets, bodies, lambda ended: progress(ended, len(offsets)))
