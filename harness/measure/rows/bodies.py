"""What stands in a reply's body: an answer, the envelope behind it, or an error; as one JSON object or as events."""

import json
from dataclasses import dataclass
from typing import Any

from harness.load.events import read_events

ENVELOPE, ERROR_MEMBERS = "frostline", ("errorType", "errorMessage")
ENVELOPE_EVENT = b"event: frostline\ndata: {"
"""How the head of a stream ends whose tail is the inside of its envelope's event."""
SPACE = b" \n\r\t"
Error = dict[str, Any]


@dataclass(frozen=True)
class Content:
    """What one body says. Whatever cannot be read in it is None."""

    answer: Any = None
    envelope: Any = None
    error: Error | None = None
    """Its type and message, where it says that it is one."""
    split: bool = False
    """Answer and envelope could be read apart: the same answer may stand before other envelopes."""


def parse_object(data: bytes) -> dict[str, Any] | None:
    """The JSON object that these bytes are; None where they are none."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_reply(head: bytes, tail: bytes, streamed: bool) -> Content:
    """A body that was kept in two parts: apart where that comes to the same as the whole of it, else as a whole."""
    envelope = read_tail(tail)
    content = None if envelope is None else _read_head(head, streamed)
    if content is None:
        return read_body(head + tail, streamed)
    return Content(content.answer, envelope, content.error, split=True)


def read_tail(tail: bytes) -> Any:
    """The envelope, where a tail is that and nothing else."""
    members = parse_object(b"{" + tail) if tail else None
    return members[ENVELOPE] if members and list(members) == [ENVELOPE] else None


def _read_head(head: bytes, streamed: bool) -> Content | None:
    """What stands before an envelope; None where the tail is no further member, or no event, of the same body."""
    if streamed:
        return _read_events(head) if head.endswith(ENVELOPE_EVENT) else None
    before = head.strip(SPACE)
    members = {} if before == b"{" else _open(before)
    return None if members is None else _content(members)


def _open(before: bytes) -> dict[str, Any] | None:
    """The members before a comma; None where there are none, or none that are whole."""
    return (parse_object(before[:-1] + b"}") or None) if before.endswith(b",") else None


def read_body(body: bytes, streamed: bool = False) -> Content:
    """What a whole body says; nothing, where it is not of the form."""
    return _read_events(body) if streamed else _content(parse_object(body) or {})


def read_bare(body: bytes) -> Any:
    """The answer that a whole body is where nothing of ours made it: its JSON, else its text."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return body.decode(errors="replace")


def _content(members: dict[str, Any]) -> Content:
    error = {name: members[name] for name in ERROR_MEMBERS if name in members}
    return Content(members.get("answer"), members.get(ENVELOPE), error or None)


def _read_events(body: bytes) -> Content:
    """The answer of a stream is the list of its chunks; None where an event is neither a chunk nor known by name."""
    chunks: list[Any] | None = []
    envelope, error = None, None
    for name, data in read_events(body):
        if data is None:
            continue
        members = parse_object(data) or {}
        if name == b"frostline":
            envelope = members.get(ENVELOPE)
        elif name == b"error":
            error = members
        elif chunks is not None and "chunk" in members:
            chunks.append(members["chunk"])
        else:
            chunks = None
    return Content(chunks, envelope, error)
