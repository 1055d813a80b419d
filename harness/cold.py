"""Forced cold starts: remove every unit, prove it gone, send one request, keep its whole story."""

import http.client
from collections.abc import Callable

from harness.clock import now_ns
from harness.evidence import Stamps
from harness.load.process import KeptReply
from harness.load.records import Fate
from harness.requests import Exchange
from targets.contract import Deployment, Endpoint, Payload


def force_cold_starts(
    deployment: Deployment,
    payloads: list[Payload],
    count: int,
    header: str,
    timeout_s: float,
    progress: Callable[[int], None],
) -> list[Exchange]:
    """`count` requests, each from nothing. For a service the clock begins when a replica is asked for."""
    exchanges = []
    for index in range(count):
        deployment.make_cold()
        scheduled_ns = now_ns()
        deployment.wake()
        body = payloads[index % len(payloads)].body
        exchanges.append(ask_once(deployment.endpoints[0], body, index, scheduled_ns, header, timeout_s))
        progress(index + 1)
    return exchanges


def ask_once(endpoint: Endpoint, body: bytes, index: int, scheduled_ns: int, header: str, timeout_s: float) -> Exchange:
    """One POST on a connection of its own, never repeated."""
    started_ns = now_ns()
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout_s)
    sent_ns = first_byte_ns = None
    try:
        connection.request("POST", endpoint.path, body, {"Content-Type": "application/json"})
        sent_ns = now_ns()
        response = connection.getresponse()
        first_byte_ns = now_ns()
        reply = KeptReply(response.headers.get(header, "").encode(), response.read())
        stamps = Stamps(scheduled_ns, started_ns, sent_ns, first_byte_ns, now_ns())
        return Exchange(index, stamps, Fate.ANSWERED, response.status, "", True, 1, len(reply.body), reply)
    except (OSError, http.client.HTTPException) as error:
        fate = Fate.TIMED_OUT if isinstance(error, TimeoutError) else Fate.FAILED
        stamps = Stamps(scheduled_ns, started_ns, sent_ns, first_byte_ns, now_ns())
        return Exchange(index, stamps, fate, error=str(error) or type(error).__name__, fresh=True, in_flight=1)
    finally:
        connection.close()
