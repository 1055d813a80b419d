"""Forced cold starts: remove every unit, prove it gone, send one request, keep its whole story."""

import http.client
from collections.abc import Callable
from dataclasses import dataclass

from harness.clock import now_ns
from harness.load.process import KeptReply
from harness.load.wire import Fate
from harness.measure import page_cache
from harness.measure.evidence import Stamps, UnitLog, read_reply, start_class
from harness.measure.rows import Exchange
from harness.record.nouns import StartClass
from targets.contract import Deployment, Endpoint, Payload

RIGHT_KIND = (StartClass.COLD, StartClass.COLD_REINIT)
MOST_TRIES = 3
"""Forced starts per start of the right kind that is wanted; then the trial says how many it got."""


@dataclass(frozen=True)
class Question:
    """How each request is asked."""

    payloads: list[Payload]
    header: str
    """Of the reply, which is kept."""
    timeout_s: float

    def ask(self, endpoint: Endpoint, index: int, scheduled_ns: int) -> Exchange:
        """One request on a connection of its own."""
        body = self.payloads[index % len(self.payloads)].body
        return ask_once(endpoint, body, index, scheduled_ns, self.header, self.timeout_s)


def force_cold_starts(
    deployment: Deployment, question: Question, count: int, dropped: bool, progress: Callable[[int], None]
) -> list[Exchange]:
    """Requests, each from nothing, until `count` of them met a proven cold start; what was not is among them too.

    For a service the clock begins when a replica is asked for. `dropped`: the page cache is dropped before each.
    """
    exchanges: list[Exchange] = []
    proven = 0
    while proven < count and len(exchanges) < MOST_TRIES * count:
        deployment.make_cold()
        if dropped:
            page_cache.drop()
        scheduled_ns = now_ns()
        deployment.wake()
        exchanges.append(question.ask(deployment.endpoints[0], len(exchanges), scheduled_ns))
        proven += is_right_kind(exchanges[-1], deployment)
        progress(proven)
    return exchanges


def is_right_kind(exchange: Exchange, deployment: Deployment) -> bool:
    """Whether the reply and the deployment's log prove that this request met a start."""
    if exchange.reply is None:
        return False
    evidence, _, _ = read_reply(exchange.reply.header, exchange.reply.body)
    return start_class(evidence, UnitLog(deployment.events())) in RIGHT_KIND


def discarded(classes: list[str | None], count: int) -> list[str]:
    """What a trial of forced starts has to say about those that were not of the right kind."""
    right = sum(kind in RIGHT_KIND for kind in classes)
    found = []
    if right < len(classes):
        found.append(f"{len(classes) - right} of {len(classes)} forced starts were not proven cold: discarded")
    if right < count:
        found.append(f"{right} cold starts instead of {count}: {MOST_TRIES} times as many were tried")
    return found


def ask_once(endpoint: Endpoint, body: bytes, index: int, scheduled_ns: int, header: str, timeout_s: float) -> Exchange:
    """One POST on a connection of its own, never repeated. No generator began on it, so there is no such stamp."""
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout_s)
    sent_ns = first_byte_ns = None
    try:
        connection.request("POST", endpoint.path, body, {"Content-Type": "application/json"})
        sent_ns = now_ns()
        response = connection.getresponse()
        first_byte_ns = now_ns()
        reply = KeptReply(response.headers.get(header, "").encode(), response.read())
        stamps = Stamps(scheduled_ns, None, sent_ns, first_byte_ns, now_ns())
        return Exchange(index, stamps, Fate.ANSWERED, response.status, "", True, 1, len(reply.body), reply)
    except (OSError, http.client.HTTPException) as error:
        fate = Fate.TIMED_OUT if isinstance(error, TimeoutError) else Fate.FAILED
        stamps = Stamps(scheduled_ns, None, sent_ns, first_byte_ns, now_ns())
        return Exchange(index, stamps, fate, error=str(error) or type(error).__name__, fresh=True, in_flight=1)
    finally:
        connection.close()
