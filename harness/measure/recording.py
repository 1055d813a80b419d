"""From what a trial's witnesses saw to its record: rows, units, how well the schedule was kept, what is doubtful."""

import json
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from harness.clock import now_ns, utc_now
from harness.load.host_times import HostTimes
from harness.load.process import Arrival, Sent
from harness.load.wire import Fate
from harness.measure.beforehand import NOTHING, Beforehand
from harness.measure.forced import first_line
from harness.measure.generator import connection_warnings, generator_record, validity_problems
from harness.measure.machine import usable_cpus
from harness.measure.rows.deaths import with_death
from harness.measure.rows.evidence import UnitLog
from harness.measure.rows.judge import Judge, Judged
from harness.measure.rows.refusals import refusal_problems, refusal_warnings
from harness.measure.rows.units import logged_lives, seen_lives, unit_records
from harness.measure.scale_out import moments_of_adding
from harness.measure.visit import Account, Visit, VisitResult
from harness.record.columns import SAMPLES, requests_schema
from harness.record.figures import plural
from harness.record.forms import as_seconds
from harness.record.nouns import PROVEN_COLD, Case, Outcome, TrialRecord
from harness.record.reasons import reasons_of
from loadprofiles.contract import fingerprint
from targets.contract import StartFailed
from targets.events import Event
from targets.workloads.contract import Untold, carries_envelope

EVENTS = "events.jsonl"
"""In a witness folder: the deployment's own log."""
NEVER_STARTED = "the target could not be started, so every request counts as failed"
"""How the warning of a trial begins none of whose units answered, so that all requests failed; below it stands why."""


@dataclass(frozen=True)
class Outset:
    """How things stood when a trial began."""

    at: str
    """Wall time, for people."""
    host: HostTimes

    @classmethod
    def look(cls) -> "Outset":
        """Look at the clock and the machine's counters."""
        return cls(utc_now().isoformat(timespec="seconds"), HostTimes.read())


def record_trial(
    visit: Visit,
    outset: Outset,
    account: Account,
    sent: Sent,
    samples: pa.Table,
    end_ns: int,
    beforehand: Beforehand = NOTHING,
) -> VisitResult:
    """The record of a trial in which requests were sent; what was `beforehand` is told, and counts nowhere."""
    log = UnitLog(account.events) if visit.target.capabilities.events else None
    judged = judge_rows(visit, sent, account, log)
    if visit.trial.regime is None:
        judged = replace(judged, requests=with_death(judged.requests, account.events))
    result = record_arrivals(visit, outset, sent, account, judged, (end_ns - sent.begin_ns) / 1e9)
    lives = logged_lives(log, sent.begin_ns if beforehand.record else 0) if log else seen_lives(result.requests)
    units = unit_records(lives, samples, judged.unit_memory)
    if result.record.fruitless:  # what is wrong with the trial is not how it began
        beforehand = replace(beforehand, failure="")
    update = {
        "starts": sum(unit.for_request for unit in units),
        "units": units,
        "deployment": account.facts | ({"gpus": judged.gpus} if judged.gpus else {}),
        "init_timeout_s": as_seconds(account.facts.get("init_timeout_s")),
        **begin_fields(visit, beforehand),
        "problems": [*result.record.problems, *([beforehand.failure[:2000]] if beforehand.failure else [])],
        "warnings": [
            *beforehand.warnings,
            *(*judged.warnings, *lost_ends(account), *connection_warnings(sent)),
            *warnings_of(visit, result.requests, account.events),
        ],
    }
    return replace(result, record=result.record.model_copy(update=update), samples=samples)


def begin_fields(visit: Visit, beforehand: Beforehand) -> dict[str, Any]:
    """What was done beforehand, and in the case how its pool truly began; one whose begin failed is INVALID, and stays
    of the case that it was to be."""
    if beforehand.record is None:
        return {}
    if beforehand.failure:
        return {"begin": beforehand.record}
    case: Case = {**visit.trial.case, "begin": beforehand.record.state}
    return {"begin": beforehand.record, "case": case}


def lost_ends(account: Account) -> list[str]:
    """That ends of accepted requests had not the form of one, so that their rows are unfinished."""
    dropped = account.completions.dropped
    return [f"{dropped} ends of accepted requests had no accepted form: dropped"] if dropped else []


def record_refusal(visit: Visit, outset: Outset, why: StartFailed) -> VisitResult:
    """The record of a trial whose target did not start: every arrival has failed, as it would at a function."""
    begin_ns = now_ns()
    arrivals = [
        Arrival(index, begin_ns + int(offset * 1e9), Fate.FAILED, error=first_line(why))
        for index, offset in enumerate(_offsets_of(visit))
    ]
    sent, account = Sent.of(begin_ns, arrivals), Account()
    result = record_arrivals(visit, outset, sent, account, judge_rows(visit, sent, account, None), 0)
    return replace(result, record=result.record.model_copy(update={"warnings": [f"{NEVER_STARTED}\n{why}"[:2000]]}))


def _offsets_of(visit: Visit) -> list[float]:
    """When each row of a trial is due, in s: by its schedule and for added replicas; forced starts all at once."""
    if visit.schedule is None or visit.trial.load is None:
        return [0.0] * visit.experiment.cold_starts
    return [*visit.schedule, *moments_of_adding(visit.trial.scale_out, visit.trial.load.seconds)]


def record_arrivals(
    visit: Visit, outset: Outset, sent: Sent, account: Account, judged: Judged, took_s: float
) -> VisitResult:
    """What every trial with rows has on record: its counts, how well the schedule was kept, how the machine fared."""
    if visit.witness is not None:
        (visit.witness / EVENTS).write_text("".join(json.dumps(event) + "\n" for event in account.events))
    can = visit.target.capabilities
    host_times = HostTimes.read()
    steal, throttled = host_times.steal_share(outset.host), host_times.was_throttled_since(outset.host)
    counts = counts_of(judged.requests)
    good = pc.equal(judged.requests["outcome"].cast(pa.string()), Outcome.OK.value).to_numpy()
    record = TrialRecord(
        **trial_fields(visit, outset),
        seconds=visit.trial.load.seconds if visit.trial.load else took_s,
        schedule_sha256=None if visit.schedule is None else fingerprint(visit.schedule),
        counts=counts,
        scheduled=len(judged.requests),
        reasons=reasons_of(judged.requests),
        phases=judged.phases,
        parts=further_parts(visit),
        witnessed=judged.witnessed,
        open_starts=len(judged.open_rows),
        host_cpus=usable_cpus(),
        unit_cpus=visit.order().sizing.cpus if can.isolated and can.clock == "shared" else None,
        steal_share=None if steal is None else max(0.0, steal),
        generator=generator_record(sent, throttled),
        problems=[
            *(problem[:2000] for problem in sent.problems),
            *validity_problems(sent, good, steal, throttled),
            *refusal_problems(judged.requests),
        ],
    )
    return VisitResult(record, judged.requests, SAMPLES.empty_table())


def judge_rows(visit: Visit, sent: Sent, account: Account, log: UnitLog | None) -> Judged:
    """The rows, after which nothing of replies and completions is needed any more."""
    own_model = visit.trial.workload.has_own_model
    can = visit.target.capabilities
    try:
        further = further_parts(visit)
        return Judge(visit.workload, own_model, can, log, account.witnesses, account.completions, further).judge(sent)
    finally:
        sent.replies.close()
        account.completions.close()


def further_parts(visit: Visit) -> list[str]:
    """Names of the parts of its target beside the one that requests reach."""
    return [part.name for part in visit.target.parts[1:]]


def counts_of(requests: pa.Table) -> dict[Outcome, int]:
    """How many arrivals ended in each way."""
    counted = pc.value_counts(requests["outcome"].cast(pa.string())).to_pylist()
    counts = {entry["values"]: entry["counts"] for entry in counted}
    return {outcome: counts.get(outcome.value, 0) for outcome in Outcome}


NO_ENVELOPE = (
    "nothing of ours runs in the user's image, so its answers carry no envelope: phases within a start, time in the "
    "handler, GPU time and tokens are absent; what a request met is told by the deployment's log alone, and of several "
    "replicas nobody knows which one answered"
)


def warnings_of(visit: Visit, requests: pa.Table, events: list[Event]) -> list[str]:
    """Lines that say what makes the trial's rows doubtful."""
    warnings = []
    workload, own_model = visit.workload, visit.trial.workload.has_own_model
    form_alone = workload.is_untold if isinstance(workload, Untold) else own_model
    if form_alone:
        warnings.append("answers are unchecked but for their form: the model is the user's own")
    if not carries_envelope(visit.workload):
        warnings.append(NO_ENVELOPE)
    queued = visit.target.capabilities.asynchronous
    unit, after = ("worker", "another takes its place") if queued else ("replica", "nothing restarts it")
    warnings += [
        f"{unit} {event['unit']} ended in the trial and {after}: {event['why']}"[:2000]
        for event in events
        if event["kind"] == "died" and "why" in event and visit.trial.regime is None
    ]
    if resent := pc.sum(requests["resent"]).as_py():
        warnings.append(
            f"{plural(resent, 'request')} had to be sent again on a fresh connection: the kept one had been closed"
        )
    warnings += refusal_warnings(requests)
    if visit.trial.regime is not None:
        opened = requests["new_connection"].to_pylist()
        if opened and all(new is False for new in opened):  # nothing was there to connect to
            warnings.append(f"{NEVER_STARTED}\n{requests['error'][0].as_py()}")
        warnings += unproven_warnings(requests.column("start_class").to_pylist(), visit.experiment.cold_starts)
    return warnings


def unproven_warnings(classes: list[str | None], count: int) -> list[str]:
    """What a trial of forced starts has to say about those that were not of the right kind."""
    proven = sum(kind in PROVEN_COLD for kind in classes)
    warnings = []
    if proven < len(classes):
        warnings.append(f"{len(classes) - proven} of {len(classes)} forced starts were not proven cold: discarded")
    if proven < count:
        warnings.append(f"{proven} cold starts instead of {count}: {len(classes)} were tried")
    return warnings


def record_unsent(visit: Visit, outset: Outset, why: str) -> VisitResult:
    """A trial in which nothing was sent: on record with its reason, so that it is seen and counted."""
    counts = dict.fromkeys(Outcome, 0)
    record = TrialRecord(
        **trial_fields(visit, outset), seconds=0, counts=counts, scheduled=0, phases=[], problems=[why[:2000]]
    )
    return VisitResult(record, requests_schema([]).empty_table(), SAMPLES.empty_table())


def trial_fields(visit: Visit, outset: Outset) -> dict[str, Any]:
    """The fields of a record that say which trial, attempt and row it is."""
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
        "started_at": outset.at,
    }
