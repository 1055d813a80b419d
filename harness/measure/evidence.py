"""What a reply proves: which unit answered, whether it had to start for it, and where the time went."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NotRequired, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic's rule below Python 3.12

from harness.record.nouns import Outcome, StartClass
from harness.record.phases import order_phases
from targets.contract import Event

Moment = Annotated[int, Field(strict=True, ge=0, le=2**59)]
"""ns of a monotonic clock, at most 18 years: sums of a few still fit into 64 bits."""
Counter = Annotated[int, Field(strict=True, ge=1, le=2**31 - 1)]
Unit = Annotated[str, Field(min_length=1, max_length=200)]
STEPS = {"load": "loaded", "create": "created", "start": "started"}
INSIDE = ("imports", "weights", "tokenizer", "connections")
"""Phases that the serving code stamps itself."""
PROVEN_COLD = (StartClass.COLD, StartClass.COLD_REINIT)
"""What a forced cold start must have been."""


class Init(TypedDict):
    """A start, as the serving code stamped it."""

    entered_ns: Moment
    phases_ns: dict[str, Moment]


class Inside(TypedDict):
    """What an envelope must look like to be evidence. It comes from whatever answered, so nothing is taken on trust."""

    unit: Unit
    clock: NotRequired[Annotated[str, Field(max_length=200)] | None]
    invocation: Counter
    begun_ns: Moment
    ended_ns: Moment
    init_ended_ns: NotRequired[Moment | None]
    received_ns: NotRequired[Moment | None]
    init: NotRequired[Init | None]


class Outside(TypedDict):
    """What the front's header must look like to be evidence; it has all of it only when a sandbox was asked."""

    received_ns: Moment
    unit: NotRequired[Unit | None]
    unit_request: NotRequired[Counter | None]
    asked_ns: NotRequired[Moment | None]
    spans_ns: NotRequired[dict[str, tuple[Moment, Moment]]]
    started_for_request: NotRequired[bool]


@dataclass(frozen=True)
class Evidence:
    """Everything that a reply says about one request."""

    inside: Inside | None = None
    """From the payload; None where it is no envelope."""
    outside: Outside | None = None
    """From the front's header; None where there is none."""

    @property
    def unit(self) -> str | None:
        """Who answered: by the front's word, where it names a unit, else by its own."""
        return (self.outside and self.outside.get("unit")) or (self.inside and self.inside["unit"]) or None

    @property
    def invocation(self) -> int | None:
        """The unit's own count of its calls."""
        return self.inside["invocation"] if self.inside else None

    @property
    def unit_request(self) -> int | None:
        """The front's count of what it asked this unit."""
        return self.outside.get("unit_request") if self.outside else None


class UnitLog:
    """The deployment's events, indexed once: the first of each kind of each unit."""

    def __init__(self, events: Iterable[Event]) -> None:
        self.creations: list[Event] = []
        """In the order of the log."""
        self.last_ns = 0
        """When the last thing happened."""
        self._firsts: dict[tuple[str, str], Event] = {}
        for event in events:
            self.last_ns = max(self.last_ns, event["at_ns"])
            if event["kind"] == "create":
                self.creations.append(event)
            if "unit" in event:
                self._firsts.setdefault((event["unit"], event["kind"]), event)

    def first_event(self, unit: str | None, kind: str) -> Event | None:
        """A unit's first event of this kind."""
        return self._firsts.get((unit or "", kind))

    def is_for_request(self, unit: str | None) -> bool:
        """Whether the unit was started because a request needed it."""
        creation = self.first_event(unit, "create")
        return bool(creation and creation.get("for_request"))

    def has_init_timeout(self, unit: str | None) -> bool:
        """Whether the unit's initialisation was cut off at the limit and repeated."""
        return self.first_event(unit, "init_timeout") is not None

    def span(self, unit: str | None, begin: str, end: str) -> tuple[int, int] | None:
        """First begin and first end of a step, when both were logged."""
        opened, closed = self.first_event(unit, begin), self.first_event(unit, end)
        return (opened["at_ns"], closed["at_ns"]) if opened and closed else None


def start_class(evidence: Evidence, log: UnitLog) -> StartClass | None:
    """What the request met, from counters and logs only.

    A lost reply of a request that started a sandbox is cold by the front's word.
    """
    unit, invocation, request = evidence.unit, evidence.invocation, evidence.unit_request
    if request == 1 and evidence.outside and evidence.outside.get("started_for_request"):
        return StartClass.COLD_REINIT if log.has_init_timeout(unit) else StartClass.COLD
    if invocation is None:
        return None
    if invocation > 1:
        return StartClass.WARM
    if request is not None and request > 1:
        return StartClass.RESET
    return StartClass.COLD if log.is_for_request(unit) else StartClass.PROACTIVE


def queue_ns(evidence: Evidence) -> int | None:
    """Time in a queue of the platform's: before a sandbox was asked, or inside a replica before a thread was free."""
    inside, outside = evidence.inside, evidence.outside
    if inside and (received_ns := inside.get("received_ns")) is not None:
        return inside["begun_ns"] - received_ns
    if outside and (asked_ns := outside.get("asked_ns")) is not None:
        begun = [span[0] for span in outside.get("spans_ns", {}).values()]
        return min([asked_ns, *begun]) - outside["received_ns"]
    return None


def phases_ns(
    evidence: Evidence, scheduled_ns: int, done_ns: int | None, log: UnitLog, same_clock: bool
) -> dict[str, int]:
    """Parts of a start, ns by name; with `unaccounted` they add up to scheduled -> done. Empty without an answer."""
    inside = evidence.inside
    init = inside.get("init") if inside else None
    if not inside or not init or done_ns is None:
        return {}
    parts = {name: init["phases_ns"][name] for name in INSIDE if name in init["phases_ns"]}
    parts["first_inference"] = inside["ended_ns"] - inside["begun_ns"]
    if same_clock:
        parts |= _platform_phases(evidence, scheduled_ns, log, init["entered_ns"])
    parts["unaccounted"] = done_ns - scheduled_ns - sum(parts.values())
    return {name: parts[name] for name in order_phases(parts)}


def _platform_phases(evidence: Evidence, scheduled_ns: int, log: UnitLog, entered_ns: int) -> dict[str, int]:
    """Queue, image, create, start, boot: stamps of other processes, comparable since all share one kernel's clock."""
    steps = _steps(evidence, log)
    parts: dict[str, int] = {}
    request_ns = evidence.outside["received_ns"] if evidence.outside else scheduled_ns
    if steps:
        parts["queue"] = min(begun for begun, _ in steps.values()) - request_ns
    for step, phase in (("load", "image"), ("create", "create")):
        if step in steps:
            parts[phase] = steps[step][1] - steps[step][0]
    if "start" in steps:
        begun, ended = steps["start"]
        ended = min(ended, entered_ns)  # the engine's answer may come after the runtime's first step
        parts["start"] = ended - begun
        parts["boot"] = entered_ns - ended
    return parts


def _steps(evidence: Evidence, log: UnitLog) -> Mapping[str, tuple[int, int]]:
    """When the unit was created and started. A front tells what this request waited for; a replica starts but once."""
    if evidence.outside and evidence.unit_request is not None:
        return evidence.outside.get("spans_ns", {})
    steps = {begin: log.span(evidence.unit, begin, end) for begin, end in STEPS.items()}
    return {name: span for name, span in steps.items() if span is not None}


def read_reply(header: bytes, body: bytes) -> tuple[Evidence, Any, dict[str, Any] | None]:
    """(evidence, answer, error) of one reply. Anything malformed is simply not evidence."""
    envelope = _parse_object(body)
    error = envelope if "errorType" in envelope or "errorMessage" in envelope else None
    evidence = Evidence(
        _validate(INSIDE_FORM, envelope.get("frostline")), _validate(OUTSIDE_FORM, _parse_object(header) or None)
    )
    return evidence, envelope.get("answer"), error


def judge_reply(
    status: int, error: dict[str, Any] | None, evidence: Evidence, wrong: str | None
) -> tuple[Outcome, str | None]:
    """(outcome, why) of an answered request; `wrong` is what the workload's check said of the answer."""
    if status == 429:
        return Outcome.THROTTLED, "throttled (429)"
    if error is not None:
        kind = str(error.get("errorType", "error"))[:100]
        timed_out = kind == "Sandbox.Timedout"
        why = _make_storable(f"{kind}: {str(error.get('errorMessage', ''))[:160]}")
        return Outcome.TIMED_OUT if timed_out else Outcome.FAILED, why
    if status != 200:
        return Outcome.FAILED, f"HTTP {status}"
    if not evidence.inside:
        return Outcome.WRONG, "the reply carries no envelope"
    return (Outcome.WRONG, _make_storable(wrong)) if wrong else (Outcome.OK, None)


Form = TypeVar("Form", Inside, Outside)
INSIDE_FORM = TypeAdapter(Inside)
OUTSIDE_FORM = TypeAdapter(Outside)


def _parse_object(data: bytes) -> dict[str, Any]:
    try:
        value = json.loads(data) if data else {}
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _validate(form: TypeAdapter[Form], value: Any) -> Form | None:
    """The value when it has this form; None for anything else."""
    if value is None:
        return None
    try:
        return form.validate_python(value)
    except ValidationError:
        return None


def _make_storable(text: str) -> str:
    """A text from a stranger; half a surrogate pair can be written in JSON, but not in UTF-8."""
    return text.encode(errors="backslashreplace").decode()
