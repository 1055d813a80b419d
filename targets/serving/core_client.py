"""How an edge asks its core: one kept connection to each replica, in turn, one request at a time, never sent again."""

import http.client
import itertools
import json
from typing import Any

from targets.clock import now_ns
from targets.workloads.contract import CORE, Measured

PATH = "/invoke"
MOST_WORDS = 300
FIGURES = ("gpu_ns", "tokens_in", "tokens_out")


class CoreFailed(Exception):
    """The core gave no good answer: busy, broken, gone or too slow, as the message says."""


class CoreClient:
    """Keeps what the core said of each request that the unit has in hand, for its envelope. Used by one thread."""

    def __init__(self, addresses: list[str], limit_s: float) -> None:
        """`limit_s` bounds the wait for each piece of an answer, and for a connection."""
        self._limit_s = limit_s
        self._replicas = [http.client.HTTPConnection(address, timeout=limit_s) for address in addresses]
        self._turns = itertools.cycle(self._replicas)
        self._told: dict[str, Any] = {}

    def connect(self) -> None:
        """Open every connection. CoreFailed when a replica does not take it."""
        for replica in self._replicas:
            try:
                replica.connect()
            except OSError as error:
                raise CoreFailed(f"the core at {_place(replica)} does not take a connection: {error}") from error

    def begin(self) -> dict[str, Any]:
        """The `parts` of the next request's envelope: filled in as the core is asked, empty where it is not."""
        self._told = {}
        return self._told

    def ask(self, request: dict[str, Any]) -> Measured:
        """The core's whole answer. CoreFailed where it is none; the next request opens a broken connection anew."""
        replica = next(self._turns)
        begun_ns = now_ns()
        status, kind, body = self._post(replica, json.dumps(request).encode())
        waited_ns = now_ns() - begun_ns
        reply = _parse(kind, body)
        if status != 200 or "errorType" in reply or "answer" not in reply:
            raise CoreFailed(f"the core answered {status}: {_words(reply, body)}")
        envelope = reply.get("frostline") or {}
        self._keep(envelope, waited_ns)
        return Measured(reply["answer"], **{name: envelope.get(name) for name in FIGURES})

    def _post(self, replica: http.client.HTTPConnection, body: bytes) -> tuple[int, str, bytes]:
        try:
            replica.request("POST", PATH, body, {"Content-Type": "application/json"})
            response = replica.getresponse()
            return response.status, response.headers.get_content_type(), response.read()
        except TimeoutError as error:
            replica.close()
            raise CoreFailed(f"the core at {_place(replica)} did not answer within {self._limit_s:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            replica.close()
            what = str(error) or type(error).__name__
            raise CoreFailed(f"the core at {_place(replica)} cannot be reached or hung up: {what}") from error

    def _keep(self, envelope: dict[str, Any], waited_ns: int) -> None:
        """The core's latest envelope, with sums over all calls of this request; each a duration on one clock."""
        begun_ns, ended_ns = envelope.get("begun_ns", 0), envelope.get("ended_ns", 0)
        sums = {
            "calls": 1,
            "waited_ns": waited_ns,
            "queue_ns": begun_ns - envelope.get("received_ns", begun_ns),
            "handler_ns": ended_ns - begun_ns,
        }
        before = self._told.get(CORE, {})
        self._told[CORE] = {**envelope, **{name: value + before.get(name, 0) for name, value in sums.items()}}


def _place(replica: http.client.HTTPConnection) -> str:
    return f"{replica.host}:{replica.port}"


def _parse(kind: str, body: bytes) -> dict[str, Any]:
    """A reply, of a stream with its chunks as the answer; an empty one where it has not the form of any."""
    try:
        if kind != "text/event-stream":
            reply = json.loads(body)
            return reply if isinstance(reply, dict) else {}
        events = [json.loads(line[6:]) for line in body.decode().splitlines() if line.startswith("data: ")]
        chunks = [event["chunk"] for event in events if "chunk" in event]
        return {"answer": chunks, **events[-1]} if events else {}
    except (ValueError, TypeError):
        return {}


def _words(reply: dict[str, Any], body: bytes) -> str:
    if "errorType" in reply:
        return f"{reply['errorType']}: {reply.get('errorMessage', '')}"[:MOST_WORDS]
    return f"{body[:MOST_WORDS]!r}"
