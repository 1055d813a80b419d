"""What a platform tells of requests and units, in the only forms that count: a bad figure is dropped, and counted."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from harness.measure.rows.evidence import MOST_NAME, MOST_NS
from harness.record.phases import BEFORE
from targets.contract import Completion, Witnessed

NAMES = ("unit", "start_type")
AMOUNTS = ("billed_ns", "init_ns", "restore_ns", "memory_used_bytes")
MOST_KINDS = 8
"""So many kinds of dropped figures are named."""


def cut_id(text: str) -> str:
    """A request's id as far as it is kept: alike wherever it comes from, so that long ones match as well."""
    return text[:MOST_NAME]


def is_amount(value: Any) -> bool:
    """Whether it is a whole number that can be stored and added up."""
    return type(value) is int and 0 <= value <= MOST_NS


def is_name(value: Any) -> bool:
    """Whether it is a text that can be stored."""
    return is_id(value) and len(value) <= MOST_NAME


def is_id(value: Any) -> bool:
    """Whether it is a text of any length but none; half a surrogate pair is in no text that can be stored."""
    return isinstance(value, str) and bool(value) and not any("\ud800" <= letter <= "\udfff" for letter in value)


def is_end(end: Completion) -> bool:
    """Whether a completion has the form of one."""
    is_status = type(end.status) is int and 100 <= end.status <= 999
    return is_id(end.request_id) and is_amount(end.at_ns) and is_status and isinstance(end.body, bytes)


class Words:
    """Takes in what a platform tells, witness by witness."""

    def __init__(self) -> None:
        self.dropped: Counter[str] = Counter()
        """How many figures of each kind had no accepted form."""

    def accept(self, witness: Witnessed) -> Witnessed | None:
        """What of a witness can be believed; None where it says of nothing that it could be of."""
        if witness.request_id is not None and not is_id(witness.request_id):
            self.dropped["request_id"] += 1
            return None
        kept: dict[str, Any] = {name: self._kept(name, getattr(witness, name), is_name) for name in NAMES}
        kept |= {name: self._kept(name, getattr(witness, name), is_amount) for name in AMOUNTS}
        if witness.request_id is None and kept["unit"] is None:
            if witness.unit is None:
                self.dropped["request_id"] += 1
            return None
        return Witnessed(witness.request_id, **kept, phases_ns=dict(self._phases(witness.phases_ns)))

    def _kept(self, name: str, value: Any, fits: Any) -> Any:
        if value is None or fits(value):
            return value
        self.dropped[name] += 1
        return None

    def _phases(self, told_ns: Any) -> Iterator[tuple[str, int]]:
        if not isinstance(told_ns, Mapping):
            self.dropped["phases_ns"] += 1
            return
        for name, part_ns in told_ns.items():
            if name in BEFORE and is_amount(part_ns):
                yield name, part_ns
            else:
                self.dropped[f"phase {name!a:.42}"] += 1

    def warnings(self) -> list[str]:
        """What was dropped, in a line; none where nothing was."""
        if not self.dropped:
            return []
        kinds = [f"{count} {name}" for name, count in self.dropped.most_common(MOST_KINDS)]
        more = len(self.dropped) - MOST_KINDS
        kinds += [f"{more} more kinds"] if more > 0 else []
        return [f"what the platform told in no accepted form was dropped: {', '.join(kinds)}"]
