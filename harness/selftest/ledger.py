"""Reads what the known-truth workload wrote down inside its units: one life for each time its code was started."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass
class HandledRequest:
    """One request as the handler saw it; `ended_ns` is None when it hung, crashed or was killed."""

    request: int
    invocation: int
    begun_ns: int
    ended_ns: int | None = None


@dataclass
class Life:
    """A unit's code from its first line to its last; a unit that is started again begins another life."""

    unit: str
    number: int
    """0 for the unit's first."""
    pid: int
    entered_ns: int
    phases_ms: dict[str, float] = field(default_factory=dict)
    ready: bool = False
    handled: list[HandledRequest] = field(default_factory=list)


def read_ledger(folder: Path) -> list[Life]:
    """Every life of every unit, in the order in which each unit led them."""
    lives: list[Life] = []
    for path in sorted(folder.glob("[0-9]*.jsonl")):
        own: list[Life] = []
        for line in path.read_text().splitlines():
            _enter(own, path.stem, json.loads(line))
        lives += own
    return lives


def _enter(lives: list[Life], unit: str, line: dict[str, Any]) -> None:
    match line["kind"]:
        case "entered":
            lives.append(Life(unit, len(lives), line["pid"], line["at_ns"]))
        case "phase":
            lives[-1].phases_ms[line["name"]] = (line["ended_ns"] - line["begun_ns"]) / 1e6
        case "ready":
            lives[-1].ready = True
        case "begun":
            handled = lives[-1].handled
            handled.append(HandledRequest(line["request"], len(handled) + 1, line["at_ns"]))
        case "ended":
            request = next(request for request in reversed(lives[-1].handled) if request.request == line["request"])
            request.ended_ns = line["at_ns"]


def most_at_once(lives: list[Life]) -> int:
    """Most requests that were being handled at one moment."""
    spans = [
        (request.begun_ns, request.ended_ns)
        for life in lives
        for request in life.handled
        if request.ended_ns is not None
    ]
    if not spans:
        return 0
    begins, ends = np.sort(np.array(spans), axis=0).T
    return int(np.max(np.arange(1, len(begins) + 1) - np.searchsorted(ends, begins, side="right")))
