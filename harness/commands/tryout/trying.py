"""Starts a workload once, sends each payload twice, one request at a time, and removes everything."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from harness.clock import now_ns
from harness.commands.tryout.start import Start, start_of
from harness.errors import MissingError
from harness.experiment.plan import Trial
from harness.experiment.question import Experiment
from harness.load.process import Arrival, Sent
from harness.load.senders import SenderFailed
from harness.measure.clean import sweep
from harness.measure.forced import Asker
from harness.measure.leases import SETTLE_S
from harness.measure.rows.bodies import read_bare, read_reply
from harness.measure.rows.evidence import Evidence, UnitLog
from harness.measure.rows.judge import Judge
from harness.measure.rows.units import logged_lives, seen_lives, unit_records
from harness.measure.sampler import Sampler
from harness.measure.visit import Visit
from harness.record.nouns import Outcome, UnitRecord
from targets.contract import Deployment, DeploymentError, Package, StartFailed, Witnessed
from targets.events import Event
from targets.workloads.contract import carries_envelope

TIMES = 2
MOST_S = 600.0
"""After so long no further request is sent: which were not is told."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What became of one request."""

    payload: str
    took_ms: float
    """From sending to the last byte."""
    row: dict[str, Any]
    """As a run would have stored it."""
    answer: Any

    @property
    def good(self) -> bool:
        """Whether it was answered, and the answer is right."""
        return bool(self.row["outcome"] == Outcome.OK)


@dataclass(frozen=True)
class Tried:
    """All that was seen."""

    visit: Visit
    failure: str = ""
    """Why nothing could be asked: the start failed, with the rest on further lines."""
    requests: Sequence[Request] = ()
    """Each payload in turn, and then again."""
    start: Start | None = None
    units: Sequence[UnitRecord] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    """What the deployment says of itself."""
    stopped: str = ""
    """Why not every request was sent."""

    @cached_property
    def second(self) -> list[Request]:
        """Those that came when each payload had been sent once, and were answered well."""
        return [request for request in self.requests[len(self.visit.workload.payloads()) :] if request.good]

    @property
    def peak_mb(self) -> float | None:
        """The most memory that a unit had, in MB of 2**20 bytes."""
        return _most([unit.memory_peak_bytes for unit in self.units])

    @property
    def own_peak_mb(self) -> float | None:
        """The most of it that is the unit's own: without the files that it has read."""
        return _most([unit.own_peak_bytes for unit in self.units])

    @property
    def out_of_memory(self) -> bool:
        """Whether the kernel ended a unit for want of memory."""
        return any(unit.oom_killed for unit in self.units) or "out of memory" in self.failure


def carry_out(experiment: Experiment, trial: Trial, say: Say) -> Tried:
    """All of it; nothing is left. MissingError when the target can neither be packaged for nor used."""
    run_id = f"try-{secrets.token_hex(3)}"
    visit = Visit(experiment, trial, Package(trial.workload.name, ""), run_id)
    try:
        package = visit.target.package(visit.workload, trial.workload.own_model, say)
        say(f"starting {visit.workload.name} on {visit.target.name}…")
        return _ask(Visit(experiment, trial, package, run_id))
    except DeploymentError as error:
        raise MissingError(str(error)) from error
    finally:
        sweep(run_id, [trial.target], cut_off=True)


def _ask(visit: Visit) -> Tried:
    can = visit.target.capabilities
    try:
        deployment = visit.target.deploy(visit.package, visit.order())
    except StartFailed as error:
        return Tried(visit, str(error))
    try:
        begin_ns = now_ns()
        with Sampler(deployment, can.usage == "polled") as sampler:
            arrivals, stopped = _send(visit, deployment)
        deployment.settle(SETTLE_S)
        facts, witnesses = deployment.describe(), list(deployment.witnesses())
    finally:
        deployment.destroy()
    log = deployment.events() if can.events else None
    tried = _read(visit, arrivals, log, witnesses, sampler.table(begin_ns))
    return Tried(visit, "", *tried, facts, stopped)


def _send(visit: Visit, deployment: Deployment) -> tuple[list[Arrival], str]:
    """Every request, one after the other; and why some were not sent."""
    asker = Asker(list(visit.workload.payloads()), visit.experiment.load.timeout_s)
    count, until_ns = TIMES * len(asker.payloads), now_ns() + int(MOST_S * 1e9)
    arrivals: list[Arrival] = []
    try:
        ready = asker.make_ready(deployment.endpoints)
        while len(arrivals) < count and now_ns() < until_ns:
            arrivals.append(asker.ask(deployment.endpoints[0], ready, len(arrivals), now_ns()))
    except SenderFailed as error:
        raise MissingError(f"no request could be made: {error}") from error
    left = count - len(arrivals)
    return arrivals, f"{left} of {count} requests were not sent: {MOST_S / 60:g} minutes were over" if left else ""


def _read(
    visit: Visit, arrivals: list[Arrival], events: list[Event] | None, witnesses: list[Witnessed], samples: Any
) -> tuple[list[Request], Start | None, list[UnitRecord]]:
    can, workload = visit.target.capabilities, visit.workload
    log = None if events is None else UnitLog(events)
    sent = Sent.of(arrivals[0].scheduled_ns, arrivals)
    try:
        own_model = visit.trial.workload.has_own_model
        judged = Judge(workload, own_model, can, log, witnesses).judge(sent)
    finally:
        sent.replies.close()
    lives = logged_lives(log) if log else seen_lives(judged.requests)
    requests = [
        _request(arrival, row, carries_envelope(workload))
        for arrival, row in zip(arrivals, judged.requests.to_pylist(), strict=True)
    ]
    units = unit_records(lives, samples, judged.unit_memory)
    return requests, start_of(_evidence(arrivals[0]), log, can.clock), units


def _request(arrival: Arrival, row: dict[str, Any], enveloped: bool) -> Request:
    tail, streamed = (arrival.reply.tail, arrival.reply.streamed) if arrival.reply else (b"", False)
    took_ms = (arrival.done_ns - arrival.sent_ns) / 1e6 if arrival.sent_ns else 0.0
    answer = read_reply(arrival.head, tail, streamed).answer if enveloped else read_bare(arrival.head + tail)
    return Request(str(row["payload"]), took_ms, row, answer)


def _evidence(arrival: Arrival) -> Evidence:
    if arrival.reply is None:
        return Evidence()
    content = read_reply(arrival.head, arrival.reply.tail, arrival.reply.streamed)
    return Evidence.of(content.envelope, arrival.reply.header)


def _most(values: Sequence[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) / 2**20 if known else None


def packaged_bytes(package: Package) -> tuple[str, int | None]:
    """What the workload was packaged as, and its size: an image by its engine's word, a folder by its files."""
    if isinstance(size := package.facts.get("size_bytes"), int):
        return "image", size
    size = package.facts.get("site_bytes")
    return ("packages", size) if isinstance(size, int) else ("package", None)
