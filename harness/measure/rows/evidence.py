"""What a reply and a deployment's log say, in the only forms that count. Whatever has another form is no evidence."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired, TypeVar

from pydantic import Field, TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic's rule below Python 3.12

from harness.measure.rows.bodies import parse_object
from targets.events import Event

MOST_INT32 = 2**31 - 1
MOST_NS = 2**59
"""18 years: sums of a few still fit into 64 bits."""
MOST_NAME = 200
Moment = Annotated[int, Field(strict=True, ge=0, le=MOST_NS)]
"""ns of a monotonic clock."""
Amount = Annotated[int, Field(strict=True, ge=0, le=MOST_NS)]
Counter = Annotated[int, Field(strict=True, ge=1, le=MOST_INT32)]
Tokens = Annotated[int, Field(strict=True, ge=0, le=MOST_INT32)]
Name = Annotated[str, Field(min_length=1, max_length=MOST_NAME)]


class Init(TypedDict):
    """A start, as the serving code stamped it; phases in the order of first entry."""

    entered_ns: Moment
    phases_ns: dict[str, Moment]
    late_ns: NotRequired[Amount | None]
    """How long of the request it took to load the model, where that was not done before."""
    gpu: NotRequired[Annotated[dict[Name, Name], Field(max_length=20)] | None]
    """What its GPU is and by what it is driven, where it has one."""


class Inside(TypedDict):
    """What an envelope must look like to be evidence. It comes from whatever answered, so nothing is taken on trust."""

    unit: Name
    clock: NotRequired[Annotated[str, Field(max_length=MOST_NAME)] | None]
    invocation: Counter
    begun_ns: Moment
    ended_ns: Moment
    init_ended_ns: NotRequired[Moment | None]
    received_ns: NotRequired[Moment | None]
    init: NotRequired[Init | None]
    generation: NotRequired[Name | None]
    request_id: NotRequired[Annotated[str, Field(min_length=1)] | None]
    initialization: NotRequired[Name | None]
    spent_ns: NotRequired[Amount | None]
    gpu_ns: NotRequired[Amount | None]
    tokens_in: NotRequired[Tokens | None]
    tokens_out: NotRequired[Tokens | None]
    unit_first_chunk_ns: NotRequired[Amount | None]
    unit_chunk_gap_p50_ns: NotRequired[Amount | None]
    unit_chunk_gap_p95_ns: NotRequired[Amount | None]
    memory_used_bytes: NotRequired[Amount | None]
    part: NotRequired[Name | None]


class FurtherPart(TypedDict):
    """What an envelope that nests another must say of it to be evidence: sums over all calls of the request."""

    calls: Counter
    waited_ns: Amount
    queue_ns: Amount
    handler_ns: Amount


class Outside(TypedDict):
    """What the front's header must look like to be evidence; it has all of it only when a sandbox was asked."""

    received_ns: Moment
    unit: NotRequired[Name | None]
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
    parts: Mapping[str, FurtherPart] = field(default_factory=dict)
    """Of further parts that this request reached, by name."""

    @classmethod
    def of(cls, envelope: Any, header: bytes) -> "Evidence":
        """What a reply's envelope, as parsed, and its header amount to."""
        outside = parse_object(header) if header else None
        inside = _in_order(_validate(INSIDE_FORM, _of_part(envelope)))
        return cls(inside, _validate(OUTSIDE_FORM, outside), _further(envelope) if inside else {})

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

    @property
    def init(self) -> Init | None:
        """The start that this answer tells of."""
        return self.inside.get("init") if self.inside else None


class UnitLog:
    """The deployment's events, indexed once: the first of each kind of each unit."""

    def __init__(self, events: Iterable[Event] = ()) -> None:
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


Form = TypeVar("Form", Inside, Outside, FurtherPart)
INSIDE_FORM = TypeAdapter(Inside)
FURTHER_FORM = TypeAdapter(FurtherPart)
OUTSIDE_FORM = TypeAdapter(Outside)


def _of_part(envelope: Any) -> Any:
    """The evidence of the part that answered: a nested one where the envelope names one that it nests, else its own."""
    parts, part = (envelope.get("parts"), envelope.get("part")) if isinstance(envelope, dict) else (None, None)
    nested = parts.get(part) if isinstance(parts, dict) and isinstance(part, str) else None
    return {**nested, "part": part} if isinstance(nested, dict) else envelope


def _further(envelope: Any) -> dict[str, FurtherPart]:
    """The parts that an envelope nests, those that have the form of one."""
    nested = envelope.get("parts")
    parts = nested.items() if isinstance(nested, dict) else ()
    return {name: part for name, value in parts if (part := _validate(FURTHER_FORM, value)) is not None}


def _validate(form: TypeAdapter[Form], value: Any) -> Form | None:
    """The value when it has this form; None for anything else."""
    if value is None:
        return None
    try:
        return form.validate_python(value)
    except ValidationError:
        return None


def _in_order(inside: Inside | None) -> Inside | None:
    """An envelope whose moments can have happened one after the other; None for one that tells of negative times."""
    if inside is None:
        return None
    init, received_ns = inside.get("init"), inside.get("received_ns")
    moments = [inside["begun_ns"], *([init["entered_ns"]] if init else []), *([received_ns] if received_ns else [])]
    return inside if max(moments) == inside["begun_ns"] <= inside["ended_ns"] else None
