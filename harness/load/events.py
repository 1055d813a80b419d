"""Server-sent events in the pieces in which they come."""

import re

LINE_END = re.compile(rb"\r\n|\n|\r")
MARK = b"\xef\xbb\xbf"
"""May stand before the first line of a stream."""
NO_CHUNKS = frozenset({b"frostline", b"error"})
"""Events that are no piece of the answer."""
PREFIX = 64
"""Of a line that is not whole yet, so much is kept: enough to know its field and the last event's name."""


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
