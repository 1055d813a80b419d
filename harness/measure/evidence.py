"""What a reply proves: which unit answered, whether it had to start for it, and where the time went."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from harness.record.nouns import PHASES, Outcome, StartClass
from targets.contract import Event

Moment = Annotated[int, Field(strict=True, ge=0, le=2**59)]
"""ns of a monotonic clock, at most 18 years: sums of a few still fit into 64 bits."""
Counter = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Unit = Annotated[str, Field(min_length=1, max_length=200)]
STEPS = {"load": "loaded", "create": "created", "start": "started"}
INSIDE = ("imports", "weights", "tokenizer", "connections")
"""Phases that the serving code stamps itself."""


@dataclass(frozen=True)
class Stamps:
    """Absolute moments of one request as the sender saw it, ns; None for what did not happen."""

    scheduled_ns: int
    started_ns: int | None = None
    sent_ns: int | None = None
    first_byte_ns: int | None = None
    done_ns: int | None = None


class Init(BaseModel):
    """A start, as the serving code stamped it."""

    entered_ns: Moment
    phases_ns: dict[str, Moment]


class Inside(BaseModel):
    """What an envelope must look like to be evidence. It comes from whatever answered, so nothing is taken on trust."""

    unit: Unit
    clock: Annotated[str, Field(max_length=200)] | None = None
    invocation: Counter
    begun_ns: Moment
    ended_ns: Moment
    init_ended_ns: Moment | None = None
    received_ns: Moment | None = None
    gpu_ns: Moment | None = None
    init: Init | None = None


class Outside(BaseModel):
    """What the front's header must look like to be evidence; it has all of it only when a sandbox was asked."""

    received_ns: Moment
    unit: Unit | None = None
    unit_request: Counter | None = None
    asked_ns: Moment | None = None
    spans_ns: dict[str, tuple[Moment, Moment]] = {}
    started_for_request: bool = False


@dataclass(frozen=True)
class Evidence:
    """Everything that a reply and the deployment's log say about one request."""

    inside: Mapping[str, Any] = field(default_factory=dict)
    """From the payload: the fields of Inside that it gave, or nothing."""
    outside: Mapping[str, Any] = field(default_factory=dict)
    """From the front's header: the fields of Outside that it gave, or nothing."""

    @property
    def unit(self) -> str | None:
        """Who answered."""
        found = self.outside.get("unit", self.inside.get("unit"))
        return None if found is None else str(found)


class UnitLog:
    """The deployment's events, by unit."""

    def __init__(self, events: list[Event]) -> None:
        self.by_unit: dict[str, list[Event]] = {}
        for event in events:
            if "unit" in event:
                self.by_unit.setdefault(event["unit"], []).append(event)

    def first(self, unit: str | None, kind: str) -> Event | None:
        """A unit's first event of this kind."""
        return next((event for event in self.by_unit.get(unit or "", []) if event["kind"] == kind), None)

    def for_request(self, unit: str | None) -> bool:
        """Whether the unit was started because a request needed it."""
        created = self.first(unit, "create")
        return bool(created and created.get("for_request"))

    def overran(self, unit: str | None) -> bool:
        """Whether the unit's initialisation was cut off at the limit and repeated."""
        return self.first(unit, "init_timeout") is not None

    def span(self, unit: str | None, begin: str, end: str) -> tuple[int, int] | None:
        """First begin and first end of a step, when both were logged."""
        opened, closed = self.first(unit, begin), self.first(unit, end)
        return (opened["at_ns"], closed["at_ns"]) if opened and closed else None


def start_class(evidence: Evidence, log: UnitLog) -> StartClass | None:
    """From counters and logs only. A lost reply of a request that started a sandbox is cold by the front's word."""
    unit, invocation = evidence.unit, evidence.inside.get("invocation")
    request = evidence.outside.get("unit_request")
    if request == 1 and evidence.outside.get("started_for_request"):
        return StartClass.COLD_REINIT if log.overran(unit) else StartClass.COLD
    if invocation is None:
        return None
    if invocation > 1:
        return StartClass.WARM
    if request is not None and request > 1:
        return StartClass.RESET
    return StartClass.COLD if log.for_request(unit) else StartClass.PROACTIVE


def queue_ns(evidence: Evidence) -> int | None:
    """Time in a queue of the platform's: before a sandbox was asked, or inside a replica before a thread was free."""
    inside, outside = evidence.inside, evidence.outside
    if "received_ns" in inside:
        return int(inside["begun_ns"] - inside["received_ns"])
    if "received_ns" in outside and "asked_ns" in outside:
        begun = [span[0] for span in outside.get("spans_ns", {}).values()]
        return int(min([outside["asked_ns"], *begun]) - outside["received_ns"])
    return None


def phases_ns(evidence: Evidence, stamps: Stamps, log: UnitLog, same_clock: bool) -> dict[str, int]:
    """Parts of a start, ns by name; with `unaccounted` they add up to scheduled -> done. Empty without an answer."""
    init = evidence.inside.get("init")
    if not init or stamps.done_ns is None:
        return {}
    found = {name: int(init["phases_ns"][name]) for name in INSIDE if name in init["phases_ns"]}
    found["first_inference"] = int(evidence.inside["ended_ns"] - evidence.inside["begun_ns"])
    if same_clock:
        found |= _platform_phases(evidence, stamps, log, int(init["entered_ns"]))
    found["unaccounted"] = stamps.done_ns - stamps.scheduled_ns - sum(found.values())
    return {name: found[name] for name in PHASES if name in found}


def _platform_phases(evidence: Evidence, stamps: Stamps, log: UnitLog, entered_ns: int) -> dict[str, int]:
    """Queue, image, create, start, boot: stamps of other processes, comparable since all share one kernel's clock."""
    steps = _steps(evidence, log)
    found: dict[str, int] = {}
    asked = evidence.outside.get("received_ns", stamps.scheduled_ns)
    if steps:
        found["queue"] = min(begun for begun, _ in steps.values()) - asked
    for step, phase in (("load", "image"), ("create", "create")):
        if step in steps:
            found[phase] = steps[step][1] - steps[step][0]
    if "start" in steps:
        begun, ended = steps["start"]
        ended = min(ended, entered_ns)  # the engine's answer may come after the runtime's first step
        found["start"] = ended - begun
        found["boot"] = entered_ns - ended
    return found


def _steps(evidence: Evidence, log: UnitLog) -> Mapping[str, tuple[int, int]]:
    """When the unit was created and started. A front tells what this request waited for; a replica starts but once."""
    if "unit_request" in evidence.outside:
        spans: dict[str, tuple[int, int]] = evidence.outside.get("spans_ns", {})
        return spans
    steps = {begin: log.span(evidence.unit, begin, end) for begin, end in STEPS.items()}
    return {name: span for name, span in steps.items() if span is not None}


def read_reply(header: bytes, body: bytes) -> tuple[Evidence, Any, dict[str, Any] | None]:
    """(evidence, answer, error) of one reply. Anything malformed is simply not evidence."""
    outside, inside = _mapping(header), _mapping(body)
    error = inside if "errorType" in inside or "errorMessage" in inside else None
    evidence = Evidence(_evidence(Inside, inside.get("frostline")), _evidence(Outside, outside))
    return evidence, inside.get("answer"), error


def outcome_of(
    status: int, error: dict[str, Any] | None, evidence: Evidence, wrong: str | None
) -> tuple[Outcome, str | None]:
    """(outcome, why) of an answered request."""
    if status == 429:
        return Outcome.THROTTLED, "throttled (429)"
    if error is not None:
        kind = str(error.get("errorType", "error"))[:100]
        timed_out = kind == "Sandbox.Timedout"
        why = _storable(f"{kind}: {str(error.get('errorMessage', ''))[:160]}")
        return Outcome.TIMED_OUT if timed_out else Outcome.FAILED, why
    if status != 200:
        return Outcome.FAILED, f"HTTP {status}"
    if not evidence.inside:
        return Outcome.WRONG, "the reply carries no envelope"
    return (Outcome.WRONG, _storable(f"wrong answer: {wrong}")) if wrong else (Outcome.OK, None)


def _mapping(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data) if data else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _evidence(form: type[Inside | Outside], given: Any) -> dict[str, Any]:
    try:
        return form.model_validate(given).model_dump(exclude_none=True, exclude_unset=True)
    except ValidationError:
        return {}


def _storable(text: str) -> str:
    """A text from a stranger; half a surrogate pair can be written in JSON, but not in UTF-8."""
    return text.encode(errors="backslashreplace").decode()
