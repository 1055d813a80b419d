"""A deployment's own log of what it started and stopped: one JSON object a line, each an Event of the contract."""

import json
import threading
from pathlib import Path
from typing import Unpack

from targets.clock import now_ns
from targets.contract import Event, EventFacts, EventKind


class EventLog:
    """Appends events to a file from any thread; each line is one unbuffered write, so that a kill loses none."""

    def __init__(self, path: Path) -> None:
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
