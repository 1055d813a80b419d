"""Forced cold starts: remove every unit, prove it gone, send one request, keep its whole story."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from harness.clock import now_ns
from harness.load.process import Arrival, Sent
from harness.load.senders import SenderFailed
from harness.load.single import Lone
from harness.load.wire import Fate
from harness.measure import page_cache
from harness.measure.rows import starts
from harness.measure.rows.bare import met_by_log
from harness.measure.rows.bodies import read_reply
from harness.measure.rows.evidence import Evidence, UnitLog
from harness.measure.rows.starts import Wait
from harness.record.nouns import PROVEN_COLD
from targets.contract import Capabilities, Deployment, DeploymentError, Endpoint, StartFailed
from targets.workloads.contract import Payload

MOST_TRIES = 3
"""Forced starts per start of the right kind that is wanted; then the trial says how many it got."""
MOST_ERROR = 200


@dataclass(frozen=True)
class Asker:
    """Sends single requests, each on a connection of its own and never again."""

    payloads: list[Payload]
    timeout_s: float
    enveloped: bool = True
    """Whether answers carry evidence of their own; else only the deployment's log tells what they met."""

    def make_ready(self, endpoints: Sequence[Endpoint]) -> Lone | None:
        """The way to the first of them, where it is known: nothing of it then falls into what is measured.

        SenderFailed when its sender cannot send there."""
        bodies = [payload.body for payload in self.payloads]
        return Lone(endpoints[0], bodies, self.timeout_s) if endpoints else None

    def ask(self, endpoint: Endpoint, ready: Lone | None, index: int, scheduled_ns: int) -> Arrival:
        """Send one request with the payload whose turn it is, by the way that was made ready if it leads there."""
        if ready is None or ready.endpoint != endpoint:
            body = self.payloads[index % len(self.payloads)].body  # no more: the clock is running
            ready = Lone(endpoint, [body], self.timeout_s)
        return ready.ask(index, scheduled_ns, self.timeout_s)


def force_cold_starts(
    deployment: Deployment,
    can: Capabilities,
    asker: Asker,
    count: int,
    dropped: bool,
    progress: Callable[[int], None],
) -> Sent:
    """Send requests, each from nothing, until `count` of them met a proven cold start; what was not is among them too.

    A start that fails is a failed row, and the next one is tried; where nothing can be made cold or the machine refuses
    a start, or no request can be made, the rows so far are kept with a problem. `dropped`: the page cache is dropped
    before each.
    """
    arrivals: list[Arrival] = []
    begin_ns, proven = now_ns(), 0
    while proven < count and len(arrivals) < MOST_TRIES * count:
        try:
            arrival = _send_from_nothing(deployment, asker, len(arrivals), dropped)
            generation = deployment.generation if can.cold == "renewed" else ""
            arrivals.append(replace(arrival, generation=generation))
        except (DeploymentError, SenderFailed) as error:
            problem = f"no further cold start could be forced after {len(arrivals)}: {error}"
            return Sent.of(begin_ns, arrivals, [problem])
        proven += (is_proven_cold if asker.enveloped else is_logged_cold)(arrivals[-1], deployment, can)
        progress(proven)
    return Sent.of(begin_ns, arrivals)


def _send_from_nothing(deployment: Deployment, asker: Asker, index: int, dropped: bool) -> Arrival:
    """Send one request from nothing. For a service the clock begins when a replica is asked for."""
    asker.make_ready(deployment.endpoints)  # what vouches for a service is loaded: it may be nowhere once it is cold
    deployment.make_cold()
    ready = asker.make_ready(deployment.endpoints)
    if dropped:
        page_cache.drop()
    scheduled_ns = now_ns()
    try:
        deployment.wake()
    except StartFailed as error:
        return failed_arrival(index, scheduled_ns, error)
    return asker.ask(deployment.endpoints[0], ready, index, scheduled_ns)


def failed_arrival(index: int, scheduled_ns: int, error: StartFailed) -> Arrival:
    """The row of a request that could not be sent, because the unit that it was for did not start."""
    return Arrival(index, scheduled_ns, Fate.FAILED, done_ns=now_ns(), error=first_line(error))


def first_line(error: StartFailed) -> str:
    """What a row says of a unit that did not start: why, without the lines below that say the rest."""
    return str(error).split("\n")[0][:MOST_ERROR]


def is_proven_cold(arrival: Arrival, deployment: Deployment, can: Capabilities) -> bool:
    """Whether the reply proves that this request met a start: beside the deployment's log, or by its generation."""
    if arrival.fate != Fate.ANSWERED or arrival.reply is None:
        return False
    content = read_reply(arrival.head, arrival.reply.tail, arrival.reply.streamed)
    evidence = Evidence.of(content.envelope, arrival.reply.header)
    generation = deployment.generation if can.cold == "renewed" else None
    wait = Wait(arrival.scheduled_ns, arrival.done_ns)
    return starts.is_proven_cold(evidence, wait, generation, _log_of(deployment, evidence.unit) if can.events else None)


def is_logged_cold(arrival: Arrival, deployment: Deployment, can: Capabilities) -> bool:
    """The same of an answer without an envelope: by the deployment's log alone."""
    if arrival.fate != Fate.ANSWERED or not can.events:
        return False
    evidence = Evidence.of(None, arrival.reply.header if arrival.reply else b"")
    wait = Wait(arrival.scheduled_ns, arrival.done_ns)
    return met_by_log(UnitLog(deployment.events()), evidence, wait).kind in PROVEN_COLD


def _log_of(deployment: Deployment, unit: str | None) -> UnitLog:
    return UnitLog([event for event in deployment.events() if event.get("unit") == unit])
