"""One fixed-size record per scheduled arrival, written before the request is sent, so that nothing can vanish."""

import struct
from enum import IntEnum

RECORD = struct.Struct("<qqqqqqiiHHBBxx")
"""As FIELDS below; stamps are in ns, and 0 is what did not happen."""

FIELDS = (
    ("index", "<i8"),
    ("scheduled_ns", "<i8"),
    ("started_ns", "<i8"),
    ("sent_ns", "<i8"),
    ("first_byte_ns", "<i8"),
    ("done_ns", "<i8"),
    ("reply_bytes", "<i4"),
    ("in_flight", "<i4"),
    ("status", "<u2"),
    ("error", "<u2"),
    ("fate", "u1"),
    ("fresh", "u1"),
    ("padding", "V2"),
)
"""The same record as NumPy reads it."""

REPLY = struct.Struct("<qII")
"""Before each kept reply: index, bytes of the timeline header, bytes of the body."""


class Fate(IntEnum):
    """What the generator knows of an arrival; whether an answer is right is judged later, from the kept reply."""

    UNFINISHED = 0
    ANSWERED = 1
    FAILED = 2
    TIMED_OUT = 3
    SHED = 4


class ErrorTexts:
    """Numbers error texts, so that a record holds a small integer; 0 is no error."""

    MOST = 1000

    def __init__(self) -> None:
        self.texts: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}

    def number(self, text: str) -> int:
        """The number of this text; texts past the first thousand different ones share the last."""
        text = text[:200]
        if text not in self._numbers:
            if len(self.texts) >= self.MOST:
                return self.number_of_rest()
            self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return self._numbers[text]

    def number_of_rest(self) -> int:
        """The number that stands for all further texts."""
        return len(self.texts) - 1
