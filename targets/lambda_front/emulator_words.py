"""What AWS's emulator says around a function's own words: it has ids of its own, and tells of its own faults."""

import json
import re

KILLED = b"signal: killed"
"""In the emulator's own error: somebody killed the runtime, as the kernel does when memory runs out."""
ID = rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
START = re.compile(rb"START RequestId: (" + ID + rb")[^\n]*\n")
ENDED = re.compile(rb'\{"errorType":"[^"]*","errorMessage":"RequestId: (' + ID + rb") Error: ")
"""The emulator's own error, when the runtime has ended."""
RAISED = re.compile(rb'\{"errorMessage": .*"requestId": "(' + ID + rb')", "stackTrace": ', re.DOTALL)
"""The runtime's, for an exception of the function."""
OWN_LINE = re.compile(
    rb"\d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2},\d{3} \[[A-Z]+\] \(rapid\) [^\n]*\n?"
    rb'|time=\S+ level=[A-Z]+ msg="http: panic serving [^\n]*\n?'
)
"""It may stand behind what the function printed without an end of line."""


def own_error(reply: bytes, request_id: str) -> bytes:
    """An error with the id by which its request is known in place of the emulator's."""
    found = ENDED.match(reply) or RAISED.match(reply)
    return reply.replace(found[1], request_id.encode()) if found else reply


def exit_error(request_id: str, why: str) -> bytes:
    """An error of its form where it gives none itself: the runtime ended before it could take the request."""
    words = f"RequestId: {request_id} Error: Runtime exited as it initialised: {why}"
    return json.dumps({"errorType": "Runtime.ExitError", "errorMessage": words}).encode()


def with_reason(reply: bytes, why: str) -> bytes:
    """The emulator's own error for a runtime that was killed, with why that was."""
    return reply.replace(KILLED, KILLED + f" ({why})".encode(), 1) if ENDED.match(reply) else reply


def is_whole(output: bytes) -> bool:
    """Whether the last request that a log tells of has its end there."""
    starts = list(START.finditer(output))
    return bool(starts) and b"END RequestId: " in output[starts[-1].end() :]


def own_print(output: bytes, request_id: str) -> bytes:
    """What the function printed in the last of the requests that a log tells of, with that request's id."""
    starts = list(START.finditer(output))
    printed = output[starts[-1].end() :] if starts else output
    printed = OWN_LINE.sub(b"", printed.partition(b"END RequestId: ")[0])
    return printed.replace(starts[-1][1], request_id.encode()) if starts else printed
