"""Server-sent events: counted in the pieces in which they come, or read once all of them are there."""

import re
from collections.abc import Iterator

LINE_END = re.compile(rb"\r\n|\n|\r")
MARK = b"\xef\xbb\xbf"
"""May stand before the first line of a stream."""
NO_CHUNKS = frozenset({b"frostline", b"error"})
"""Events that are no piece of the answer."""
PREFIX = 64
"""Of a line that is not whole yet, so much is kept: enough to know its field and the last event's name."""


def read_events(body: bytes) -> Iterator[tuple[bytes, bytes | None]]:
    """(name, data) of each whole event, data None where it has none; what no empty line ends never arrived as one."""
    name, data = b"", list[bytes]()
    for line in body.removeprefix(MARK).splitlines():
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"event":
            name = value
        elif field == b"data":
            data.append(value)
        elif not line:
            if name or data:
                yield name, b"\n".join(data) if data else None
            name, data = b"", []


class EventCounter:
    """Counts server-sent events that carry a chunk of the answer, as their last line comes."""

    def __init__(self) -> None:
        self._line = b""
        self._is_first = True
        self._after_return = False
        self._name = b""
        self._has_data = False

    def feed(self, piece: bytes) -> int:
        """How many events end in this piece. A line ends with a line feed, a carriage return or both."""
        if self._after_return and piece[:1] == b"\n":
            piece = piece[1:]
        self._after_return = piece[-1:] == b"\r"
        *lines, line = LINE_END.split(self._line + piece)
        self._line = line[:PREFIX]
        return sum(map(self._read_line, lines))

    def _read_line(self, line: bytes) -> bool:
        """Whether this line ends an event that counts."""
        if self._is_first:
            line, self._is_first = line.removeprefix(MARK), False
        if line:
            field, _, value = line.partition(b":")
            if field == b"data":
                self._has_data = True
            elif field == b"event":
                self._name = value.removeprefix(b" ")
            return False
        counts = self._has_data and self._name not in NO_CHUNKS
        self._name, self._has_data = b"", False
        return counts
