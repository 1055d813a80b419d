"""A deployment's own log of what it started and stopped: one JSON object a line, each an Event of the contract."""

import json
import threading
from pathlib import Path
from typing import Literal, TypedDict, Unpack

from targets.clock import now_ns

EventKind = Literal[
    "open",  # the deployment takes requests; with the settings of a front
    "load",  # an absent image is fetched for a unit ...
    "loaded",
    "create",  # a unit is asked for ...
    "created",
    "start",  # its runtime is started ...
    "started",
    "ready",  # a replica answered
    "init_begin",  # the serving code says so itself
    "init_end",
    "init_timeout",  # initialising took too long: it is cut off and done again
    "timed_out",  # a request took too long: its runtime is killed
    "died",
    "throttled",  # a request was turned away
    "evicted",
    "removed",  # with the kernel's last figures
    "close",
]
"""What a deployment logs of itself. All but open, throttled and close name their unit."""


class OwnGpus(TypedDict, total=False):
    """What `started` tells of a unit with GPUs."""

    gpus: list[str]
    """Those that it has for itself, by the driver's numbers."""


class EventFacts(OwnGpus, total=False):
    """What an event tells besides its moment, kind and unit."""

    part: str
    """Of a unit of a further part of a target: that part's name."""
    for_request: bool
    """create: a request waits for this unit."""
    container: str
    """created, started."""
    pid: int | None
    """started: the unit's main process, where it can be seen from here."""
    process_started: str
    """started: when that process began, as targets.ownership.start_time has it."""
    mark: str
    """started, of a unit of processes: what all of them carry in their environment."""
    why: str
    """died, where it is known."""
    reason: str
    """throttled."""
    error: str
    """removed: it could not be."""
    memory_bytes: int | None
    """removed, as all the following."""
    memory_peak_bytes: int | None
    own_memory_bytes: int | None
    cpu_ns: int | None
    throttled_ns: int | None
    oom_killed: bool
    priority: str
    """open, of a front, as all the following."""
    keep_alive_s: float
    timeout_s: float
    init_timeout_s: float
    concurrency_limit: int
    starts_per_10_s: int
    tmp_mb: int


class Event(EventFacts, total=False):
    """One line of a deployment's own log, on the monotonic clock; every one has a moment and a kind."""

    at_ns: int
    kind: EventKind
    unit: str


class EventLog:
    """Appends events to a file from any thread; each line is one unbuffered write, so that a kill loses none."""

    def __init__(self, path: Path) -> None:
        self.folder = path.parent
        """Where what else a deployment writes may lie: it is removed with the log."""
        self._file = path.open("ab", buffering=0)

    def write(
        self, kind: EventKind, unit: str | None = None, at_ns: int | None = None, **facts: Unpack[EventFacts]
    ) -> int:
        """Log one event; returns its stamp."""
        at_ns = now_ns() if at_ns is None else at_ns
        event = {"at_ns": at_ns, "kind": kind, **({"unit": unit} if unit else {}), **facts}
        if not self._file.closed:  # a unit's output is still listened to when its deployment is already gone
            self._file.write(json.dumps(event).encode() + b"\n")
        return at_ns

    def close(self) -> None:
        """Take no more events. Safe to call twice."""
        self._file.close()


class EventReader:
    """Follows an event log that another process writes; the sampler's thread and the trial's may both ask.

    Each line is parsed once, and the living are kept as of the last line: a look costs what is new.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._events: list[Event] = []
        self._living: dict[str, Event] = {}
        self._offset = 0
        self._lock = threading.Lock()

    def read(self, since: int = 0) -> list[Event]:
        """The events so far, in the order of writing, from number `since` on; a half-written line is for later."""
        with self._lock:
            self._follow()
            return self._events[since:]

    def living_units(self) -> dict[str, Event]:
        """The units that are started and not removed, each with its latest `started` event."""
        with self._lock:
            self._follow()
            return dict(self._living)

    def _follow(self) -> None:
        """Take in what was written since the last time."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._offset)
            whole, newline, _ = file.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for line in whole.splitlines():
            event: Event = json.loads(line)
            self._events.append(event)
            if event["kind"] == "started":
                self._living[event["unit"]] = event
            elif event["kind"] in ("removed", "died"):
                self._living.pop(event["unit"], None)
