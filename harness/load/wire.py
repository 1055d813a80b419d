"""What a run and its load process hand each other, as files in one folder.

Plan: where to send, when and what; one for each schedule. Arrival: one scheduled request. Record: what the generator
saw of an arrival, of fixed size, written before the request is sent, so that nothing can vanish. Replies, where these
are kept, are files of their own (replies.py).
"""

import array
import errno
import json
import struct
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import TextIO

from typing_extensions import TypedDict  # pydantic takes that of Python 3.12 and newer only

from harness.errors import TrialError
from harness.load.failed import TooLong
from loadprofiles.contract import fingerprint
from targets.contract import Endpoint

MUSTER = "muster"
"""What a load process reads in place of a plan's folder: wait until all workers are there."""
SCHEDULE, BODIES, PLAN = "schedule.f64", "bodies.bin", "plan.json"

FIELDS = (
    ("index", "<i8"),
    ("scheduled_ns", "<i8"),
    ("started_ns", "<i8"),
    ("in_flight", "<i4"),
    ("chunks", "<i4"),
    ("connect_ns", "<i8"),
    ("tls_ns", "<i8"),
    ("sent_ns", "<i8"),
    ("first_byte_ns", "<i8"),
    ("first_chunk_ns", "<i8"),
    ("last_chunk_ns", "<i8"),
    ("chunk_gap_p50_ns", "<i8"),
    ("chunk_gap_p95_ns", "<i8"),
    ("done_ns", "<i8"),
    ("reply_bytes", "<i8"),
    ("body_bytes", "<i8"),
    ("status", "<u2"),
    ("error", "<u2"),
    ("fate", "u1"),
    ("fresh", "u1"),
    ("resent", "u1"),
    ("padding", "V1"),
)
"""A record as NumPy reads it. Stamps are moments in ns, and 0 is what did not happen; `connect_ns` and `tls_ns` say
how long opening a connection for this request took, first_chunk_ns to chunks what came of a reply in chunks."""

RECORD = struct.Struct("<3q2i11q2H3Bx")
"""The same as it is written."""
UNKNOWN_GAP = -1
"""In place of a gap between chunks: chunks that came at once are 0 apart."""

UNSEEN = 2
"""In place of whether a connection was opened for a request: those of a sender that carries it out are its own."""

STAMPS = ("scheduled_ns", "started_ns", "sent_ns", "first_byte_ns", "first_chunk_ns", "last_chunk_ns", "done_ns")
"""Fields of a record that are moments of its worker's clock, all others are none."""

BEGUN = struct.Struct("<qi")
BEGUN_AT = 16
"""Of a record so much is written, there, when its request begins: started_ns and in_flight."""

DEFAULT_CAP = 20_000
EXHAUSTED = frozenset(
    {
        *(errno.EMFILE, errno.ENFILE),  # no descriptor
        *(errno.EADDRNOTAVAIL, errno.EADDRINUSE, errno.EAGAIN),  # no port for a connection of ours
        *(errno.ENOMEM, errno.ENOBUFS),
    }
)
"""This machine has no descriptor, port or memory left: the generator's fault, never the target's."""


REDIRECTS = frozenset({300, 301, 302, 303, 307, 308})
"""Statuses that point elsewhere; nobody follows them here."""


class Fate(IntEnum):
    """What the generator knows of an arrival; whether an answer is right is judged later, from the kept reply."""

    UNFINISHED = 0
    ANSWERED = 1
    FAILED = 2
    TIMED_OUT = 3
    SHED = 4
    """Not sent: as many as the plan's cap were in flight."""
    EXHAUSTED = 5
    """Not carried out: the generator had no descriptor, port or memory for it, or no room for its reply."""


def fate_of(error: Exception) -> Fate:
    """The fate of a request without an answer: the target failed, or the generator had nothing left to send it with."""
    is_ours = isinstance(error, (MemoryError, TooLong)) or (isinstance(error, OSError) and error.errno in EXHAUSTED)
    return Fate.EXHAUSTED if is_ours else Fate.FAILED


class ErrorTexts:
    """Numbers error texts, so that a record holds a small integer; 0 is no error."""

    MOST = 1000
    MOST_PLACES = 20
    LONGEST = 2000
    """Characters of a text that are kept: enough to find whatever must not be shown of what is shown in the end."""
    FURTHER = f"another reason: more than {MOST:,} different ones were seen"
    ELSEWHERE = f"redirects, to more than {MOST_PLACES} different places"

    def __init__(self, file: TextIO | None = None) -> None:
        """`file`: gets each text as a line of JSON when it is new."""
        self._file = file
        self.texts: list[str] = [""]
        self._numbers: dict[str, int] = {"": 0}
        self._places: set[str] = set()

    def redirect(self, place: str) -> str:
        """The text of a redirect to this place; past the first few different ones all share a text, for each request
        may be sent to a place of its own."""
        place = place[: self.LONGEST]
        if place not in self._places and len(self._places) == self.MOST_PLACES:
            return self.ELSEWHERE
        self._places.add(place)
        return f"redirect to {place}"

    def number(self, text: str) -> int:
        """The number of this text; those past the first thousand different ones share the last, which says so."""
        text = text[: self.LONGEST]
        if text not in self._numbers:
            if len(self.texts) >= self.MOST - 1:
                text = self.FURTHER
            if text in self._numbers:
                return self._numbers[text]
            self._numbers[text] = len(self.texts)
            self.texts.append(text)
            if self._file is not None:
                self._file.write(json.dumps(text) + "\n")
        return self._numbers[text]


class WorkerClock(TypedDict):
    """How a far worker's clock stands to that of the run's machine."""

    ahead_ns: int
    """By so much its stamps were moved back, all by the same, so that differences between them are its own."""
    bound_ns: int
    """They are off by this at most: by what is not known of the two measurements, and by `drift_ns`."""
    drift_ns: int
    """How much further ahead it was after the schedule than before it."""


class FarReport(TypedDict):
    """Of a worker on another machine."""

    machine: str
    """Tells machines apart without naming them, as in machine_facts."""
    clock: WorkerClock | None
    """None where it was lost before this could be measured again."""
    steal_share: float | None
    throttled: bool
    """What the run looks at on its own machine, over the schedule."""


class WorkerReport(TypedDict):
    """What a worker says of itself when its share is done."""

    rank: int
    cpu_share: float | None
    """None where it did not come to say so."""
    priority: str
    timer: str
    opened: list[tuple[int, int] | None]
    """By endpoint: ns for connecting and for TLS of the first connection, opened before the start; None: it failed."""
    prewarmed: int
    """Connections that were opened before the start and kept."""
    prewarm_problem: str
    """Why these are fewer than were wanted; "" when nothing kept them from being opened."""
    turns_problem: str
    """What is to be said of a server that takes one connection at a time; "" of others."""
    addresses: list[str]
    """HOST:PORT of each address that took a connection."""
    cap: int
    """Most requests that it could have in flight, by the plan and by its descriptors."""
    descriptors: int
    problems: list[str]
    """What it ran out of: what was measured is kept, and does not count."""
    lost: str
    """How the worker ended in the midst of its share; "" where it did not."""
    far: FarReport | None
    """None of a worker of the run's own machine."""


def unheard(rank: int, lost: str = "") -> WorkerReport:
    """The report of a worker that has said nothing yet, or never will."""
    return {
        "rank": rank,
        "cpu_share": None,
        "priority": "unknown",
        "timer": "unknown",
        "opened": [],
        "prewarmed": 0,
        "prewarm_problem": "",
        "turns_problem": "",
        "addresses": [],
        "cap": 0,
        "descriptors": 0,
        "problems": [],
        "lost": lost,
        "far": None,
    }


@dataclass(frozen=True)
class LoadPlan:
    """One schedule for one deployment; endpoints are taken in turn, as are the bodies."""

    folder: str
    endpoints: list[Endpoint]
    sha256: str
    seconds: float
    timeout_s: float = 60.0
    cap: int = DEFAULT_CAP
    """Most requests in flight; an arrival beyond it is shed, and counted."""
    prewarm: int = 16
    takes_many: bool = True
    """The endpoints are known to take many connections at once, as our own targets do. Where that is not known, an idle
    connection is closed for a request that waits as it would for a server that takes one at a time."""
    keep_replies: bool = True
    report_to_locust: bool = False

    @property
    def drain_s(self) -> float:
        """How long after the last arrival replies are waited for: every request then has timed out or ended."""
        return self.timeout_s + 5

    def write(self, offsets: "array.array[float]", bodies: list[bytes]) -> None:
        """Put the schedule, the bodies and this plan into the folder."""
        folder = Path(self.folder)
        (folder / SCHEDULE).write_bytes(offsets.tobytes())
        (folder / BODIES).write_bytes(b"".join(struct.pack("<I", len(body)) + body for body in bodies))
        fields = vars(self) | {"endpoints": [vars(endpoint) for endpoint in self.endpoints]}
        (folder / PLAN).write_text(json.dumps(fields, default=dict))

    @classmethod
    def read(cls, folder: str) -> "LoadPlan":
        """The plan in this folder."""
        return cls.parse((Path(folder) / PLAN).read_bytes(), folder)

    @classmethod
    def parse(cls, text: bytes, folder: str) -> "LoadPlan":
        """The plan that this text holds, to be carried out in this folder."""
        fields = json.loads(text) | {"folder": folder}
        fields["endpoints"] = [Endpoint(**endpoint) for endpoint in fields["endpoints"]]
        return cls(**fields)

    def offsets(self) -> "array.array[float]":
        """The schedule, in seconds. TrialError when it is not the one that was planned."""
        return self.parse_offsets((Path(self.folder) / SCHEDULE).read_bytes())

    def parse_offsets(self, data: bytes) -> "array.array[float]":
        """The schedule that this holds. TrialError when it is not the one that was planned."""
        offsets = array.array("d")
        offsets.frombytes(data)
        if fingerprint(offsets) != self.sha256:
            raise TrialError("the schedule on disk is not the one that was planned")
        return offsets

    def bodies(self) -> list[bytes]:
        """The request bodies; at least one."""
        return parse_bodies((Path(self.folder) / BODIES).read_bytes())

    def output(self, kind: str, rank: int) -> Path:
        """Where worker `rank` leaves its records, errors, replies or their heads."""
        return Path(self.folder) / f"{kind}.{rank}"


def parse_bodies(data: bytes) -> list[bytes]:
    """Request bodies as `LoadPlan.write` puts them one after the other; at least one."""
    bodies, at = [], 0
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        bodies.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return bodies or [b""]
