"""What a unit and a front say of a request, for tests that change a little of it."""

import json

from harness.load.process import Arrival
from harness.load.replies import Reply
from harness.load.wire import Fate
from harness.measure.rows.evidence import Evidence, UnitLog
from targets.clock import clock_id
from targets.contract import Capabilities
from targets.workloads.echo import WORKLOAD

MS = 1_000_000
LOCAL = Capabilities("shared", "removed", "polled", events=True, emulated=True, isolated=True)
FAR = Capabilities("own", "renewed", "per_request", events=False, emulated=True, isolated=True, asynchronous=True)
COLD_SPANS = {"create": [2 * MS, 10 * MS], "start": [11 * MS, 40 * MS]}
PAYLOADS = WORKLOAD.payloads()


def inside(invocation=1, **changes):
    """An envelope's evidence: entered at 50 ms, begun at 90 ms, ended at 95 ms."""
    given = {"unit": "0001", "clock": clock_id(), "invocation": invocation, "begun_ns": 90 * MS, "ended_ns": 95 * MS}
    given["init_ended_ns"] = 85 * MS
    if invocation == 1:
        given["init"] = {"entered_ns": 50 * MS, "phases_ns": {"imports": 10 * MS, "weights": 20 * MS}}
    return {**given, **changes}


def outside(request=1, **changes):
    """A front's header of a request received at 1 ms."""
    given = {"received_ns": MS, "unit": "0001", "unit_request": request, "asked_ns": 60 * MS}
    if request == 1:
        given |= {"started_for_request": True, "spans_ns": COLD_SPANS}
    return {**given, **changes}


def body_of(own, index=0):
    """A right answer to the payload whose turn it is at `index`, with this envelope."""
    return json.dumps({"answer": json.loads(PAYLOADS[index % len(PAYLOADS)].body), "frostline": own}).encode()


def evidence(own=None, front=None):
    return Evidence.of(own, json.dumps(front).encode() if front else b"")


def log(*kinds, for_request=True, unit="0001"):
    events = [{"at_ns": at * MS, "kind": kind, "unit": unit} for at, kind in enumerate(kinds, 1)]
    return UnitLog([{**event, "for_request": for_request} if event["kind"] == "create" else event for event in events])


def arrival(index, body=b"", header=b"", fate=Fate.ANSWERED, status=200, request_id="", streamed=False, **stamps):
    """One that was scheduled and sent at 0 and done at 200 ms, unless its stamps say otherwise."""
    reply = Reply(header, request_id, streamed=streamed) if body or header or request_id else None
    given = {"scheduled_ns": 0, "sent_ns": 1, "first_byte_ns": 199 * MS, "done_ns": 200 * MS, **stamps}
    size = {"reply_bytes": len(body), "body_bytes": 9}
    return Arrival(index, fate=fate, status=status, in_flight=1, reply=reply, head=body, **given, **size)
