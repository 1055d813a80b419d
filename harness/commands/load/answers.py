"""Why a reply that came whole is no good answer all the same, told from what was kept of it after the load."""

import json
from functools import cache
from typing import Any

import jmespath
from jmespath.exceptions import JMESPathError

from harness.load.events import read_events
from harness.load.replies import Replies, Reply

MARK = "\ufeff"
DONE = b"[DONE]"
"""What some services send as the last event: no JSON."""
OURS = b"frostline"
"""An event of the bench's own targets: no part of the answer."""
NOTHING = "the reply's body is empty"
NO_JSON = "the reply is not JSON"


class Answers:
    """Reads bodies, of which alike ones are judged once."""

    def __init__(self, replies: Replies, paths: tuple[str, ...]) -> None:
        self._replies = replies
        self._paths = paths
        self._known: dict[tuple[int, bool], str] = {}
        """By the number of the head and its form: what is wrong with a reply that is no more than that."""

    def body(self, reply: Reply) -> bytes:
        """The whole body."""
        return self._replies.head(reply.head) + reply.tail

    def problem(self, reply: Reply) -> str:
        """What of the expected is not so; "" when it is a good answer."""
        if reply.tail:
            return content_problem(self.body(reply), reply.streamed, self._paths)
        key = (reply.head, reply.streamed)
        if key not in self._known:
            self._known[key] = content_problem(self.body(reply), reply.streamed, self._paths)
        return self._known[key]


def content_problem(body: bytes, streamed: bool, paths: tuple[str, ...]) -> str:
    """Why a body does not hold what these JMESPath expressions ask for; "" when it does.

    Of a stream of events, or of JSON lines, the last one is asked.
    """
    if not body.strip():
        return NOTHING
    if not streamed:
        return _text_problem(_decoded(body), paths)
    name, data = last_event(body)
    if name == b"error":
        return "the stream ended in an error event"
    if data is None:
        return "the stream holds no event with data"
    value = _read(_decoded(data))
    if _is_error(value):
        return "the stream's last event holds an error"
    return _value_problem(value, paths)


def _text_problem(text: str, paths: tuple[str, ...]) -> str:
    """Of what is no stream of events: JSON as a whole, or line by line, which is a stream as well."""
    value = _read(text)
    if value is not _NoJson:
        return _value_problem(value, paths)
    value = _read(text.rstrip().rpartition("\n")[2])
    return "the stream's last line holds an error" if _is_error(value) else _value_problem(value, paths)


def _is_error(value: Any) -> bool:
    """Whether the last that came of a stream says that the rest of it failed."""
    return isinstance(value, dict) and bool(value.get("error"))


def last_event(body: bytes) -> tuple[bytes, bytes | None]:
    """Name and data of the last server-sent event that has data, or that is an error; one that was not ended counts."""
    found: tuple[bytes, bytes | None] = (b"", None)
    for name, data in read_events(body + b"\n\n"):
        if name != OURS and data != DONE and (data is not None or name == b"error"):
            found = name, data
    return found


def _decoded(body: bytes) -> str:
    return body.decode("utf-8", "replace").removeprefix(MARK)


class _NoJson:
    """Stands for a text that is none."""


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _NoJson


def _value_problem(value: Any, paths: tuple[str, ...]) -> str:
    if value is _NoJson:
        return NO_JSON
    return next((f"its JSON does not hold {path}" for path in paths if not _holds(path, value)), "")


def _holds(path: str, value: Any) -> bool:
    """Whether the expression is true as JMESPath has it: not null, false or empty."""
    try:
        found = _compiled(path).search(value)
    except (JMESPathError, RecursionError, TypeError):  # a function that is given what it does not take
        return False
    return found is not None and found is not False and found not in ("", [], {})


@cache
def _compiled(path: str) -> Any:
    return jmespath.compile(path)
